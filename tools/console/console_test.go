package console

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
	"github.com/gregor-broker/gregor/tools/command/commandtest"
)

const (
	producerClass = "kafka.tools.ConsoleProducer"
	consumerClass = "kafka.tools.ConsoleConsumer"
	log4j         = "../../config/tools-log4j.properties"
)

func TestMain(m *testing.M) {
	commandtest.Main(m, map[string]commandtest.Tool{
		producerClass: ConsoleProducer,
		consumerClass: func(args []string, _ io.Reader, stdout, stderr io.Writer) int {
			return ConsoleConsumer(args, stdout, stderr)
		},
	})
}

func TestProducerArgumentsAreKafkas(t *testing.T) {
	commandtest.CheckArguments(t, producerClass, log4j, "testdata/console_producer_arguments.txt")
}

func TestConsumerArgumentsAreKafkas(t *testing.T) {
	commandtest.CheckArguments(t, consumerClass, log4j, "testdata/console_consumer_arguments.txt")
}

func TestLinesEndAsJavasDo(t *testing.T) {
	input := &lines{input: bufio.NewReader(strings.NewReader("a\nb\r\nc\rd\n\nx\xffy\nend"))}
	var got []string
	for {
		line, err := input.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(line))
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "", "x\ufffdy", "end"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLineReaderSplitsKeys(t *testing.T) {
	for _, test := range []struct {
		properties, line string
		key, value       any
		failure          string
	}{
		{"", "k\tv", nil, "k\tv", ""},
		{"parse.key=true", "k\tv\tw", "k", "v\tw", ""},
		{"parse.key=TRUE key.separator=::", "k::v", "k", "v", ""},
		{"parse.key=true key.separator=:", ":", "", "", ""},
		{"parse.key=true", "none", nil, nil, "No key found on line 1: none"},
		{"parse.key=true ignore.error=true", "none", nil, "none", ""},
	} {
		var args []string
		for _, property := range strings.Fields(test.properties) {
			args = append(args, "--property", property)
		}
		set, err := producerOptions.Parse(args)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := newLineReader(set)
		if err != nil {
			t.Fatal(err)
		}
		record, err := reader.record([]byte(test.line))
		if test.failure != "" {
			if err == nil || err.Error() != test.failure {
				t.Errorf("%q: %v, want %q", test.line, err, test.failure)
			}
			continue
		}
		if err != nil || text(record.Key) != test.key || text(record.Value) != test.value {
			t.Errorf("%q: key %v, value %v, error %v", test.line, text(record.Key), text(record.Value), err)
		}
	}
}

func text(field []byte) any {
	if field == nil {
		return nil
	}
	return string(field)
}

// The expectations are lines that Kafka's DefaultMessageFormatter printed.
func TestDefaultFormatter(t *testing.T) {
	record := &kgo.Record{
		Partition: 2, Offset: 42, Key: []byte("k"), Value: []byte("v"), Timestamp: time.UnixMilli(1642000000000),
		Headers: []kgo.RecordHeader{{Key: "h1", Value: []byte("v1")}, {Key: "h2"}},
	}
	for _, test := range []struct{ properties, want string }{
		{"", "v\n"},
		{"print.key=true", "k\tv\n"},
		{"print.value=false", ""},
		{"print.key=true print.value=false", "k\n"},
		{"print.key=true key.separator=| line.separator=;", "k|v;"},
		{"print.partition=true print.offset=true print.headers=true print.key=true", "Partition:2\tOffset:42\th1:v1,h2:null\tk\tv\n"},
		{"print.headers=true headers.separator=; null.literal=nil", "h1:v1;h2:nil\tv\n"},
		{"print.key=yes", "v\n"},
	} {
		properties := command.KeyValues(strings.Fields(test.properties))
		chosen, err := newFormatter(defaultFormatterClass, properties)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		buffered := bufio.NewWriter(&out)
		if err := chosen.write(record, buffered); err != nil {
			t.Fatal(err)
		}
		buffered.Flush()
		if out.String() != test.want {
			t.Errorf("%q: %q, want %q", test.properties, out.String(), test.want)
		}
	}
}

func TestPositionsFollowWhatWasShown(t *testing.T) {
	kept, err := newPositions(map[string]string{"auto.commit.interval.ms": "100"}, false)
	if err != nil {
		t.Fatal(err)
	}
	kept.passed(&kgo.Record{Topic: "t", Partition: 1, Offset: 4, LeaderEpoch: 3})
	kept.passed(&kgo.Record{Topic: "t", Partition: 2, Offset: 0})
	kept.forget(map[string][]int32{"t": {2}})
	want := map[string]map[int32]kgo.EpochOffset{"t": {1: {Epoch: 3, Offset: 5}}}
	if diff := cmp.Diff(want, kept.at); diff != "" {
		t.Error(diff)
	}
	silent, err := newPositions(map[string]string{"enable.auto.commit": "false"}, false)
	if err != nil {
		t.Fatal(err)
	}
	silent.passed(&kgo.Record{Topic: "t"})
	if len(silent.at) != 0 || len(silent.options()) != 0 {
		t.Error("a consumer that does not commit keeps positions")
	}
}
