package protocol

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// loggedMessage is a message of testdata/request_log.txt.
type loggedMessage struct {
	kind         string
	key, version int16
	body         []byte
	want         string
}

func (m loggedMessage) json() (string, error) {
	var text []byte
	var err error
	if m.kind == "request" {
		text, err = AppendRequestJSON(nil, m.key, m.version, m.body)
	} else {
		text, err = AppendResponseJSON(nil, m.key, m.version, m.body, m.kind == "raw")
	}
	return string(text), err
}

func loggedMessages(t testing.TB) []loggedMessage {
	t.Helper()
	file, err := os.Open("testdata/request_log.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var messages []loggedMessage
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var message loggedMessage
		var body string
		fmt.Sscan(lines.Text(), &message.kind, &message.key, &message.version, &body)
		if message.body, err = hex.DecodeString(body); err != nil || !lines.Scan() {
			t.Fatalf("%v after %s of %s", err, message.kind, APIName(message.key))
		}
		message.want = lines.Text()
		messages = append(messages, message)
	}
	return messages
}

func TestMessagesReadAsInKafkasRequestLog(t *testing.T) {
	for _, message := range loggedMessages(t) {
		if got, err := message.json(); err != nil || got != message.want {
			t.Errorf("%s of %s version %d: %v\n%s, want\n%s", message.kind, APIName(message.key), message.version, err, got, message.want)
		}
	}
}

// TestTaggedFieldsStandWhereKafkaDefinesThem: on the wire they are last.
func TestTaggedFieldsStandWhereKafkaDefinesThem(t *testing.T) {
	body := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 't', 2} // one topic, one partition
	body = append(body, 0, 0, 0, 5, 0, 0)                      // index, error
	body = append(body, make([]byte, 24)...)                   // high watermark, last stable offset, log start offset
	body = append(body, 0, 255, 255, 255, 255, 1)              // aborted, preferred replica, no records
	body = append(body, 1, 0, 13, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0)
	got, err := AppendResponseJSON(nil, KeyFetch, 12, body, true)
	const want = `{"throttleTimeMs":0,"errorCode":0,"sessionId":0,"responses":[{"topic":"t","partitions":[{"partitionIndex":5,"errorCode":0,` +
		`"highWatermark":0,"lastStableOffset":0,"logStartOffset":0,"divergingEpoch":{"epoch":7,"endOffset":9},"abortedTransactions":null,` +
		`"preferredReadReplica":-1,"recordsSizeInBytes":0}]}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s, want\n%s", err, got, want)
	}
}

func TestHeaderJSON(t *testing.T) {
	for header, want := range map[RequestHeader]string{
		{KeyOffsetForLeaderEpoch, 4, 7, "a\"b"}: `{"requestApiKey":23,"requestApiVersion":4,"correlationId":7,"clientId":"a\"b","requestApiKeyName":"OFFSET_FOR_LEADER_EPOCH"}`,
		{KeyControlledShutdown, 0, 7, ""}:       `{"requestApiKey":7,"requestApiVersion":0,"correlationId":7,"requestApiKeyName":"CONTROLLED_SHUTDOWN"}`,
	} {
		if got := string(AppendHeaderJSON(nil, header)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// FuzzMessageJSON: whatever the bytes are, what is logged is JSON or an error.
func FuzzMessageJSON(f *testing.F) {
	for _, message := range loggedMessages(f) {
		f.Add(message.kind, message.key, message.version, message.body)
	}
	f.Fuzz(func(t *testing.T, kind string, key, version int16, body []byte) {
		text, err := loggedMessage{kind, key, version, body, ""}.json()
		if err == nil && !json.Valid([]byte(text)) {
			t.Errorf("%s version %d: %s", APIName(key), version, text)
		}
	})
}
