package dump

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tools/command"
)

// minMessageSize is the smallest size a batch may announce.
const minMessageSize = 14

// segment is an open log file.
type segment struct {
	file *os.File
	name string
	size int64
}

func openSegment(name string) (*segment, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, noSuchFile("java.nio.file.NoSuchFileException", name, err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	return &segment{file, name, info.Size()}, nil
}

func noSuchFile(class, text string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return command.Throw(class, "%s", text)
	}
	return command.Throw("java.io.IOException", "%v", err)
}

// end is where a slice of the file ends that begins at a position.
func (s *segment) end(position, length int64) (int64, error) {
	if position < 0 {
		return 0, command.Throw(command.IllegalArgument, "Invalid position: %d in read from FileRecords(size=%d, file=%s, start=0, end=%d)",
			position, s.size, s.name, math.MaxInt32)
	}
	if position > s.size {
		return 0, command.Throw(command.IllegalArgument, "Slice from position %d exceeds end position of FileRecords(size=%d, file=%s, start=0, end=%d)",
			position, s.size, s.name, math.MaxInt32)
	}
	return min(position+length, s.size), nil
}

// next reads the batch at a position of a slice; nil if no whole one is left.
func (s *segment) next(position, end int64) (record.Batch, error) {
	if position >= end-record.HeaderSizeUpToMagic {
		return nil, nil
	}
	var header [record.HeaderSizeUpToMagic]byte
	if _, err := s.file.ReadAt(header[:], position); err != nil {
		return nil, command.Throw("java.io.IOException", "%v", err)
	}
	length := int32(binary.BigEndian.Uint32(header[8:]))
	if length < minMessageSize {
		return nil, corrupt("Found record size %d smaller than minimum record overhead (%d) in file %s.", length, minMessageSize, s.name)
	}
	size := int64(length) + record.LogOverhead
	if position > end-size {
		return nil, nil
	}
	if int8(header[record.HeaderSizeUpToMagic-1]) >= record.MagicV2 && size < record.HeaderSize {
		return nil, corrupt("Found record batch of %d bytes, which is smaller than its header, in file %s.", size, s.name)
	}
	batch := make(record.Batch, size)
	if _, err := s.file.ReadAt(batch, position); err != nil {
		return nil, command.Throw("java.io.IOException", "%v", err)
	}
	return batch, nil
}

func corrupt(format string, args ...any) error {
	return command.Throw("org.apache.kafka.common.errors.CorruptRecordException", format, args...)
}

// baseOffset is the number in the name of a segment's file.
func baseOffset(file string) (offset int64, stem string, err error) {
	stem, _, _ = strings.Cut(filepath.Base(file), ".")
	offset, err = strconv.ParseInt(stem, 10, 64)
	if err != nil {
		return 0, stem, command.Throw("java.lang.NumberFormatException", "For input string: \"%s\"", stem)
	}
	return offset, stem, nil
}

func (d *dumper) dumpLog(file string) error {
	if err := d.needParser(); err != nil {
		return err
	}
	base, _, err := baseOffset(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "Starting offset: %d\n", base)
	log, err := openSegment(file)
	if err != nil {
		return err
	}
	defer log.file.Close()
	full, err := absolute(file)
	if err != nil {
		return err
	}
	records := recordDumper{dumper: d, file: full, lastOffset: -1}
	position := int64(0)
	for {
		batch, err := log.next(position, log.size)
		if err != nil {
			return err
		}
		if batch == nil {
			break
		}
		if err := d.printBatch(batch, position); err != nil {
			return err
		}
		if d.deep {
			if err := records.dump(batch); err != nil {
				return err
			}
		}
		position += int64(len(batch))
	}
	if trailing := log.size - position; trailing > 0 {
		fmt.Fprintf(d.out, "Found %d invalid bytes at the end of %s\n", trailing, filepath.Base(file))
	}
	return nil
}

func (d *dumper) printBatch(batch record.Batch, position int64) error {
	if batch.Magic() >= record.MagicV2 {
		fmt.Fprintf(d.out, "baseOffset: %d lastOffset: %d count: %d baseSequence: %d lastSequence: %d producerId: %d producerEpoch: %d partitionLeaderEpoch: %d isTransactional: %t isControl: %t",
			batch.BaseOffset(), batch.LastOffset(), batch.Count(), batch.BaseSequence(), batch.LastSequence(), batch.ProducerID(),
			batch.ProducerEpoch(), batch.PartitionLeaderEpoch(), batch.IsTransactional(), batch.IsControl())
	} else {
		fmt.Fprintf(d.out, "offset: %d", batch.LastOffset())
	}
	codec := batch.Compression()
	if codec > record.Zstd {
		return command.Throw(command.IllegalArgument, "Unknown compression type id: %d", int8(codec))
	}
	fmt.Fprintf(d.out, " position: %d %s: %d size: %d magic: %d compresscodec: %s crc: %d isvalid: %t\n",
		position, batch.TimestampType(), batch.MaxTimestamp(), len(batch), batch.Magic(), codec, batch.Checksum(), batch.EnsureValid() == nil)
	return nil
}

