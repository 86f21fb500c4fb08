package config

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPropertiesSyntax(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       map[string]string
	}{
		{"separators", "a=1\nb:2\nc 3\nd\t4\ne = 5\nf : 6", map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6"}},
		{"one separator only", "a==1\nb=:2\nc  = = 3", map[string]string{"a": "=1", "b": ":2", "c": "= 3"}},
		{"no value", "a\nb=\nc =  ", map[string]string{"a": "", "b": "", "c": ""}},
		{"no key", "=value", map[string]string{"": "value"}},
		{"comments and blank lines", "# a=1\n\n \t\n  ! b=2\nc=3 # kept", map[string]string{"c": "3 # kept"}},
		{"a comment does not continue", "# a \\\nb=2", map[string]string{"b": "2"}},
		{"continuation", "a=1,\\\n   2,\\\n\t3\nb=4", map[string]string{"a": "1,2,3", "b": "4"}},
		{"continuation by CR and LF", "a=1,\\\r\n   2\r\nb=4\rc=5", map[string]string{"a": "1,2", "b": "4", "c": "5"}},
		{"continuation within the key", "long.\\\n  key=1", map[string]string{"long.key": "1"}},
		{"two backslashes do not continue", "a=1\\\\\nb=2", map[string]string{"a": "1\\", "b": "2"}},
		{"a continued line is no comment", "a=1\\\n#2", map[string]string{"a": "1#2"}},
		{"a comment after a lone mark of continuation", "\\\n#a=1\nb=2", map[string]string{"b": "2"}},
		{"backslash at the end", "a=1\\", map[string]string{"a": "1"}},
		{"white space at the end is kept", "a=1 \t", map[string]string{"a": "1 \t"}},
		{"escapes", `a\ b\=c\:d=\t\n\r\f\"\\x\q`, map[string]string{"a b=c:d": "\t\n\r\f\"\\xq"}},
		{"unicode", `k\u00e9y=\u20AC \uD83D\uDE00`, map[string]string{"kéy": "€ 😀"}},
		{"bytes are ISO-8859-1", "a=caf\xe9", map[string]string{"a": "café"}},
		{"no expansion", "a=${b}\nb=$c", map[string]string{"a": "${b}", "b": "$c"}},
		{"the last one wins", "a=1\na=2", map[string]string{"a": "2"}},
		{"case is kept", "dataDir=/tmp\nDATADIR=x", map[string]string{"dataDir": "/tmp", "DATADIR": "x"}},
		{"nothing", "", map[string]string{}},
	} {
		got, err := ReadProperties(strings.NewReader(test.text))
		if err != nil || !maps.Equal(got, test.want) {
			t.Errorf("%s: %q gives %q, %v", test.name, test.text, got, err)
		}
	}
}

func TestMalformedUnicodeIsRefused(t *testing.T) {
	for _, text := range []string{`a=\u12`, `a=\u12g4`, `\uzzzz=1`} {
		if _, err := ReadProperties(strings.NewReader(text)); !errors.Is(err, errMalformedUnicode) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestOrderAndRepetitionsAreKept(t *testing.T) {
	got, err := ReadOrderedProperties(strings.NewReader("b=1\na=2\nb=3"))
	if want := []Property{{"b", "1"}, {"a", "2"}, {"b", "3"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestMissingFile(t *testing.T) {
	if _, _, err := LoadServerProperties(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// escape writes a key or value so that it reads as it is.
func escape(text string) string {
	var escaped strings.Builder
	for _, unit := range text {
		if unit > 0xff || unit == '\n' || unit == '\r' {
			return ""
		}
		if !strings.ContainsRune("tnrfu", unit) {
			escaped.WriteByte('\\')
		}
		escaped.WriteByte(byte(unit))
	}
	return escaped.String()
}

func FuzzProperties(f *testing.F) {
	for _, seed := range []string{
		"a=1\\\n 2\n#x\nb:3", `\u0041=\uD83D\uDE00`, "\\\n\\\r\n", "=\x00\xff", "a\\ b = c\\\\\r\n!x\\", "\\u00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		properties, err := ReadProperties(strings.NewReader(string(text)))
		if err != nil {
			return
		}
		var written strings.Builder
		want := map[string]string{}
		for key, value := range properties {
			escapedKey, escapedValue := escape(key), escape(value)
			if escapedKey == "" || escapedValue == "" && value != "" {
				continue
			}
			want[key] = value
			written.WriteString(escapedKey + "=" + escapedValue + "\n")
		}
		again, err := ReadProperties(strings.NewReader(written.String()))
		if err != nil || !maps.Equal(again, want) {
			t.Fatalf("%q was written as %q and read as %q, %v", want, written.String(), again, err)
		}
	})
}

func TestShippedFilesHoldTheKeysOfKafka(t *testing.T) {
	for file, want := range map[string]string{
		"server.properties": "broker.id=0 num.network.threads=3 num.io.threads=8 socket.send.buffer.bytes=102400 " +
			"socket.receive.buffer.bytes=102400 socket.request.max.bytes=104857600 log.dirs=/tmp/kafka-logs num.partitions=1 " +
			"num.recovery.threads.per.data.dir=1 offsets.topic.replication.factor=1 transaction.state.log.replication.factor=1 " +
			"transaction.state.log.min.isr=1 log.retention.hours=168 log.segment.bytes=1073741824 log.retention.check.interval.ms=300000 " +
			"zookeeper.connect=localhost:2181 zookeeper.connection.timeout.ms=18000 group.initial.rebalance.delay.ms=0",
		"zookeeper.properties": "dataDir=/tmp/zookeeper clientPort=2181 maxClientCnxns=0 admin.enableServer=false",
		"producer.properties":  "bootstrap.servers=localhost:9092 compression.type=none",
		"consumer.properties":  "bootstrap.servers=localhost:9092 group.id=test-consumer-group",
	} {
		opened, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		properties, err := ReadOrderedProperties(opened)
		opened.Close()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, property := range properties {
			got = append(got, property.Key+"="+property.Value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s holds %s", file, strings.Join(got, " "))
		}
	}
	broker, unknown, err := LoadServerProperties("server.properties", nil)
	if err != nil || len(unknown) > 0 || len(broker.Warnings()) > 0 {
		t.Errorf("server.properties: unknown %v, warnings %v, %v", unknown, broker.Warnings(), err)
	}
}
