package dump

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tools/command"
)

const (
	offsetEntrySize = 8
	timeEntrySize   = 12
	// warmBytes are the last ones of an index, where look-ups begin.
	warmBytes = 8192
)

// rawIndex is the content of an offset or time index as a tool finds it: it may be
// larger than its entries and then ends with zeros.
type rawIndex struct {
	name      string
	base      int64
	entrySize int
	data      []byte
}

func readIndex(name string, base int64, entrySize int) (*rawIndex, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, noSuchFile("java.io.FileNotFoundException", name+" (No such file or directory)", err)
	}
	return &rawIndex{name, base, entrySize, data}, nil
}

func (x *rawIndex) entries() int { return len(x.data) / x.entrySize }

func (x *rawIndex) offset(i int) int64 {
	at := i * x.entrySize
	if x.entrySize == timeEntrySize {
		at += 8 // behind the timestamp
	}
	return x.base + int64(int32(binary.BigEndian.Uint32(x.data[at:])))
}

func (x *rawIndex) position(i int) int64 {
	return int64(int32(binary.BigEndian.Uint32(x.data[i*x.entrySize+4:])))
}

func (x *rawIndex) timestamp(i int) int64 {
	return int64(binary.BigEndian.Uint64(x.data[i*x.entrySize:]))
}

// lookup is the position of the last entry at or below an offset, found as
// AbstractIndex finds it, also where zeros follow the entries.
func (x *rawIndex) lookup(target int64) int64 {
	n := x.entries()
	if n == 0 {
		return 0
	}
	low, high := 0, n-1
	if firstHot := max(0, n-1-warmBytes/x.entrySize); x.offset(firstHot) < target {
		low = firstHot
	} else if x.offset(0) > target {
		return 0
	} else {
		high = firstHot
	}
	for low < high {
		middle := (low + high + 1) / 2
		switch found := x.offset(middle); {
		case found > target:
			high = middle - 1
		case found < target:
			low = middle
		default:
			return x.position(middle)
		}
	}
	if x.offset(low) > target {
		return 0
	}
	return x.position(low)
}

// checkLength is the last part of a sanity check.
func (x *rawIndex) checkLength(kind, full string) error {
	if len(x.data)%x.entrySize == 0 {
		return nil
	}
	return corruptIndex("%s file %s is corrupt, found %d bytes which is neither positive nor a multiple of %d.", kind, full, len(x.data), x.entrySize)
}

func corruptIndex(format string, args ...any) error {
	return command.Throw("kafka.log.CorruptIndexException", format, args...)
}

func (x *rawIndex) sanityCheckOffsets(full string) error {
	if n := x.entries(); n > 0 && x.offset(n-1) < x.base {
		return corruptIndex("Corrupt index found, index file (%s) has non-zero size but the last offset is %d which is less than the base offset %d.",
			full, x.offset(n-1), x.base)
	}
	return x.checkLength("Index", full)
}

func (x *rawIndex) sanityCheckTimes(full string) error {
	if n := x.entries(); n > 0 {
		if last, first := x.timestamp(n-1), x.timestamp(0); last < first {
			return corruptIndex("Corrupt time index found, time index file (%s) has non-zero size but the last timestamp is %d which is less than the first timestamp %d",
				full, last, first)
		}
		if last := x.offset(n - 1); last < x.base {
			return corruptIndex("Corrupt time index found, time index file (%s) has non-zero size but the last offset is %d which is less than the first offset %d",
				full, last, x.base)
		}
	}
	return x.checkLength("Time index", full)
}

// sibling is the other file of the segment of a file.
func sibling(file, suffix string) (name string, base int64, err error) {
	full, err := absolute(file)
	if err != nil {
		return "", 0, err
	}
	base, stem, err := baseOffset(file)
	return filepath.Dir(full) + "/" + stem + suffix, base, err
}