// recordDumper goes through the records of a file.
type recordDumper struct {
	*dumper
	file       string
	lastOffset int64
}

func (d *recordDumper) dump(batch record.Batch) error {
	if batch.Magic() < record.MagicV2 {
		return d.dumpMessages(batch)
	}
	for item, err := range record.Records(batch) {
		if err != nil {
			return invalidRecord(err)
		}
		if err := d.dumpRecord(batch, &item, nil); err != nil {
			return err
		}
	}
	return nil
}

func invalidRecord(err error) error {
	return command.Throw("org.apache.kafka.common.InvalidRecordException", "%v", err)
}

func (d *recordDumper) dumpMessages(outer record.Batch) error {
	messages, err := record.InnerMessages(outer)
	if err != nil {
		return invalidRecord(err)
	}
	for _, message := range messages {
		item, err := record.MessageRecord(message)
		if err != nil {
			return invalidRecord(err)
		}
		if err := d.dumpRecord(outer, &item, message); err != nil {
			return err
		}
	}
	return nil
}

// dumpRecord prints a record; message is what it was stored in, if that is of an
// old format.
func (d *recordDumper) dumpRecord(batch record.Batch, item *record.Record, message record.Batch) error {
	if d.lastOffset >= 0 && item.Offset != d.lastOffset+1 {
		d.nonConsecutivePairs.push(d.file, d.lastOffset, item.Offset)
	}
	d.lastOffset = item.Offset
	prefix := "| "
	if !d.skipMetadata {
		if err := d.printMetadata(batch, item, message); err != nil {
			return err
		}
		prefix = " "
	}
	if d.printData && !batch.IsControl() {
		key, payload, err := d.parser(item)
		if err != nil {
			return err
		}
		if key != nil {
			fmt.Fprintf(d.out, "%skey: %s", prefix, *key)
		}
		if payload != nil {
			fmt.Fprintf(d.out, " payload: %s", *payload)
		}
	}
	d.out.WriteByte('\n')
	return nil
}

func (d *recordDumper) printMetadata(batch record.Batch, item *record.Record, message record.Batch) error {
	fmt.Fprintf(d.out, "| offset: %d %s: %d keySize: %d valueSize: %d", item.Offset, batch.TimestampType(), item.Timestamp, size(item.Key), size(item.Value))
	if batch.Magic() >= record.MagicV2 {
		keys := make([]string, 0, item.HeaderCount)
		for _, header := range item.Headers() {
			keys = append(keys, javaText([]byte(header.Key)))
		}
		fmt.Fprintf(d.out, " sequence: %d headerKeys: [%s]", item.Sequence, strings.Join(keys, ","))
	}
	if message != nil {
		// The checksum of what was compressed was looked at before.
		valid := batch.Compression() != record.None || message.EnsureValid() == nil
		fmt.Fprintf(d.out, " isValid: %t crc: %d}", valid, message.Checksum())
	}
	if batch.IsControl() {
		return d.printControl(item)
	}
	return nil
}

func size(field []byte) int {
	if field == nil {
		return -1
	}
	return len(field)
}

func (d *recordDumper) printControl(item *record.Record) error {
	kind, err := record.ParseControlKey(item.Key)
	if err != nil {
		return invalidRecord(err)
	}
	switch kind {
	case record.ControlAbort, record.ControlCommit:
		marker, err := record.ParseEndTransactionMarker(item.Key, item.Value)
		if err != nil {
			return invalidRecord(err)
		}
		fmt.Fprintf(d.out, " endTxnMarker: %s coordinatorEpoch: %d", marker.Type, marker.CoordinatorEpoch)
	default:
		fmt.Fprintf(d.out, " controlType: %s(%d)", controlName(kind), kind)
	}
	return nil
}

// controlName is the name of a control record of a metadata log.
func controlName(kind record.ControlType) string {
	switch kind {
	case 2:
		return "LEADER_CHANGE"
	case 3:
		return "SNAPSHOT_HEADER"
	case 4:
		return "SNAPSHOT_FOOTER"
	}
	return "UNKNOWN"
}
