// Package logtest checks log directories as they lie on disk, for tests: after a
// broker was killed, after it recovered, after it was stopped. It reads the files
// by itself, so that it does not share a mistake with the log.
package logtest

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// State is what happened to a directory; it decides what must be whole.
type State int

const (
	// Settled is a directory whose logs were loaded or closed: all is whole, and
	// nothing is left of what was under way.
	Settled State = iota
	// Running is one whose broker serves and is held still for a moment: a compaction
	// or deletion may be half done, indexes are behind.
	Running
	// Killed is one whose broker was killed, perhaps while it recovered. Above the
	// recovery point the last segment may end within a batch, and indexes and
	// snapshots may be half made.
	Killed
	// PowerLost is one that lost what was not synced: only what lies below the
	// recovery point is whole.
	PowerLost
)

// maxProblems is how many problems are told.
const maxProblems = 20

// Checker checks a log directory.
type Checker struct {
	FS    vfs.FS
	State State
	// RecoveryPoints has those of partitions if they are not to be taken from the
	// checkpoint file.
	RecoveryPoints map[topic.Partition]int64
	// LogStartOffsets has those of partitions where they matter: what is known of a
	// producer, and leader epochs, may end with the records.
	LogStartOffsets map[topic.Partition]int64
	// Compacted tells which topics may have gaps; nil is none.
	Compacted func(topic string) bool
	// Deep looks at each record, not only at the batches.
	Deep bool
	// NeedTopicIDs says that each partition has a partition.metadata.
	NeedTopicIDs bool
	// Visit, if it is set, gets each whole batch, partition by partition, in order.
	Visit func(partition topic.Partition, batch record.Batch)
}

// Report is what a check found.
type Report struct {
	Partitions map[topic.Partition]*Partition
	// Leftovers are the files that wait for a deletion or a rename, and
	// directories of deleted partitions.
	Leftovers []Leftover
	Problems  []string
}

// Partition is the extent of a partition's log.
type Partition struct {
	// Start is the first segment's base offset, End the offset after the last
	// whole batch.
	Start, End int64
	Segments   int
	Batches    int
	Bytes      int64
	// Garbage is the number of bytes behind the last whole batch.
	Garbage int64
}

// Leftover is a file that is on its way to be deleted or renamed.
type Leftover struct {
	Path string
	Info fs.FileInfo
}

// Err is an error that tells all problems, or nil.
func (r *Report) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	return fmt.Errorf("%d problems:\n%s", len(r.Problems), strings.Join(r.Problems[:min(len(r.Problems), maxProblems)], "\n"))
}

func (r *Report) problem(name, format string, args ...any) {
	r.Problems = append(r.Problems, name+": "+fmt.Sprintf(format, args...))
}

// Check checks a whole log directory.
func (c *Checker) Check(dir string) *Report {
	report := &Report{Partitions: map[topic.Partition]*Partition{}}
	entries, err := c.FS.ReadDir(dir)
	if err != nil {
		report.problem(dir, "%v", err)
		return report
	}
	points := c.checkpoints(report, dir)
	for _, entry := range entries {
		if !entry.IsDir() {
			c.checkTopFile(report, dir, entry.Name())
			continue
		}
		partition, deleted, ok := parseDirectory(entry.Name())
		switch {
		case !ok:
			report.problem(path.Join(dir, entry.Name()), "is no directory of a partition")
		case deleted:
			report.leftover(path.Join(dir, entry.Name()), entry)
		default:
			c.checkPartition(report, path.Join(dir, entry.Name()), partition, points[partition])
		}
	}
	c.checkOffsets(report, dir)
	return report
}

func (r *Report) leftover(name string, entry fs.DirEntry) {
	info, err := entry.Info()
	if err != nil {
		r.problem(name, "%v", err)
		return
	}
	r.Leftovers = append(r.Leftovers, Leftover{name, info})
}

// parseDirectory is the partition that a directory is of.
func parseDirectory(name string) (partition topic.Partition, deleted, ok bool) {
	deleted = strings.HasSuffix(name, "-delete")
	if deleted || strings.HasSuffix(name, "-future") {
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			return partition, deleted, false
		}
		name = name[:dot]
	}
	dash := strings.LastIndexByte(name, '-')
	if dash <= 0 {
		return partition, deleted, false
	}
	partition.Topic = name[:dash]
	_, err := fmt.Sscanf(name[dash:], "-%d", &partition.Partition)
	return partition, deleted, err == nil && partition.String() == name
}
