//go:build peers

package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience is how long a broker may take over an answer.
const patience = 20 * time.Second

// connection is one raw connection: frames out, frames in, nothing negotiated.
type connection struct {
	net.Conn
	correlation int32
}

func dial(address string) (*connection, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	return &connection{Conn: conn, correlation: 41}, err
}

// header encodes the header of a request: version 1, or 2 where tags are allowed.
func header(key, version int16, correlation int32, clientID *string, flexible bool) []byte {
	h := kbin.AppendInt16(nil, key)
	h = kbin.AppendInt16(h, version)
	h = kbin.AppendInt32(h, correlation)
	if key == kmsg.ControlledShutdown.Int16() && version == 0 {
		return h
	}
	h = kbin.AppendNullableString(h, clientID)
	if flexible {
		h = append(h, 0)
	}
	return h
}

// encode gives the frame of a request without its length.
func (c *connection) encode(request kmsg.Request, clientID *string) []byte {
	c.correlation++
	return request.AppendTo(header(request.Key(), request.GetVersion(), c.correlation, clientID, request.IsFlexible()))
}

func (c *connection) send(frame []byte) error {
	_, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
	return err
}

// answer is what came of a request: a decoded response, or how it ended instead.
type answer struct {
	response kmsg.Response
	ending   string
}

const (
	closed   = "connection closed"
	noAnswer = "no answer"
)

// receive reads the answer to the last request sent on the connection.
func (c *connection) receive(response kmsg.Response, patience time.Duration) answer {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	length := make([]byte, 4)
	if _, err := io.ReadFull(c, length); err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return answer{ending: noAnswer}
		}
		return answer{ending: closed}
	}
	frame := make([]byte, binary.BigEndian.Uint32(length))
	if _, err := io.ReadFull(c, frame); err != nil {
		return answer{ending: closed}
	}
	return c.decode(response, frame)
}

// decode reads a response and checks its correlation id, and that encoding it again
// gives the bytes that came, so that nothing of them is left unseen.
func (c *connection) decode(response kmsg.Response, frame []byte) answer {
	body := frame[min(4, len(frame)):]
	if got := int32(binary.BigEndian.Uint32(frame)); got != c.correlation {
		return answer{ending: fmt.Sprintf("correlation id is off by %d", got-c.correlation)}
	}
	if response.IsFlexible() && response.Key() != kmsg.ApiVersions.Int16() {
		if len(body) == 0 || body[0] != 0 {
			return answer{ending: fmt.Sprintf("tags in the response header: %x", body)}
		}
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		return answer{ending: fmt.Sprintf("undecodable (%v): %x", err, body)}
	}
	if again := response.AppendTo(nil); string(again) != string(body) {
		return answer{response: response, ending: "the answer has other bytes than its decoded form"}
	}
	return answer{response: response}
}
