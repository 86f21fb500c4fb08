package network

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// Handler handles requests. Handle is called by the connection's reader, in
// the order of the requests, and may finish the request before or after it
// returns, from any goroutine. It must not wait for another request of the
// same connection.
type Handler interface {
	Handle(request *Request)
}

// Request is one received request. Its handler must finish it exactly once, by
// Respond, RespondRaw, NoResponse or Close. Byte fields of a Produce request
// lie in a pooled buffer and are gone once the request is finished; those of
// other requests may be kept.
type Request struct {
	// Context tells where the request came from.
	Context protocol.RequestContext
	// Body is the decoded request.
	Body kmsg.Request
	// Size is the length of the request with its header, which the produce
	// quota is charged with.
	Size int

	connection *connection
	frame      *buffer
	outcome    outcome
	response   kmsg.Response
	send       Send
	reason     string
	errors     errorCounts
	throttle   time.Duration
	finished   atomic.Bool
	done       bool // finished and ready to be written; guarded by connection.mu
	decoded    int  // what decoding took of the server's allowance
	times      requestTimes
	// description is the body as JSON when requests are logged, else nil.
	description []byte
}

// outcome is how a request was finished.
type outcome uint8

const (
	respondOutcome outcome = iota
	rawOutcome
	noResponseOutcome
	closeOutcome
)

// Region is a part of a response that is not in memory, as *log.FileRecords.
type Region interface {
	Size() int
	// SendTo writes the region to the connection, a *net.TCPConn when bytes
	// can go from file to socket by sendfile.
	SendTo(conn net.Conn) (int64, error)
}

// Send is the body of a response that is not a kmsg message alone. The network
// writes the frame's length and the response header in front of it.
type Send interface {
	// Size is the number of bytes that WriteTo will write.
	Size() int
	// WriteTo writes the body.
	WriteTo(w *ResponseWriter) error
	// Release is called exactly once, when the body was written or will not be.
	Release()
}

// Respond sends a response. Its version is set to that of the request.
func (r *Request) Respond(response kmsg.Response) {
	r.finish(func() {
		response.SetVersion(r.Body.GetVersion())
		r.outcome, r.response = respondOutcome, response
	})
}

// RespondRaw sends a response body that is written by the handler's own code.
// The errors it carries are counted with [Request.CountError] before.
func (r *Request) RespondRaw(send Send) {
	if !r.finish(func() { r.outcome, r.send = rawOutcome, send }) {
		send.Release()
	}
}

// NoResponse finishes a request that gets no response, as Produce with acks=0.
func (r *Request) NoResponse() {
	r.finish(func() { r.outcome = noResponseOutcome })
}

// Close finishes the request by closing its connection after the responses
// before it. The reason is logged unless it is empty.
func (r *Request) Close(reason string) {
	r.finish(func() { r.outcome, r.reason = closeOutcome, reason })
}

// Throttle stops the reading of further requests of this connection for a
// time, from when the request is finished; the response itself is not delayed
// (KIP-219). It is called before the request is finished.
func (r *Request) Throttle(d time.Duration) { r.throttle = max(r.throttle, d) }

// CountError counts an error code of a raw response for the metrics. It is
// called before the request is finished.
func (r *Request) CountError(code int16) { r.errors.add(code, 1) }

func (r *Request) finish(set func()) bool {
	if !r.finished.CompareAndSwap(false, true) {
		r.connection.server.processorLogger.Errorf("Request %s of %s was finished twice", protocol.APIName(r.Context.Header.APIKey), r.Context.ConnectionID)
		return false
	}
	set()
	r.times.completed.Store(now())
	r.connection.complete(r)
	return true
}

// release gives back what the request holds. It is called once, when the
// response was written or will not be.
func (r *Request) release() {
	if r.send != nil {
		r.send.Release()
		r.send = nil
	}
	r.frame.release()
	r.frame = nil
}
