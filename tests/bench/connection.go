package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions of the requests: the last whose headers have no tags, which
// Kafka 3.1.0 serves as it does the newest.
const (
	createTopicsVersion = 4
	produceVersion      = 8
	fetchVersion        = 11
	metadataVersion     = 8
	alterConfigsVersion = 0
)

// requestTimeout bounds each read and write of a connection.
const requestTimeout = 60 * time.Second

// connection speaks the protocol without a client in between, so that next to all
// work is the broker's.
type connection struct {
	net.Conn
	formatter *kmsg.RequestFormatter
	frame     []byte
}

// connect waits until a server listens. The end of the run closes the connection.
func (b *bench) connect(server *process) (*connection, error) {
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(time.Millisecond) {
		conn, err := net.DialTimeout("tcp", server.address, time.Second)
		if err == nil {
			context.AfterFunc(b.ctx, func() { conn.Close() })
			return &connection{Conn: conn, formatter: kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))}, nil
		}
		if ended := server.ended(); ended != nil {
			return nil, ended
		}
		if b.ctx.Err() != nil || time.Now().After(deadline) {
			return nil, err
		}
	}
}

// encode makes the frame of a request.
func (c *connection) encode(request kmsg.Request) []byte {
	return c.formatter.AppendRequest(nil, request, 0)
}

// readFrame reads a response without its length and correlation id; it is valid
// until the next call.
func (c *connection) readFrame() ([]byte, error) {
	if err := c.SetReadDeadline(time.Now().Add(requestTimeout)); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:])) - 4
	if size > cap(c.frame) {
		c.frame = make([]byte, size)
	}
	c.frame = c.frame[:size]
	_, err := io.ReadFull(c, c.frame)
	return c.frame, err
}

// ask sends a request and waits for the response.
func (c *connection) ask(request kmsg.Request) (kmsg.Response, error) {
	if _, err := c.Write(c.encode(request)); err != nil {
		return nil, err
	}
	frame, err := c.readFrame()
	if err != nil {
		return nil, err
	}
	response := request.ResponseKind()
	return response, response.ReadFrom(frame)
}

// createTopic asks until the topic is there, with one replica of each partition.
func (b *bench) createTopic(c *connection, name string, partitions int) error {
	return b.createReplicated(c, name, partitions, 1, nil)
}

func (b *bench) createReplicated(c *connection, name string, partitions, replicas int, settings map[string]string) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Version, request.TimeoutMillis = createTopicsVersion, int32(requestTimeout.Milliseconds())/2
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, int32(partitions), int16(replicas)
	for key, value := range settings {
		topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
	}
	request.Topics = append(request.Topics, topic)
	return b.untilServed(func() (int16, error) {
		response, err := c.ask(request)
		if err != nil {
			return 0, err
		}
		code := response.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode
		if code == kerr.TopicAlreadyExists.Code {
			code = 0
		}
		return code, nil
	})
}

// untilServed asks again while the broker answers with an error code that means it
// is not ready.
func (b *bench) untilServed(ask func() (int16, error)) error {
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(2 * time.Millisecond) {
		code, err := ask()
		if err != nil || code == 0 {
			return err
		}
		if b.ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("still refused: %w", kerr.ErrorForCode(code))
		}
	}
}