func (d *dumper) dumpIndex(file string) error {
	if err := d.needSize(); err != nil {
		return err
	}
	logName, base, err := sibling(file, ".log")
	if err != nil {
		return err
	}
	log, err := openSegment(logName)
	if err != nil {
		return err
	}
	defer log.file.Close()
	index, err := readIndex(file, base, offsetEntrySize)
	if err != nil {
		return err
	}
	full, err := absolute(file)
	if err != nil {
		return err
	}
	if index.entries() == 0 {
		fmt.Fprintf(d.out, "%s is empty.\n", file)
		return nil
	}
	if d.sanityOnly {
		if err := index.sanityCheckOffsets(full); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "%s passed sanity check.\n", file)
		return nil
	}
	for i := range index.entries() {
		if i > 0 && index.offset(i) == base {
			return nil // zeros follow, as in an index that was not closed
		}
		if err := d.checkIndexEntry(log, index, i, full); err != nil {
			return err
		}
	}
	return nil
}

func (d *dumper) checkIndexEntry(log *segment, index *rawIndex, i int, full string) error {
	position := index.position(i)
	end, err := log.end(position, d.maxMessageSize)
	if err != nil {
		return err
	}
	batch, err := log.next(position, end)
	if err != nil {
		return err
	}
	if batch == nil {
		return command.Throw("java.util.NoSuchElementException", "")
	}
	if batch.LastOffset() != index.offset(i) {
		d.indexMismatches.push(full, index.offset(i), batch.LastOffset())
	}
	if !d.verifyOnly {
		fmt.Fprintf(d.out, "offset: %d position: %d\n", index.offset(i), position)
	}
	return nil
}

func (d *dumper) dumpTimeIndex(file string) error {
	if err := d.needSize(); err != nil {
		return err
	}
	logName, base, err := sibling(file, ".log")
	if err != nil {
		return err
	}
	log, err := openSegment(logName)
	if err != nil {
		return err
	}
	defer log.file.Close()
	indexName, _, err := sibling(file, ".index")
	if err != nil {
		return err
	}
	offsets, err := readIndex(indexName, base, offsetEntrySize)
	if err != nil {
		return err
	}
	times, err := readIndex(file, base, timeEntrySize)
	if err != nil {
		return err
	}
	full, err := absolute(file)
	if err != nil {
		return err
	}
	if d.sanityOnly {
		if err := times.sanityCheckTimes(full); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "%s passed sanity check.\n", file)
		return nil
	}
	previous := record.NoTimestamp
	for i := range times.entries() {
		if i > 0 && times.offset(i) == base {
			return nil // zeros follow, as in an index that was not closed
		}
		if err := d.checkTimeEntry(log, offsets, times, i, previous, full); err != nil {
			return err
		}
		if !d.verifyOnly {
			fmt.Fprintf(d.out, "timestamp: %d offset: %d\n", times.timestamp(i), times.offset(i))
		}
		previous = times.timestamp(i)
	}
	return nil
}

// checkTimeEntry holds an entry against the batch whose last offset it names.
func (d *dumper) checkTimeEntry(log *segment, offsets, times *rawIndex, i int, previous int64, full string) error {
	timestamp, offset := times.timestamp(i), times.offset(i)
	batch, err := findBatch(log, offsets.lookup(offset), offset)
	switch {
	case err != nil:
		return err
	case batch == nil:
		d.offsetsNotFound.add(full, offset, -1)
		return nil
	case batch.LastOffset() != offset:
		d.offsetsNotFound.add(full, offset, batch.LastOffset())
		return nil
	}
	largest := record.NoTimestamp
	for item, err := range record.Records(batch) {
		if err != nil {
			return invalidRecord(err)
		}
		largest = max(largest, item.Timestamp)
	}
	if largest != timestamp {
		d.timeMismatches.add(full, timestamp, largest)
	}
	if previous >= timestamp {
		d.outOfOrder.add(full, timestamp, previous)
	}
	return nil
}

// findBatch is the first batch from a position on that does not end below an
// offset.
func findBatch(log *segment, position, offset int64) (record.Batch, error) {
	end, err := log.end(position, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	for {
		batch, err := log.next(position, end)
		if err != nil || batch == nil || batch.LastOffset() >= offset {
			return batch, err
		}
		position += int64(len(batch))
	}
}
