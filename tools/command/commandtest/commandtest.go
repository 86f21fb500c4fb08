// Package commandtest runs tools as processes of their own and compares them with
// what Kafka's tools printed.
package commandtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/logging"
)

// classVariable names the tool that a test program started again is to run.
const classVariable = "GREGOR_TEST_TOOL"

// Tool runs a class with its arguments and returns the exit code.
type Tool func(args []string, stdin io.Reader, stdout, stderr io.Writer) int

// Main is for TestMain: it runs the tests, or the tool that one of them started.
func Main(m *testing.M, tools map[string]Tool) {
	tool := tools[os.Getenv(classVariable)]
	if tool == nil {
		os.Exit(m.Run())
	}
	logging.ConfigureFromEnvironment()
	code := tool(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	_ = logging.Close()
	os.Exit(code)
}

// Run starts a tool of [Main] and returns its exit code, standard output and
// standard error. log4j is the path of tools-log4j.properties.
func Run(t *testing.T, class, log4j string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	program := exec.Command(os.Args[0], args...)
	program.Env = append(os.Environ(), classVariable+"="+class, "KAFKA_LOG4J_OPTS=-Dlog4j.configuration=file:"+log4j)
	var out, err bytes.Buffer
	program.Stdout, program.Stderr = &out, &err
	failure := program.Run()
	var exit *exec.ExitError
	if failure != nil && !errors.As(failure, &exit) {
		t.Fatal(failure)
	}
	return program.ProcessState.ExitCode(), out.String(), err.String()
}

// CheckArguments runs the tool with each command line of the file, which holds
// what Kafka's tool did: the exit code, lines of standard output (>) and of
// standard error (!).
func CheckArguments(t *testing.T, class, log4j, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(string(content), "\n$")
	for _, text := range cases[1:] {
		line, want, _ := strings.Cut(text, "\n")
		t.Run(strings.TrimSpace(line), func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := Run(t, class, log4j, strings.Fields(line)...)
			got := fmt.Sprintf("%d\n%s%s", code, marked("> ", stdout), marked("! ", cleaned(stderr)))
			if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(got)); diff != "" {
				t.Errorf("Kafka's tool (-) and this (+) differ:\n%s", diff)
			}
		})
	}
}

// usageTable is the head of a table of options.
var usageTable = regexp.MustCompile(`(?m)^Option( \(\* = required\))?  +Description`)

var logTime = regexp.MustCompile(`(?m)^\[\d{4}-[^]]*\] `)

// cleaned takes out what differs from run to run, and the table of options.
func cleaned(stderr string) string {
	if at := usageTable.FindStringIndex(stderr); at != nil {
		stderr = stderr[:at[0]] + "<usage>\n"
	}
	var lines []string
	for line := range strings.Lines(logTime.ReplaceAllString(stderr, "")) {
		if !strings.Contains(line, "(org.apache.kafka.clients.NetworkClient)") {
			lines = append(lines, line)
		}
	}
	return strings.TrimRight(strings.Join(lines, ""), "\n")
}

func marked(mark, text string) string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return ""
	}
	return mark + strings.ReplaceAll(text, "\n", "\n"+mark) + "\n"
}
