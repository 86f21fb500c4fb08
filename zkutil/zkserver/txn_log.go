package zkserver

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Constants of the log's format (FileTxnLog).
const (
	txnLogMagic      = 0x5a4b4c47 // "ZKLG"
	fileVersion      = 2
	fileHeaderSize   = 16
	entryHeaderSize  = 12
	entryEnd         = 'B'
	logPrefix        = "log"
	paddingThreshold = 4096
)

// logBatch is a run of transactions that are written together.
type logBatch struct {
	buf                 []byte
	firstZxid, lastZxid int64
	// roll begins a new file with this batch.
	roll bool
}

// appendEntry encodes a transaction with its frame.
func (b *logBatch) appendEntry(h *txnHeader, record *txn) {
	at := len(b.buf)
	e := newEncoder(append(b.buf, make([]byte, entryHeaderSize)...))
	e.txnHeader(h)
	e.txn(record)
	payload := e.Buf[at+entryHeaderSize:]
	binary.BigEndian.PutUint64(e.Buf[at:], uint64(adler32.Checksum(payload)))
	binary.BigEndian.PutUint32(e.Buf[at+8:], uint32(len(payload)))
	b.buf = append(e.Buf, entryEnd)
	if b.firstZxid == 0 {
		b.firstZxid = h.zxid
	}
	b.lastZxid = h.zxid
}

// txnLog writes log files. One goroutine uses it.
type txnLog struct {
	dir       string
	preAlloc  int64
	sizeLimit int64
	forceSync bool
	// slow is told of an fsync that took longer than slowAfter.
	slow      func(time.Duration, int64)
	slowAfter time.Duration

	file      *os.File
	position  int64
	allocated int64
}

// write appends batches and makes them durable.
func (l *txnLog) write(batches []*logBatch) error {
	for _, b := range batches {
		full := l.sizeLimit > 0 && l.position > l.sizeLimit
		if l.file != nil && (b.roll || full) {
			if err := l.close(); err != nil {
				return err
			}
		}
		if len(b.buf) == 0 {
			continue
		}
		if l.file == nil {
			if err := l.create(b.firstZxid); err != nil {
				return err
			}
		}
		if err := l.append(b.buf); err != nil {
			return err
		}
	}
	return l.sync()
}

// create begins the file whose first transaction has this zxid.
func (l *txnLog) create(zxid int64) error {
	name := filepath.Join(l.dir, fmt.Sprintf("%s.%x", logPrefix, zxid))
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	l.file, l.position, l.allocated = file, 0, 0
	var header encoder
	header.Int32(txnLogMagic)
	header.Int32(fileVersion)
	header.Int64(0) // dbid
	if err := l.append(header.Buf); err != nil {
		return err
	}
	if !l.forceSync {
		return nil
	}
	return syncDirectory(l.dir)
}

// append writes at the end, growing the file in steps so that its size, which
// fsync would have to write too, seldom changes.
func (l *txnLog) append(data []byte) error {
	end := l.position + int64(len(data))
	if l.preAlloc > 0 && end+paddingThreshold >= l.allocated {
		allocated := end + paddingThreshold + l.preAlloc
		allocated -= allocated % l.preAlloc
		if err := l.file.Truncate(allocated); err != nil {
			return err
		}
		l.allocated = allocated
	}
	if _, err := l.file.WriteAt(data, l.position); err != nil {
		return err
	}
	l.position = end
	return nil
}

func (l *txnLog) sync() error {
	if l.file == nil || !l.forceSync {
		return nil
	}
	started := time.Now()
	if err := syncData(l.file); err != nil {
		return fmt.Errorf("fsync of %s: %w", l.file.Name(), err)
	}
	if took := time.Since(started); took > l.slowAfter && l.slowAfter > 0 {
		l.slow(took, l.position)
	}
	return nil
}

