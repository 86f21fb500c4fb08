//go:build peers

package clients

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gregor-broker/gregor/tests/framework"
)

// matrix is what every client printed of every broker, an outcome for an ability.
type matrix struct {
	mu       sync.Mutex
	outcomes []map[framework.Kind]map[string]string // by the client's place in peers
}

func newMatrix() *matrix {
	m := &matrix{outcomes: make([]map[framework.Kind]map[string]string, len(peers))}
	for i := range m.outcomes {
		m.outcomes[i] = map[framework.Kind]map[string]string{gregor: {}, kafka: {}}
	}
	return m
}

// add notes what a program printed and tells whether something failed.
func (m *matrix) add(client int, kind framework.Kind, output string) (failed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for line := range strings.Lines(output) {
		status, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if status != "PASS" && status != "FAIL" && status != "NONE" {
			continue
		}
		name, detail, _ := strings.Cut(rest, ":")
		m.outcomes[client][kind][name] = strings.TrimSpace(status + " " + detail)
		failed = failed || status == "FAIL"
	}
	return failed
}

// compare demands that every ability was tried, that nothing fails, and that both
// brokers got the same outcomes.
func (m *matrix) compare(t *testing.T, client int) {
	known := map[string]bool{}
	for _, ability := range abilities {
		known[ability.name] = true
		ours, theirs := m.outcome(client, ability.name)
		switch {
		case ours == "" || theirs == "":
			t.Errorf("%s: %q with Gregor, %q with Kafka; it was not tried", ability.name, ours, theirs)
		case ours != theirs:
			t.Errorf("%s: %q with Gregor, %q with Kafka", ability.name, ours, theirs)
		case strings.HasPrefix(ours, "FAIL"):
			t.Errorf("%s fails with both brokers: %s", ability.name, ours)
		}
	}
	for name := range m.outcomes[client][gregor] {
		if !known[name] {
			t.Errorf("%s is no ability of the list", name)
		}
	}
}

func (m *matrix) outcome(client int, ability string) (ours, theirs string) {
	return m.outcomes[client][gregor][ability], m.outcomes[client][kafka][ability]
}

// markdown is the table of clients, and the matrix: an ability a row, a client a
// column.
func (m *matrix) markdown() string {
	var text strings.Builder
	text.WriteString("# Clients compared on Gregor and on Apache Kafka 3.1.0\n\n" +
		"Written by `go test -tags peers ./tests/compat/clients`, which runs a program for each client against both brokers and fails when this\n" +
		"file would change. Requests compared field by field are in [protocol/RESULTS.md](protocol/RESULTS.md).\n\n")
	m.summary(&text)
	text.WriteString("\n## Clients × abilities\n\n" +
		"Gregor's outcome, then Kafka's: ✓ passed, ✗ failed, · not in that client. What a client saw (offsets, partitions, the texts of errors)\n" +
		"is compared too: = is the same, ≠ is not. pykafka and kcat create no topics and kcat sends no timestamps; another client does so for\n" +
		"them. Calls of kafka-python's that need a broker of 3.3 or later (describe_cluster, describe_features) count as not in that client.\n\n| ability | what it is |")
	for _, p := range peers {
		fmt.Fprintf(&text, " %s |", p)
	}
	text.WriteString("\n|---|---|" + strings.Repeat(":-:|", len(peers)) + "\n")
	for _, ability := range abilities {
		fmt.Fprintf(&text, "| %s | %s |", ability.name, ability.meaning)
		for i := range peers {
			fmt.Fprintf(&text, " %s |", cell(m.outcome(i, ability.name)))
		}
		text.WriteString("\n")
	}
	return text.String()
}

// summary is a line for each client: how many of the abilities it has passed.
func (m *matrix) summary(text *strings.Builder) {
	text.WriteString("| client | version | Gregor | Kafka 3.1.0 | same | not in the client |\n|---|---|--:|--:|--:|--:|\n")
	for i, p := range peers {
		var has, ours, theirs, same int
		for _, ability := range abilities {
			gregors, kafkas := m.outcome(i, ability.name)
			if sign(gregors) == none && sign(kafkas) == none {
				continue
			}
			has++
			ours += count(sign(gregors) == passed)
			theirs += count(sign(kafkas) == passed)
			same += count(gregors == kafkas)
		}
		fmt.Fprintf(text, "| %s | %s | %d of %d | %d of %d | %d | %d |\n", p.name, p.version, ours, has, theirs, has, same, len(abilities)-has)
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

const passed, failed, none = "✓", "✗", "·"

func sign(outcome string) string {
	switch status, _, _ := strings.Cut(outcome, " "); status {
	case "PASS":
		return passed
	case "NONE":
		return none
	}
	return failed
}

func cell(ours, theirs string) string {
	switch {
	case sign(ours) == none && sign(theirs) == none:
		return none
	case ours == theirs:
		return sign(ours) + " = " + sign(theirs)
	}
	return sign(ours) + " ≠ " + sign(theirs)
}
