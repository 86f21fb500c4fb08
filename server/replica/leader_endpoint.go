package replica

import (
	"context"
	"net"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/channel"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// LeaderConnection sends requests to one other broker, one at a time, as
// kafka.server.BlockingSend.
type LeaderConnection interface {
	// Send sends the request in the version it has and waits for the response,
	// whose bytes are good until the next Send. After an error the next Send
	// connects anew.
	Send(ctx context.Context, request kmsg.Request) (kmsg.Response, error)
	// Close ends a Send that waits.
	Close()
}

// LeaderConnector connects to brokers on the inter-broker listener. It
// connects when the first request is sent, not before.
type LeaderConnector interface {
	Connect(leader metadata.Node, clientID string) LeaderConnection
}

// NewLeaderConnector connects by channel.Sender; dial makes the connections,
// nil those in plain text.
func NewLeaderConnector(cfg *config.BrokerConfig, dial func(context.Context, channel.Node) (net.Conn, error)) LeaderConnector {
	return senderConnector{channel.SenderConfig{
		RequestTimeout: time.Duration(config.ReplicaSocketTimeoutMs.Get(cfg)) * time.Millisecond, ReuseBuffer: true, Dial: dial,
	}}
}

type senderConnector struct{ config channel.SenderConfig }

func (c senderConnector) Connect(leader metadata.Node, clientID string) LeaderConnection {
	cfg := c.config
	cfg.ClientID = clientID
	return &senderConnection{channel.NewSender(cfg), channel.Node{ID: leader.ID, Host: leader.Host, Port: leader.Port}}
}

type senderConnection struct {
	sender *channel.Sender
	leader channel.Node
}

func (c *senderConnection) Send(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	return c.sender.Send(ctx, c.leader, request)
}

func (c *senderConnection) Close() { c.sender.Close() }
