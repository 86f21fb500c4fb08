//go:build peers

package protocol

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// coverage counts what was compared, for the check that nothing is left out and for
// the table of results.
type coverage struct {
	mu sync.Mutex
	// answers and differences are by API and version.
	answers, differences map[int16]map[int16]int
}

func newCoverage() *coverage {
	return &coverage{answers: map[int16]map[int16]int{}, differences: map[int16]map[int16]int{}}
}

func (c *coverage) add(key, version int16, answers, differences int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers[key] == nil {
		c.answers[key], c.differences[key] = map[int16]int{}, map[int16]int{}
	}
	c.answers[key][version] += answers
	c.differences[key][version] += differences
}

func sum(counts map[int16]int) (total int) {
	for _, count := range counts {
		total += count
	}
	return total
}

// write makes the table in Markdown. A run that failed, or left something out, has
// no results.
func (c *coverage) write(t *testing.T, served map[int16]kmsg.ApiVersionsResponseApiKey) {
	if t.Failed() {
		return
	}
	var text strings.Builder
	text.WriteString("# Answers compared with Apache Kafka 3.1.0\n\n" +
		"Written by `go test -tags peers ./tests/compat/protocol`, which fails when this file would change.\n\n")
	text.WriteString("| API | versions | requests compared with Kafka 3.1.0 | different answers |\n|---|---|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(served)) {
		fmt.Fprintf(&text, "| %s | %d to %d | %d | %d |\n", kmsg.NameForKey(key), served[key].MinVersion, served[key].MaxVersion, sum(c.answers[key]), sum(c.differences[key]))
	}
	text.WriteString("\nWhat differs on purpose:\n\n")
	for _, d := range differences {
		fmt.Fprintf(&text, "- %s\n", strings.TrimPrefix(d.subject+": "+d.reason, ": "))
	}
	text.WriteString("\nNot served yet:\n\n")
	missing := map[string][]string{}
	for key, reason := range notServed {
		missing[reason] = append(missing[reason], key.Name())
	}
	for _, reason := range slices.Sorted(maps.Keys(missing)) {
		slices.Sort(missing[reason])
		fmt.Fprintf(&text, "- %s: %s\n", strings.Join(missing[reason], ", "), reason)
	}
	framework.KeepResults(t, "RESULTS.md", text.String())
}
