package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

const (
	// flushSize is how many bytes of responses share one write.
	flushSize = 64 << 10
	// keptBuffer is the greatest write buffer that is used again.
	keptBuffer = 256 << 10
	// copiedRegion is the greatest region that is rather copied than sent
	// from its file: a few microseconds, which two more system calls take.
	copiedRegion = 16 << 10
)

// ResponseWriter writes the body of a [Send]. Bytes are gathered and go out
// together; the first error sticks. What was given to Write may be used again.
type ResponseWriter struct {
	connection *connection
	pending    []byte
	written    int64
	err        error
}

var responseWriters = sync.Pool{New: func() any { return new(ResponseWriter) }}

// Write adds bytes to the response; they are copied.
func (w *ResponseWriter) Write(p []byte) (int, error) {
	if len(p) >= flushSize {
		w.flush()
		w.write(p)
	} else {
		w.pending = append(w.pending, p...)
		w.flushIfLarge()
	}
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// WriteRegion adds the region to the response. A small one is copied, so that
// it goes out in one write with what is around it.
func (w *ResponseWriter) WriteRegion(region Region) error {
	size := region.Size()
	source, readable := region.(io.ReaderAt)
	switch {
	case w.err != nil || size == 0:
	case readable && size <= copiedRegion:
		w.copyRegion(source, size)
	default:
		w.flushBeforeRegion()
		w.sendRegion(region)
	}
	return w.err
}

func (w *ResponseWriter) copyRegion(source io.ReaderAt, size int) {
	start := len(w.pending)
	w.pending = slices.Grow(w.pending, size)[:start+size]
	if n, err := source.ReadAt(w.pending[start:], 0); n < size {
		w.pending = w.pending[:start+n]
		w.fail(errors.Join(io.ErrUnexpectedEOF, err))
	}
	w.flushIfLarge()
}

func (w *ResponseWriter) sendRegion(region Region) {
	if w.err != nil {
		return
	}
	n, err := region.SendTo(w.connection.conn)
	w.written += n
	w.connection.touch()
	if err != nil {
		w.fail(err)
	}
}

// flushBeforeRegion sends what is pending; the kernel holds an unfilled packet of
// it back for the region that follows at once.
func (w *ResponseWriter) flushBeforeRegion() {
	socket, ok := w.connection.conn.(*net.TCPConn)
	switch {
	case w.err != nil || len(w.pending) == 0:
		return
	case !ok:
		w.flush()
		return
	}
	n, err := sendMore(socket, w.pending)
	w.pending = w.pending[:0]
	w.written += int64(n)
	w.connection.touch()
	if err != nil {
		w.fail(err)
	}
}

// finish sends what is left.
func (w *ResponseWriter) finish() error {
	w.flush()
	return w.err
}

// response adds a whole response frame.
func (w *ResponseWriter) response(correlationID int32, response kmsg.Response) {
	w.pending = protocol.AppendResponse(w.pending, correlationID, response)
	w.flushIfLarge()
}

// raw adds the frame of a body that writes itself.
func (w *ResponseWriter) raw(header protocol.RequestHeader, send Send) {
	size := send.Size()
	w.pending = protocol.AppendResponseHead(w.pending, header.CorrelationID, header.APIKey, header.APIVersion, size)
	before := w.written + int64(len(w.pending))
	if err := send.WriteTo(w); err != nil {
		w.fail(err)
	}
	if n := w.written + int64(len(w.pending)) - before; n != int64(size) {
		// The client would take what follows for the rest of this response.
		w.fail(fmt.Errorf("the response has %d bytes instead of %d", n, size))
	}
}

// fail makes the first error stick; nothing more is written.
func (w *ResponseWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *ResponseWriter) flushIfLarge() {
	if len(w.pending) >= flushSize {
		w.flush()
	}
}

func (w *ResponseWriter) flush() {
	if len(w.pending) > 0 {
		w.write(w.pending)
		w.pending = w.pending[:0]
	}
}

func (w *ResponseWriter) write(p []byte) {
	if w.err != nil {
		return
	}
	var n int
	n, w.err = w.connection.conn.Write(p)
	w.written += int64(n)
	w.connection.touch()
}

// recycle gives the writer back.
func (w *ResponseWriter) recycle() {
	if cap(w.pending) > keptBuffer {
		w.pending = nil
	}
	*w = ResponseWriter{pending: w.pending[:0]}
	responseWriters.Put(w)
}
