package perf

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestStatistics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, failures bytes.Buffer
		statistics := newStatistics(4, &out)
		sent := time.Now()
		for i, wait := range []time.Duration{8 * time.Millisecond, 12 * time.Millisecond, 5 * time.Second} {
			time.Sleep(wait)
			statistics.completion(int64(i), sent, 1<<20, &failures)(&kgo.Record{}, nil)
		}
		time.Sleep(4980 * time.Millisecond)
		statistics.completion(3, time.Now(), 1<<20, &failures)(&kgo.Record{}, errors.New("no"))
		statistics.printTotal()
		want := "3 records sent, 0.6 records/sec (0.60 MB/sec), 1682.7 ms avg latency, 5020.0 ms max latency.\n" +
			"4 records sent, 0.400000 records/sec (0.40 MB/sec), 1262.00 ms avg latency, 5020.00 ms max latency, 20 ms 50th, 5020 ms 95th, 5020 ms 99th, 5020 ms 99.9th.\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
		if want := "org.apache.kafka.common.KafkaException: no\n"; failures.String() != want {
			t.Errorf("failures: %q", failures.String())
		}
	})
}

func TestSamplesAreBounded(t *testing.T) {
	statistics := newStatistics(1_000_000, &bytes.Buffer{})
	now := time.Now()
	for i := range int64(1_000_000) {
		statistics.record(i, 1, 1, now)
	}
	if len(statistics.latencies) != maxSamples {
		t.Errorf("%d samples", len(statistics.latencies))
	}
}