// close ends the file, without the padding.
func (l *txnLog) close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Truncate(l.position), l.sync(), l.file.Close())
	l.file = nil
	return err
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// corruptLogError says which entry's checksum is wrong.
type corruptLogError struct {
	path   string
	offset int64
}

func (e *corruptLogError) Error() string {
	return fmt.Sprintf("CRC check failed: transaction log %s is corrupt at offset %d", e.path, e.offset)
}

// errTorn says that a log ends within an entry.
var errTorn = errors.New("last transaction was partial")

// logReader reads the entries of one log file.
type logReader struct {
	in   *bufio.Reader
	path string
	size int64
	// offset is where the next entry begins.
	offset int64
	buf    []byte
}

// newLogReader checks the file's header. A file that ends within it has no entries.
func newLogReader(in io.Reader, path string, size int64) (*logReader, error) {
	r := &logReader{in: bufio.NewReaderSize(in, frameStep), path: path, size: size}
	var header [fileHeaderSize]byte
	if _, err := io.ReadFull(r.in, header[:]); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, errTorn
		}
		return nil, err
	}
	if tornHeader(header) {
		return nil, errTorn
	}
	if magic := binary.BigEndian.Uint32(header[:]); magic != txnLogMagic {
		return nil, fmt.Errorf("transaction log %s: Invalid magic number %d != %d", path, magic, txnLogMagic)
	}
	r.offset = fileHeaderSize
	return r, nil
}

// tornHeader says whether a header is the beginning of a good one and then zeros.
func tornHeader(header [fileHeaderSize]byte) bool {
	var good encoder
	good.Int32(txnLogMagic)
	good.Int32(fileVersion)
	written := len(bytes.TrimRight(header[:], "\x00"))
	return written < len(good.Buf) && bytes.HasPrefix(good.Buf, header[:written])
}

// reset makes the reader go on elsewhere.
func (r *logReader) reset(in io.Reader) {
	r.in = bufio.NewReaderSize(in, frameStep)
}

// next gives the next transaction, io.EOF behind the last one, errTorn when the
// file ends within an entry, and a corruptLogError when an entry's checksum is wrong.
// Any other error is about an entry that is whole.
func (r *logReader) next() (txnHeader, txn, error) {
	payload, err := r.nextPayload()
	if err != nil {
		return txnHeader{}, txn{}, err
	}
	h, record, err := decodeTxn(payload)
	if err != nil {
		return h, record, fmt.Errorf("transaction log %s has an entry at offset %d that cannot be understood: %w", r.path, r.offset, err)
	}
	r.offset += int64(entryHeaderSize + len(payload) + 1)
	return h, record, nil
}

func (r *logReader) nextPayload() ([]byte, error) {
	var header [entryHeaderSize]byte
	switch n, err := io.ReadFull(r.in, header[:]); {
	case err == io.EOF:
		return nil, io.EOF
	case err == io.ErrUnexpectedEOF:
		if bytes.Count(header[:n], []byte{0}) == n {
			return nil, io.EOF
		}
		return nil, errTorn
	case err != nil:
		return nil, err
	}
	sum := binary.BigEndian.Uint64(header[:])
	size := int64(int32(binary.BigEndian.Uint32(header[8:])))
	if size == 0 {
		if sum == 0 {
			return nil, io.EOF
		}
		return nil, errTorn
	}
	if size < 0 || size > r.size-r.offset-entryHeaderSize-1 {
		return nil, errTorn
	}
	if int64(cap(r.buf)) < size+1 {
		r.buf = make([]byte, size+1)
	}
	r.buf = r.buf[:size+1]
	if _, err := io.ReadFull(r.in, r.buf); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, errTorn
		}
		return nil, err
	}
	payload := r.buf[:size]
	if r.buf[size] != entryEnd {
		return nil, errTorn
	}
	if uint64(adler32.Checksum(payload)) != sum {
		return nil, &corruptLogError{r.path, r.offset}
	}
	return payload, nil
}
