package history

import (
	"slices"
	"strings"
	"testing"
)

var partition = Partition{"t", 0}

func at(offset int64) Place { return Place{partition, offset} }

// logOf is a log that begins at offset 0.
func logOf(values ...string) Logs {
	var records []Record
	for i, value := range values {
		records = append(records, Record{int64(i), value})
	}
	return Logs{partition: records}
}

func TestEveryKindOfFaultIsFound(t *testing.T) {
	good := logOf("a", "b", "c")
	tests := []struct {
		name     string
		happened func(*History)
		replicas []Logs // good ones unless given
		last     Logs
		want     string // the problem's first words; "" when all is well
	}{
		{name: "all is well", happened: func(h *History) {
			h.Acknowledged(at(0), "a")
			h.Read("one", at(0), "a")
			h.Read("one", at(2), "c")
			h.Read("two", at(0), "a")
			h.Rejected("x")
		}},
		{name: "acknowledged and gone", happened: func(h *History) { h.Acknowledged(at(3), "d") }, want: "lost: t-0@3"},
		{name: "acknowledged and replaced", happened: func(h *History) { h.Acknowledged(at(1), "other") }, want: "lost: t-0@1"},
		{name: "read and gone", happened: func(h *History) { h.Read("one", at(3), "d") }, want: "lost: t-0@3 was read"},
		{name: "refused and read", happened: func(h *History) {
			h.Rejected("b")
			h.Read("one", at(1), "b")
		}, want: "aborted read"},
		{name: "refused and kept", happened: func(h *History) { h.Rejected("b") }, want: "aborted read"},
		{name: "two readers disagree", happened: func(h *History) {
			h.Read("one", at(1), "b")
			h.Read("two", at(1), "x")
		}, want: "disagreement: t-0@1"},
		{name: "reader and producer disagree", happened: func(h *History) {
			h.Acknowledged(at(1), "x")
			h.Read("one", at(1), "b")
		}, want: "disagreement: t-0@1"},
		{name: "a place is given away twice", happened: func(h *History) {
			h.Acknowledged(at(1), "b")
			h.Acknowledged(at(1), "x")
		}, want: "disagreement: t-0@1"},
		{name: "a reader goes back", happened: func(h *History) {
			h.Read("one", at(1), "b")
			h.Read("one", at(0), "a")
		}, want: "order: reader one"},
		{name: "a reader is given a record twice", happened: func(h *History) {
			h.Read("one", at(1), "b")
			h.Read("one", at(1), "b")
		}, want: "order: reader one"},
		{name: "offsets go back in the log", last: Logs{partition: {{0, "a"}, {2, "c"}, {1, "b"}}}, want: "order: t-0 has offset 1 after 2"},
		{name: "an idempotent producer's value twice", replicas: []Logs{logOf("a", "b", "a")}, last: logOf("a", "b", "a"), want: "duplicate: t-0"},
		{name: "another producer's value twice", replicas: []Logs{logOf("-a", "b", "-a")}, last: logOf("-a", "b", "-a")},
		{name: "a replica lacks a record", replicas: []Logs{good, logOf("a", "b")}, want: "replicas differ: t-0"},
		{name: "a replica has another record", replicas: []Logs{good, logOf("a", "x", "c")}, want: "replicas differ: t-0"},
		{name: "a replica without the partition", replicas: []Logs{good, {}}},
		{name: "kept and not shown", last: logOf("a", "b"), want: "unseen: 0 keeps"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := New(func(value string) bool { return !strings.HasPrefix(value, "-") })
			if test.happened != nil {
				test.happened(h)
			}
			if test.last == nil {
				test.last = good
			}
			if test.replicas == nil {
				test.replicas = []Logs{good, good}
			}
			replicas := map[string]Logs{}
			for i, logs := range test.replicas {
				replicas[string(rune('0'+i))] = logs
			}
			problems := h.Check(replicas, test.last)
			if test.want == "" && len(problems) > 0 {
				t.Errorf("found %q", problems)
			}
			found := func(problem string) bool { return strings.HasPrefix(problem, test.want) }
			if test.want != "" && !slices.ContainsFunc(problems, found) {
				t.Errorf("found %q, not %q", problems, test.want)
			}
		})
	}
}

func TestCountsOfAHistory(t *testing.T) {
	h := New(func(string) bool { return true })
	h.Acknowledged(at(0), "a")
	h.Acknowledged(at(1), "b")
	h.Read("one", at(0), "a")
	if one, two := h.Next("one", partition), h.Next("two", partition); one != 1 || two != 0 {
		t.Errorf("the readers are at %d and %d", one, two)
	}
	if h.Acknowledgements() != 2 || h.Reads() != 1 {
		t.Errorf("%d acknowledged, %d read", h.Acknowledgements(), h.Reads())
	}
}
