package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestErrorCode(t *testing.T) {
	for _, test := range []struct {
		err     error
		code    int16
		message string
		custom  string
	}{
		{nil, 0, "", ""},
		{kerr.UnknownTopicOrPartition, 3, "This server does not host this topic-partition.", ""},
		{fmt.Errorf("events-0: %w", kerr.NotLeaderForPartition), 6, *DefaultMessage(6), ""},
		{errors.New("a bug"), -1, "The server experienced an unexpected error when processing the request.", ""},
		{fmt.Errorf("creating: %w", WithMessage(kerr.InvalidRequest, "No.")), 42, "No.", "No."},
		{WithMessage(fmt.Errorf("creating: %w", kerr.PolicyViolation), "Never."), 44, "Never.", "Never."},
	} {
		if got := ErrorCode(test.err); got != test.code {
			t.Errorf("the code of %v is %d, want %d", test.err, got, test.code)
		}
		if got := textOf(ErrorMessage(test.err)); got != test.message {
			t.Errorf("the message of %v is %q, want %q", test.err, got, test.message)
		}
		if got := textOf(CustomMessage(test.err)); got != test.custom {
			t.Errorf("the custom message of %v is %q, want %q", test.err, got, test.custom)
		}
	}
	if got := ErrorName(6); got != "NOT_LEADER_OR_FOLLOWER" {
		t.Errorf("code 6 is called %s", got)
	}
	if got := ErrorName(0); got != "NONE" {
		t.Errorf("code 0 is called %s", got)
	}
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestEveryCodeHasAMessage(t *testing.T) {
	for code := int16(-1); code <= 106; code++ {
		if message := DefaultMessage(code); (message == nil) != (code == 0) {
			t.Errorf("the message of code %d is %v", code, message)
		}
	}
}

func TestResponseHeaderVersions(t *testing.T) {
	for _, test := range []struct {
		key, version int16
		want         []byte
	}{
		{KeyMetadata, 8, []byte{0, 0, 0, 6, 0, 0, 0, 7}},
		{KeyMetadata, 9, []byte{0, 0, 0, 7, 0, 0, 0, 7, 0}},
		{KeyApiVersions, 3, []byte{0, 0, 0, 6, 0, 0, 0, 7}}, // always version 0
		{KeySaslHandshake, 1, []byte{0, 0, 0, 6, 0, 0, 0, 7}},
	} {
		if got := AppendResponseHead(nil, 7, test.key, test.version, 2); !bytes.Equal(got, test.want) {
			t.Errorf("%s version %d: got %v, want %v", APIName(test.key), test.version, got, test.want)
		}
	}
}

func TestAppendResponseIsReadBack(t *testing.T) {
	response := kmsg.NewPtrHeartbeatResponse()
	response.SetVersion(4)
	response.ErrorCode = 27
	frame := AppendResponse([]byte("before"), 9, response)[len("before"):]
	correlationID, body, err := ParseResponseHeader(frame[4:], KeyHeartbeat, 4)
	read := kmsg.NewPtrHeartbeatResponse()
	read.SetVersion(4)
	if err != nil || correlationID != 9 || read.ReadFrom(body) != nil || read.ErrorCode != 27 || int(frame[3]) != len(frame)-4 {
		t.Errorf("got %d, %v, %+v from %v", correlationID, err, read, frame)
	}
}

func TestAPITable(t *testing.T) {
	table := NewAPITable(KeyFetch, KeyProduce, 999)
	if served := table.Served(); len(served) != 2 || served[0].Key != KeyProduce || served[1].MaxVersion != 13 {
		t.Errorf("served are %v", served)
	}
	for _, key := range []int16{-1, KeyMetadata, 52, 999} {
		if _, ok := table.Lookup(key); ok {
			t.Errorf("%d is served", key)
		}
	}
	if _, ok := APIForKey(52); ok {
		t.Error("Vote is an API of ZooKeeper mode")
	}
}

func TestClientHost(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1": "/10.0.0.1", "::1": "/0:0:0:0:0:0:0:1", "fe80::a0:0": "/fe80:0:0:0:0:0:a0:0", "::ffff:1.2.3.4": "/1.2.3.4",
	} {
		context := RequestContext{ClientAddress: net.ParseIP(address)}
		if got := context.ClientHost(); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

func TestValidSoftware(t *testing.T) {
	for text, want := range map[string]bool{
		"apache-kafka-java": true, "3.1.0": true, "a": true, "": false, "-a": false, "a-": false, "a b": false, "a_b": false, ".": false,
	} {
		if ValidSoftware(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}
