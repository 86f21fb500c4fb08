package network

import (
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

const (
	// flushSize is how many bytes of responses share one write.
	flushSize = 64 << 10
	// keptBuffer is the greatest write buffer that is used again.
	keptBuffer = 256 << 10
)

// ResponseWriter writes the body of a [Send]. Bytes are gathered and go out
// together; the first error sticks.
type ResponseWriter struct {
	conn    net.Conn
	pending []byte
	written int64
	err     error
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

// WriteRegion writes what lies before the region, then the region itself.
func (w *ResponseWriter) WriteRegion(region Region) error {
	w.flush()
	if w.err == nil && region.Size() > 0 {
		var n int64
		n, w.err = region.SendTo(w.conn)
		w.written += n
	}
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
	n, w.err = w.conn.Write(p)
	w.written += int64(n)
}

// recycle gives the writer back.
func (w *ResponseWriter) recycle() {
	if cap(w.pending) > keptBuffer {
		w.pending = nil
	}
	*w = ResponseWriter{pending: w.pending[:0]}
	responseWriters.Put(w)
}
