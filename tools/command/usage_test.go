package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The expectations were read off java.text.BreakIterator.
func TestLineBreaksAreJavas(t *testing.T) {
	for _, want := range []string{
		"haven't |seen|", "server|(s) |to|", "HOST1:|PORT1,|HOST2:|PORT2.|", "1.5.2,3|", "a.|b.|c|",
		"kafka.|tools.|ConsoleProducer$Line|", "--|bootstrap-|server|", "key=value|", "'none', |'gzip'|",
		"\"kafka\", |x|", "a/b/c|", "<String: |x>|", "[a, |b]|", "a  |b|", "x-|1|", "1-|2|", "(default: |200)|",
		"a;|b!|c?|d|", "a%|b|", "5%|b|", "100,000 |x|", "-1 |or|", "a-|>b|", "a.|5|", "5.|a|", "1:|2|", "...,...|",
		"k=|[v1,|v2]|", "e.|g. |x)|y)|z|", "x'y'z|", "\tcleanup.|policy|",
	} {
		got := strings.Join(lineBreaks(strings.ReplaceAll(want, "|", "")), "|") + "|"
		if got != want {
			t.Errorf("breaks %q, want %q", got, want)
		}
	}
}

func TestUsageTable(t *testing.T) {
	options := Options{
		{Name: "topic", Argument: Required, ArgName: "topic", Doc: "The name."},
		{Name: "batch-size", Argument: Required, Type: Integer, ArgName: "size", Default: "200", HasDefault: true,
			Doc: "Number of messages to send in a single batch if they are not being sent synchronously."},
		{Name: "compression-codec", Argument: Optional, ArgName: "a longer compression-codec", Doc: "A codec."},
		{Name: "help", Help: true, Doc: "Print usage information."},
	}
	var out strings.Builder
	options.PrintUsage(&out)
	lines := []string{
		"Option                                 Description                           ",
		"------                                 -----------                           ",
		"--batch-size <Integer: size>           Number of messages to send in a single",
		"                                         batch if they are not being sent    ",
		"                                         synchronously. (default: 200)       ",
		"--compression-codec [String: a longer  A codec.                              ",
		"  compression-codec]                                                         ",
		"--help                                 Print usage information.              ",
		"--topic <String: topic>                The name.                             ",
	}
	if diff := cmp.Diff(lines, strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestGrammar(t *testing.T) {
	options := Options{
		{Name: "topic", Argument: Required}, {Name: "n", Argument: Required, Type: Integer, Default: "7", HasDefault: true},
		{Name: "codec", Argument: Optional}, {Name: "list"}, {Name: "must", Argument: Required, Mandatory: true}, {Name: "help", Help: true},
	}
	for _, test := range []struct {
		args, failure string
	}{
		{"--must=1 -topic=a --list", ""},
		{"--must 1 --topic --list", ""},
		{"--list", "Missing required option(s) [must]"},
		{"--help", ""},
		{"--must", "Option must requires an argument"},
		{"--must 1 --nope", "nope is not a recognized option"},
		{"--must 1 -- --nope", ""},
	} {
		_, err := options.Parse(strings.Fields(test.args))
		if message := errorText(err); message != test.failure {
			t.Errorf("%q: %q, want %q", test.args, message, test.failure)
		}
	}
	set, err := options.Parse(strings.Fields("--must 1 --codec --topic a --topic b --n x"))
	if err != nil {
		t.Fatal(err)
	}
	if !set.Has("codec") || set.HasValue("codec") {
		t.Error("an optional argument took an option as its value")
	}
	if _, err := set.Value("topic"); errorText(err) != "Found multiple arguments for option topic, but you asked for only one" {
		t.Error(err)
	}
	if _, err := set.Int("n"); errorText(err) != "Cannot parse argument 'x' of option n" {
		t.Error(err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
