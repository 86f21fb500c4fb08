package log

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gregor-broker/gregor/log/vfs"
)

// ErrTruncated says that the log was truncated while a region of it was being
// sent. What was promised is no longer there, so the connection must be closed.
var ErrTruncated = errors.New("log was truncated while it was being sent")

// segmentFile is the open file of a segment. It is shared by the segment and by
// the regions that are being sent; the last one to let go closes it. Renaming
// and removing the file does not disturb regions.
//
// Truncating does: bytes of a region may vanish and later be overwritten by
// others. Each region therefore remembers how many truncations it has seen, and
// each piece it sends is sent under the shared lock that a truncation takes
// exclusively, so it never sends bytes written after a truncation into it; the
// send ends with ErrTruncated instead. (What sendfile handed to the kernel
// before lies in the socket as references to pages; of these only the one page
// the cut goes through can still change, and then the batch in it fails its
// checksum at the receiver.) Only followers truncate, above the high watermark
// unless an unclean election took place, so consumers hardly ever meet this.
type segmentFile struct {
	file vfs.File
	// descriptor is that of an *os.File, or -1.
	descriptor int
	references atomic.Int32
	size       atomic.Int64

	mu sync.RWMutex
	// truncations are the sizes that the file was cut to, guarded by mu;
	// truncationCount is their number.
	truncations     []int64
	truncationCount atomic.Int32
}

func newSegmentFile(file vfs.File, size int64) *segmentFile {
	shared := &segmentFile{file: file, descriptor: -1}
	if real, ok := file.(*os.File); ok {
		shared.descriptor = int(real.Fd())
	}
	shared.size.Store(size)
	shared.references.Store(1)
	return shared
}

// release lets go of one reference.
func (f *segmentFile) release() error {
	if f.references.Add(-1) == 0 {
		return f.file.Close()
	}
	return nil
}

// acquire takes a reference unless the file is closed already.
func (f *segmentFile) acquire() bool {
	for {
		n := f.references.Load()
		if n == 0 {
			return false
		}
		if f.references.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// truncate cuts the file and fails the regions that reach beyond the cut.
func (f *segmentFile) truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.truncations = append(f.truncations, size)
	f.truncationCount.Store(int32(len(f.truncations)))
	f.size.Store(size)
	return f.file.Truncate(size)
}

// FileRecords is a region of a segment file, as org.apache.kafka.common.record's
// FileRecords slice. It keeps the file open until it is released, whatever
// becomes of the log meanwhile.
type FileRecords struct {
	file     *segmentFile
	position int64
	size     int
	seen     int32
	released atomic.Bool
}

// newFileRecords takes a region; seen is the number of truncations at the time
// its bounds were looked up. It is nil when the file is closed.
func newFileRecords(file *segmentFile, position int64, size int, seen int32) *FileRecords {
	if !file.acquire() {
		return nil
	}
	return &FileRecords{file: file, position: position, size: size, seen: seen}
}

// Size is the number of bytes of the region.
func (r *FileRecords) Size() int { return r.size }

// Release gives the region back. It may be called more than once.
func (r *FileRecords) Release() {
	if r.released.CompareAndSwap(false, true) {
		// All that could fail is closing a file that was only read.
		_ = r.file.release()
	}
}

// intactLocked reports whether no truncation went through the region.
func (r *FileRecords) intactLocked() error {
	for _, cut := range r.file.truncations[r.seen:] {
		if cut < r.position+int64(r.size) {
			return ErrTruncated
		}
	}
	return nil
}

// ReadAt reads from the region; it implements io.ReaderAt.
func (r *FileRecords) ReadAt(to []byte, at int64) (int, error) {
	if at < 0 || at > int64(r.size) {
		return 0, fmt.Errorf("read at %d of a region of %d bytes", at, r.size)
	}
	short := int64(len(to)) > int64(r.size)-at
	if short {
		to = to[:int64(r.size)-at]
	}
	r.file.mu.RLock()
	defer r.file.mu.RUnlock()
	if err := r.intactLocked(); err != nil {
		return 0, err
	}
	n, err := r.file.file.ReadAt(to, r.position+at)
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// copyBufferSize is the size of the pieces in which a region is copied or sent.
const copyBufferSize = 64 << 10

var copyBuffers = sync.Pool{New: func() any { buffer := make([]byte, copyBufferSize); return &buffer }}

// WriteTo copies the region to a writer; it implements io.WriterTo.
func (r *FileRecords) WriteTo(to io.Writer) (int64, error) {
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	written := int64(0)
	for written < int64(r.size) {
		piece := (*buffer)[:min(int64(len(*buffer)), int64(r.size)-written)]
		if n, err := r.ReadAt(piece, written); n < len(piece) {
			return written, errors.Join(io.ErrUnexpectedEOF, err)
		}
		n, err := to.Write(piece)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// SendTo writes the region to a connection: by sendfile(2) to a TCP or Unix
// socket, with an offset of its own, as many may send from one file at once;
// else through a pooled buffer.
func (r *FileRecords) SendTo(conn net.Conn) (int64, error) {
	if r.file.descriptor >= 0 {
		switch socket := conn.(type) {
		case *net.TCPConn:
			return r.sendfile(socket)
		case *net.UnixConn:
			return r.sendfile(socket)
		}
	}
	return r.WriteTo(conn)
}

// sendfileChunk bounds one call, and so how long a truncation may have to wait.
const sendfileChunk = 1 << 20

func (r *FileRecords) sendfile(conn syscall.Conn) (int64, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	sent := 0
	var sendErr error
	err = raw.Write(func(socket uintptr) bool {
		for sent < r.size {
			n, err := r.sendPiece(int(socket), sent)
			sent += n
			switch {
			case err == unix.EAGAIN:
				return false
			case err == unix.EINTR:
			case err != nil:
				sendErr = os.NewSyscallError("sendfile", err)
				return true
			case n == 0:
				sendErr = io.ErrUnexpectedEOF
				return true
			}
		}
		return true
	})
	return int64(sent), errors.Join(sendErr, err)
}

func (r *FileRecords) sendPiece(socket, sent int) (int, error) {
	r.file.mu.RLock()
	defer r.file.mu.RUnlock()
	if err := r.intactLocked(); err != nil {
		return 0, err
	}
	offset := r.position + int64(sent)
	n, err := unix.Sendfile(socket, r.file.descriptor, &offset, min(r.size-sent, sendfileChunk))
	return max(n, 0), err
}
