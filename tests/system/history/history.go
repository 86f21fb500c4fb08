// Package history judges what clients of a cluster saw against what the cluster
// kept. It is pure: whoever sends and reads notes it here, and Check tells what must
// not have been.
package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Partition names a partition of a topic.
type Partition struct {
	Topic string
	Index int32
}

func (p Partition) String() string { return fmt.Sprintf("%s-%d", p.Topic, p.Index) }

// Place is where a record lies.
type Place struct {
	Partition
	Offset int64
}

func (p Place) String() string { return fmt.Sprintf("%s@%d", p.Partition, p.Offset) }

// Record is one record of a log. Values are unique in a history.
type Record struct {
	Offset int64
	Value  string
}

// read is one record that a reader was given.
type read struct {
	reader string
	Place
	value string
}

// History is what happened. Its methods may be called by many at once.
type History struct {
	mu           sync.Mutex
	acknowledged map[Place]string
	rejected     map[string]bool
	idempotent   func(value string) bool
	reads        []read
	// agreed is the first value heard of for a place, clashes what others said.
	agreed  map[Place]string
	clashes []string
	// next is the least offset that a reader may be given in a partition.
	next  map[string]map[Partition]int64
	order []string
}

// New makes a history. idempotent tells which values were sent by producers that
// promise to send no value twice.
func New(idempotent func(value string) bool) *History {
	return &History{
		idempotent: idempotent, acknowledged: map[Place]string{}, rejected: map[string]bool{},
		agreed: map[Place]string{}, next: map[string]map[Partition]int64{},
	}
}

// Acknowledged notes that a record was promised to be kept by all who are in sync.
func (h *History) Acknowledged(at Place, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.agreeLocked(at, value, "acknowledged")
	h.acknowledged[at] = value
}

// Rejected notes that a record was refused and must never be seen. A send whose fate
// is unknown is noted nowhere.
func (h *History) Rejected(value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rejected[value] = true
}

// Read notes what a reader was given next.
func (h *History) Read(reader string, at Place, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next[reader] == nil {
		h.next[reader] = map[Partition]int64{}
	}
	if least := h.next[reader][at.Partition]; at.Offset < least {
		h.order = append(h.order, fmt.Sprintf("order: reader %s was given %v after offset %d", reader, at, least-1))
	}
	h.next[reader][at.Partition] = at.Offset + 1
	h.agreeLocked(at, value, "read by "+reader)
	h.reads = append(h.reads, read{reader, at, value})
}

func (h *History) agreeLocked(at Place, value, how string) {
	if before, known := h.agreed[at]; known && before != value {
		h.clashes = append(h.clashes, fmt.Sprintf("disagreement: %v was %q and is %s as %q", at, before, how, value))
		return
	}
	h.agreed[at] = value
}

// Next is the offset after the last one that a reader was given of a partition.
func (h *History) Next(reader string, partition Partition) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next[reader][partition]
}

// Acknowledgements is how many records were acknowledged so far.
func (h *History) Acknowledgements() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.acknowledged)
}

// Reads is how many records were read so far.
func (h *History) Reads() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.reads)
}

// Logs are the logs that a broker ended with.
type Logs map[Partition][]Record

// Check compares the history with the logs of each broker after all has healed and
// with what a last reader was given from the beginning to the end; it returns what
// is wrong, nothing if all is well.
func (h *History) Check(replicas map[string]Logs, last Logs) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	problems := slices.Concat(h.clashes, h.order)
	problems = append(problems, differences(replicas)...)
	kept := map[Place]string{}
	for partition, records := range last {
		problems = append(problems, h.checkLog(partition, records)...)
		for _, record := range records {
			kept[Place{partition, record.Offset}] = record.Value
		}
	}
	problems = append(problems, h.lostLocked(kept)...)
	for name, logs := range replicas {
		problems = append(problems, unseen(name, logs, kept)...)
	}
	return problems
}

// lostLocked finds what was promised or shown and is not there any more.
func (h *History) lostLocked(kept map[Place]string) []string {
	var problems []string
	for at, value := range h.acknowledged {
		if found, ok := kept[at]; !ok || found != value {
			problems = append(problems, fmt.Sprintf("lost: %v was acknowledged as %q and is %q", at, value, found))
		}
	}
	for _, r := range h.reads {
		if found, ok := kept[r.Place]; !ok || found != r.value {
			problems = append(problems, fmt.Sprintf("lost: %v was read by %s as %q and is %q", r.Place, r.reader, r.value, found))
		}
		if h.rejected[r.value] {
			problems = append(problems, fmt.Sprintf("aborted read: %q was refused and read by %s at %v", r.value, r.reader, r.Place))
		}
	}
	slices.Sort(problems)
	return problems
}

// checkLog looks at one partition as it is kept.
func (h *History) checkLog(partition Partition, records []Record) []string {
	var problems []string
	first := map[string]int64{}
	for i, record := range records {
		if i > 0 && record.Offset <= records[i-1].Offset {
			problems = append(problems, fmt.Sprintf("order: %s has offset %d after %d", partition, record.Offset, records[i-1].Offset))
		}
		if before, twice := first[record.Value]; twice && h.idempotent(record.Value) {
			problems = append(problems, fmt.Sprintf("duplicate: %s has %q at %d and at %d", partition, record.Value, before, record.Offset))
		}
		first[record.Value] = record.Offset
		if h.rejected[record.Value] {
			problems = append(problems, fmt.Sprintf("aborted read: %q was refused and is kept in %s at %d", record.Value, partition, record.Offset))
		}
	}
	return problems
}

// unseen finds what a replica keeps and the last reader did not see.
func unseen(name string, logs Logs, kept map[Place]string) []string {
	var problems []string
	for partition, records := range logs {
		for _, record := range records {
			at := Place{partition, record.Offset}
			if found, ok := kept[at]; !ok || found != record.Value {
				problems = append(problems, fmt.Sprintf("unseen: %s keeps %q at %v, where the last reader saw %q", name, record.Value, at, found))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// differences compares the logs of replicas with those of one of them.
func differences(replicas map[string]Logs) []string {
	var problems []string
	names := slices.Sorted(maps.Keys(replicas))
	owner := map[Partition]string{} // the first replica of each partition
	for _, name := range names {
		for _, partition := range slices.SortedFunc(maps.Keys(replicas[name]), comparePartitions) {
			one, known := owner[partition]
			if !known {
				owner[partition] = name
				continue
			}
			if problem := difference(replicas[one][partition], replicas[name][partition]); problem != "" {
				problems = append(problems, fmt.Sprintf("replicas differ: %s on %s and %s: %s", partition, one, name, problem))
			}
		}
	}
	return problems
}

func comparePartitions(a, b Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index))
}

func difference(one, other []Record) string {
	for i := range min(len(one), len(other)) {
		if one[i] != other[i] {
			return fmt.Sprintf("%+v and %+v", one[i], other[i])
		}
	}
	if len(one) != len(other) {
		return fmt.Sprintf("%d and %d records", len(one), len(other))
	}
	return ""
}
