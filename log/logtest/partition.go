package logtest

import (
	"errors"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/vfs"
)

// partitionCheck is the check of one partition's directory.
type partitionCheck struct {
	*Checker
	report        *Report
	dir           string
	partition     topic.Partition
	compacted     bool
	recoveryPoint int64
	// files are the paths by the names that loading gives them: a .swap file
	// stands for what it replaces.
	files    map[string]string
	bases    []int64
	segments []*segment
	trail    trail
	found    Partition
}

func (c *Checker) checkPartition(report *Report, dir string, partition topic.Partition, recoveryPoint int64) {
	p := &partitionCheck{
		Checker: c, report: report, dir: dir, partition: partition, recoveryPoint: recoveryPoint,
		compacted: c.Compacted != nil && c.Compacted(partition.Topic), trail: newTrail(),
	}
	if !p.list() {
		return
	}
	p.readEpochs()
	p.walk()
	report.Partitions[partition] = &p.found
	for i, segment := range p.segments {
		p.checkIndexes(segment, i+1 == len(p.segments))
	}
	p.checkAborted()
	p.checkSnapshots()
	p.checkEpochs()
	p.checkTopicID()
}

func (p *partitionCheck) problem(name, format string, args ...any) {
	p.report.problem(path.Join(p.dir, name), format, args...)
}

// list finds the files and what they will be called after loading.
func (p *partitionCheck) list() bool {
	entries, err := p.FS.ReadDir(p.dir)
	if err != nil {
		p.report.problem(p.dir, "%v", err)
		return false
	}
	p.files = map[string]string{}
	var swaps []string
	minCleaned := int64(math.MaxInt64)
	for _, entry := range entries {
		name := entry.Name()
		switch path.Ext(name) {
		case ".deleted", ".cleaned", ".swap":
			p.report.leftover(path.Join(p.dir, name), entry)
			if p.State == Settled {
				p.problem(name, "is left over")
			}
			if base, ok := baseOf(name); ok && strings.HasSuffix(name, ".cleaned") {
				minCleaned = min(minCleaned, base)
			}
			if strings.HasSuffix(name, ".swap") {
				swaps = append(swaps, name)
			}
		default:
			p.files[name] = path.Join(p.dir, name)
			if !isPartitionFile(name) {
				p.problem(name, "is no file of a partition")
			}
		}
	}
	p.swap(slices.DeleteFunc(swaps, func(name string) bool {
		base, ok := baseOf(name)
		return !ok || base >= minCleaned // of a replacement that was not complete
	}))
	return true
}

// swap puts what a compaction had finished in place of what it replaces.
func (p *partitionCheck) swap(swaps []string) {
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for _, name := range swaps {
		if !strings.HasSuffix(name, ".log.swap") {
			continue
		}
		base, _ := baseOf(name)
		replacement, err := readSegment(p.FS, path.Join(p.dir, name), base)
		if err != nil || replacement.flaw != "" {
			p.problem(name, "is not whole: %s %v", replacement.flaw, err)
			continue
		}
		from, to = min(from, base), max(to, replacement.next())
	}
	maps.DeleteFunc(p.files, func(name, _ string) bool {
		base, ok := baseOf(name)
		return ok && base >= from && base < to
	})
	for _, name := range swaps {
		p.files[strings.TrimSuffix(name, ".swap")] = path.Join(p.dir, name)
	}
}

func baseOf(name string) (int64, bool) {
	digits, _, _ := strings.Cut(name, ".")
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && len(digits) == 20 && base >= 0
}

func isPartitionFile(name string) bool {
	if base := strings.TrimSuffix(name, ".tmp"); base == checkpoint.LeaderEpochFile || base == checkpoint.PartitionMetadataFile {
		return true
	}
	_, ok := baseOf(name)
	return ok && slices.Contains([]string{".log", ".index", ".timeindex", ".txnindex", ".snapshot"}, name[20:])
}

// read gives the content of a file, nil if there is none.
func (p *partitionCheck) read(name string) []byte {
	actual, ok := p.files[name]
	if !ok {
		return nil
	}
	data, err := vfs.ReadFile(p.FS, actual)
	if err != nil {
		p.problem(name, "%v", err)
	}
	return data
}

// durable tells whether what ends at an offset must be there.
func (p *partitionCheck) durable(end int64) bool {
	return p.State != PowerLost || end <= p.recoveryPoint
}

// isRecovered tells whether a recovery looks at a segment, and makes its indexes
// anew: at that with the recovery point and those after it, and at that before it if
// its indexes were not finished.
func (p *partitionCheck) isRecovered(base int64) bool {
	at, _ := slices.BinarySearch(p.bases, base)
	return at+1 >= len(p.bases) || p.bases[at+1] >= p.recoveryPoint
}

// complete tells whether all that was made of a segment must be there.
func (p *partitionCheck) complete(base int64) bool {
	return p.State == Settled || p.State == Running || !p.isRecovered(base)
}

func (p *partitionCheck) readEpochs() {
	entries, err := checkpoint.NewLeaderEpochCheckpoint(p.FS, p.dir).Read()
	if err != nil {
		p.problem(checkpoint.LeaderEpochFile, "%v", err)
	}
	for i, entry := range entries {
		if entry.Epoch < 0 || entry.StartOffset < 0 || i > 0 && (entry.Epoch <= entries[i-1].Epoch || entry.StartOffset <= entries[i-1].StartOffset) {
			p.problem(checkpoint.LeaderEpochFile, "is out of order: %v", entries)
		}
	}
	p.trail.epochs = entries
}

// checkEpochs: no epoch begins behind the log's end.
func (p *partitionCheck) checkEpochs() {
	if n := len(p.trail.epochs); p.State == Settled && n > 0 && p.trail.epochs[n-1].StartOffset > p.found.End {
		p.problem(checkpoint.LeaderEpochFile, "has %v, the log ends at %d", p.trail.epochs[n-1], p.found.End)
	}
}

func (p *partitionCheck) checkTopicID() {
	_, err := checkpoint.ReadPartitionMetadata(p.FS, p.dir)
	if errors.Is(err, fs.ErrNotExist) && !(p.NeedTopicIDs && p.found.Batches > 0) {
		return
	}
	if err != nil {
		p.problem(checkpoint.PartitionMetadataFile, "%v", err)
	}
}