// The counts are those of a run of ConsumerPerformance, and so are the lines.
func TestConsumerLines(t *testing.T) {
	date, err := newDateFormat("HH:mm")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		print func(*consumerRun)
		want  string
	}{
		{(*consumerRun).printHeader, "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n"},
		{func(r *consumerRun) { r.detailed = true; r.printHeader() }, "time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec\n"},
		{func(r *consumerRun) {
			r.joins.total = 540
			r.printTotal(time.UnixMilli(0).UTC(), time.UnixMilli(961).UTC(), amount{100262, 10025960})
		}, "00:00, 00:00, 9.5615, 9.9495, 100262, 104330.9053, 540, 421, 22.7114, 238152.0190\n"},
		{func(r *consumerRun) { r.printTotal(time.UnixMilli(0).UTC(), time.UnixMilli(0).UTC(), amount{}) }, "00:00, 00:00, 0.0000, NaN, 0, NaN, 0, 0, NaN, NaN\n"},
		{func(r *consumerRun) {
			r.printProgress(time.UnixMilli(0).UTC(), time.UnixMilli(130).UTC(), amount{1, 16}, amount{2001, 199918}, 0)
		}, "00:00, 0, 0.1907, 1.4665, 2001, 15384.6154, 0, 130, 1.4665, 15384.6154\n"},
		{func(r *consumerRun) {
			r.printProgress(time.UnixMilli(0).UTC(), time.UnixMilli(10).UTC(), amount{}, amount{5, 0}, 10)
		}, "00:00, 0, 0.0000, 0.0000, 5, 500.0000, 10, 0, 0.0000, 0.0000\n"},
	} {
		var out bytes.Buffer
		test.print(&consumerRun{out: &out, date: date})
		if diff := cmp.Diff(test.want, out.String()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestProducerCommandLine(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	directory := t.TempDir()
	t.Chdir(directory)
	for name, text := range map[string]string{"payload": "a,b,c,,", "empty": "", "commas": ",,"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	usual := "--topic t --num-records 1 --throughput 1 "
	reading := "Reading payloads from: " + directory + "/"
	for _, test := range []struct{ args, stdout, stderr string }{
		{usual + "--record-size 1", "", "producer-performance: error: Either  --producer-props  or --producer.config\nmust be specified.\n"},
		{usual, "", "producer-performance: error: one of  the arguments --record-size --payload-\nfile is required\n"},
		{usual + "--record-size 1 --producer-props a=b=c", "", "Exception in thread \"main\" java.lang.IllegalArgumentException: Invalid property: a=b=c\n"},
		{usual + "--record-size 1 --producer.config nope", "", "Exception in thread \"main\" java.nio.file.NoSuchFileException: nope\n"},
		{usual + "--record-size 1 --producer-props a=b", "", "Exception in thread \"main\" org.apache.kafka.common.KafkaException: Failed to construct kafka producer\n"},
		{usual + "--payload-file nope --producer-props a=b", reading + "nope\n", "Exception in thread \"main\" java.lang.IllegalArgumentException: File does not exist or empty file provided.\n"},
		{usual + "--payload-file empty --producer-props a=b", reading + "empty\n", "Exception in thread \"main\" java.lang.IllegalArgumentException: File does not exist or empty file provided.\n"},
		{usual + "--payload-file payload --payload-delimiter , --producer-props a=b=c", reading + "payload\nNumber of messages read: 3\n", "Exception in thread \"main\" java.lang.IllegalArgumentException: Invalid property: a=b=c\n"},
		{usual + "--payload-file commas --payload-delimiter , --producer-props a=b", reading + "commas\nNumber of messages read: 0\n", "Exception in thread \"main\" java.lang.IllegalArgumentException: no payload File Path or record Size provided\n"},
	} {
		var stdout, stderr bytes.Buffer
		code := ProducerPerformance(strings.Fields(test.args), &stdout, &stderr)
		if code != 1 || stdout.String() != test.stdout || !strings.HasSuffix(stderr.String(), test.stderr) {
			t.Errorf("%s: %d\n%s%s", test.args, code, stdout.String(), stderr.String())
		}
	}
}

func TestPayloadsAreCapitals(t *testing.T) {
	given, _ := producerParser.Parse(strings.Fields("--topic t --num-records 1 --throughput 1 --record-size 1000"), os.Stdout, os.Stderr)
	payloads, err := readPayloads(given, os.Stdout)
	if err != nil {
		t.Fatal(err)
	}
	first, second := payloads.next(), payloads.next()
	if len(first) != 1000 || bytes.Equal(first, second) || len(bytes.Trim(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")) > 0 {
		t.Errorf("%s", first)
	}
}

func TestOtherCommandLines(t *testing.T) {
	servers := []string{"--broker-list", "localhost:1", "--topic", "t"}
	for _, test := range []struct {
		run    func([]string) (int, string, string)
		args   []string
		stdout string
		stderr string
		code   int
	}{
		{consumer, nil, "", "Missing required option(s) [bootstrap-server]\n", 1},
		{consumer, []string{"--nope"}, "", "nope is not a recognized option\n", 1},
		{consumer, []string{"--version"}, "3.1.0 (Commit:gregor)\n", "", 0},
		{consumer, servers, "", "Missing required argument \"[messages]\"\n", 1},
		{consumer, append(servers, "--messages", "x"), "", "Exception in thread \"main\" joptsimple.OptionArgumentConversionException: Cannot parse argument 'x' of option messages\n", 1},
		{consumer, append(servers, "--messages", "1", "--reporting-interval", "0"), "", "Exception in thread \"main\" java.lang.IllegalArgumentException: Reporting interval must be greater than 0.\n", 1},
		{consumer, append(servers, "--messages", "1", "--date-format", "bad"), "", "Exception in thread \"main\" java.lang.IllegalArgumentException: Illegal pattern character 'b'\n", 1},
		{consumer, append(servers, "--threads", "3"), "WARNING: option [threads] and [num-fetch-threads] have been deprecated and will be ignored by the test\n", "Missing required argument \"[messages]\"\n", 1},
		{latency, nil, "", endToEndUsage + "\n", 1},
		{latency, strings.Fields("localhost:1 t 3 0 100"), "", "Exception in thread \"main\" java.lang.IllegalArgumentException: Latency testing requires synchronous acknowledgement. Please use 1 or all\n", 1},
		{latency, strings.Fields("localhost:1 t x all 100"), "", "Exception in thread \"main\" java.lang.NumberFormatException: For input string: \"x\"\n", 1},
		{latency, strings.Fields("localhost:1 t 3 all 100 " + filepath.Join(os.TempDir(), "no", "file")), "", "Exception in thread \"main\" java.nio.file.NoSuchFileException: " + os.TempDir() + "/no/file\n", 1},
	} {
		code, stdout, stderr := test.run(test.args)
		if code != test.code || stdout != test.stdout || !strings.HasPrefix(stderr, test.stderr) {
			t.Errorf("%q: %d\n%s%s", test.args, code, stdout, stderr)
		}
	}
}

func consumer(args []string) (int, string, string) {
	var stdout, stderr bytes.Buffer
	code := ConsumerPerformance(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func latency(args []string) (int, string, string) {
	var stdout, stderr bytes.Buffer
	code := EndToEndLatency(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestMetricsTable(t *testing.T) {
	var out bytes.Buffer
	printMetrics(&out, map[string]string{"b:longer:{client-id=x}": "1.000", "a:short:{client-id=x}": "3.1.0"})
	want := "\nMetric Name              Value\na:short:{client-id=x}  : 3.1.0\nb:longer:{client-id=x} : 1.000\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	metrics := newClientMetrics("x")
	metrics.OnProduceBatchWritten(kgo.BrokerMetadata{}, "t", 0, kgo.ProduceBatchMetrics{NumRecords: 3, CompressedBytes: 80})
	metrics.OnProduceBatchWritten(kgo.BrokerMetadata{}, "t", 0, kgo.ProduceBatchMetrics{NumRecords: 1, CompressedBytes: 40})
	rows := metrics.rows()
	for name, want := range map[string]string{"record-send-total": "4.000", "batch-size-avg": "60.000", "batch-size-max": "80.000"} {
		if got := rows["producer-metrics:"+name+":{client-id=x}"]; got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
}
