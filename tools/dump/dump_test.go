package dump

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/logging"
)

// update writes testdata/*.txt anew; with the tag peers it writes what Apache Kafka
// prints, and the files that are dumped too.
var update = flag.Bool("update", false, "write the expected output anew")

func TestMain(m *testing.M) {
	flag.Parse()
	logging.SetLevel(logging.Root, "OFF")
	// A fuzzing process begins where the one was that started it.
	if dir, err := os.Getwd(); err != nil || filepath.Base(dir) != "testdata" {
		if err := os.Chdir("testdata"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const segment0 = "00000000000000000000"

// cases are command lines, run in testdata.
var cases = []struct{ name, args string }{
	{"shallow", "--files topic-0/" + segment0 + ".log"},
	{"deep", "--deep-iteration --files topic-0/" + segment0 + ".log"},
	{"print", "--print-data-log --files topic-0/" + segment0 + ".log"},
	{"print_skip_metadata", "--print-data-log --skip-record-metadata --files topic-0/" + segment0 + ".log"},
	{"indexes", "--files topic-0/" + segment0 + ".index,topic-0/" + segment0 + ".timeindex,topic-0/" + segment0 + ".txnindex"},
	{"indexes_verify", "--verify-index-only --files topic-0/" + segment0 + ".index,topic-0/" + segment0 + ".timeindex"},
	{"indexes_sanity", "--index-sanity-check --files topic-0/" + segment0 + ".index,topic-0/" + segment0 + ".timeindex"},
	{"snapshot", "--files topic-0/00000000000000000034.snapshot"},
	{"snapshot_corrupt", "--files broken-0/00000000000000000000.snapshot,broken-0/00000000000000000001.snapshot"},
	{"old_formats", "--print-data-log --files old-0/" + segment0 + ".log"},
	{"old_formats_shallow", "--files old-0/" + segment0 + ".log,old-0/" + segment0 + ".index,old-0/" + segment0 + ".timeindex"},
	{"open_segment_indexes", "--files open-0/" + segment0 + ".index,open-0/" + segment0 + ".timeindex"},
	{"open_segment_sanity", "--index-sanity-check --files open-0/" + segment0 + ".index"},
	{"open_segment_time_sanity", "--index-sanity-check --files open-0/" + segment0 + ".timeindex"},
	{"compacted", "--print-data-log --files compacted-0/" + segment0 + ".log,compacted-0/" + segment0 + ".index,compacted-0/" + segment0 + ".timeindex"},
	{"broken_tail", "--deep-iteration --files broken-0/" + segment0 + ".log"},
	{"broken_indexes", "--files broken-0/" + segment0 + ".index,broken-0/" + segment0 + ".timeindex"},
	{"broken_index_verify", "--verify-index-only --files broken-0/" + segment0 + ".index,broken-0/" + segment0 + ".timeindex"},
	{"odd_index_sanity", "--index-sanity-check --files broken-0/00000000000000000001.index"},
	{"empty", "--files empty-0/" + segment0 + ".log,empty-0/" + segment0 + ".index,empty-0/" + segment0 + ".timeindex"},
	{"small_max_message_size", "--max-message-size 20 --files topic-0/" + segment0 + ".index"},
	{"offsets", "--offsets-decoder --files __consumer_offsets-0/" + segment0 + ".log"},
	{"transactions", "--transaction-log-decoder --files __transaction_state-0/" + segment0 + ".log"},
	{"transactions_wrong", "--transaction-log-decoder --files topic-0/" + segment0 + ".log"},
	{"offsets_wrong", "--offsets-decoder --files topic-0/" + segment0 + ".log"},
	{"metadata", "--cluster-metadata-decoder --files __cluster_metadata-0/" + segment0 + ".log"},
	{"numbers", "--key-decoder-class kafka.serializer.IntegerDecoder --value-decoder-class kafka.serializer.LongDecoder --files numbers-0/" + segment0 + ".log"},
	{"decoder_without_class", "--value-decoder-class --files numbers-0/" + segment0 + ".log"},
	{"unknown_decoder", "--value-decoder-class none.Such --files numbers-0/" + segment0 + ".log"},
	{"unknown_file", "--files topic-0//leader-epoch.checkpoint,topic-0/" + segment0 + ".index"},
	{"missing_file", "--files topic-0/00000000000000000099.log"},
	{"missing_log_of_index", "--files topic-0/00000000000000000099.index"},
	{"not_a_number", "--files topic-0/abc.log"},
	{"no_files", "--print-data-log"},
	{"unknown_option", "--max-bytes 5 --files x"},
	{"bad_number", "--max-message-size x --files topic-0/" + segment0 + ".log"},
}

// outcome is what a run printed and how it ended. Of an exception only the first
// line counts: what follows are places in Java's program. Of a usage only the
// sentence before the table does.
func outcome(stdout, stderr string, code int) string {
	dir, _ := os.Getwd()
	text := "exit code " + string(rune('0'+code)) + "\n--- stdout\n" + stdout + "--- stderr\n"
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "\tat ") || strings.HasPrefix(line, "Option ") {
			break
		}
		text += line
	}
	return strings.ReplaceAll(text, dir, "$PWD")
}

func run(args string) string {
	var stdout, stderr bytes.Buffer
	code := DumpLogSegments(strings.Fields(args), &stdout, &stderr)
	return outcome(stdout.String(), stderr.String(), code)
}

// TestOutputIsKafkas compares with what Apache Kafka's tool printed of the same
// files.
func TestOutputIsKafkas(t *testing.T) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("expected", test.name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), run(test.args)); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}
