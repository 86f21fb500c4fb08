package broker

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/channel"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/replica"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// interBroker sends this broker's requests to others: the controller's, and those
// of followers. It implements controller.Sender and replica.LeaderConnector.
type interBroker struct {
	current    *config.Current
	brokerID   int32
	controller *channel.Sender
}

func newInterBroker(current *config.Current, brokerID int32) *interBroker {
	b := &interBroker{current: current, brokerID: brokerID}
	settings := b.config("")
	settings.RequestTimeout = config.Milliseconds(config.ControllerSocketTimeoutMs.Get(current.Load()))
	b.controller = channel.NewSender(settings)
	return b
}

// config is how connections are made; without a client id the broker's id is used.
func (b *interBroker) config(clientID string) channel.SenderConfig {
	if clientID == "" {
		clientID = strconv.Itoa(int(b.brokerID))
	}
	snapshot := b.current.Load()
	return channel.SenderConfig{
		ClientID:          clientID,
		RequestTimeout:    config.Milliseconds(config.RequestTimeoutMs.Get(snapshot)),
		ConnectTimeout:    config.Milliseconds(config.SocketConnectionSetupTimeoutMs.Get(snapshot)),
		MaxConnectTimeout: config.Milliseconds(config.SocketConnectionSetupTimeoutMaxMs.Get(snapshot)),
	}
}

// Send sends a request of the controller to a broker on the control-plane
// listener, or the inter-broker one if there is none.
func (b *interBroker) Send(ctx context.Context, broker zkdata.Broker, request kmsg.Request) (kmsg.Response, error) {
	name := b.current.Load().ControlPlaneListenerName()
	if name == "" {
		name = b.current.Load().InterBrokerListenerName()
	}
	endpoint, ok := broker.Endpoint(name)
	if !ok {
		return nil, fmt.Errorf("End point with listener name %s not found for broker %d", name, broker.ID) //nolint:staticcheck // Kafka's sentence
	}
	return b.controller.Send(ctx, channel.Node{ID: broker.ID, Host: endpoint.Host, Port: endpoint.Port}, request)
}

// Close closes the controller's connections.
func (b *interBroker) Close() { b.controller.Close() }

// Connect gives a follower a connection of its own to a leader.
func (b *interBroker) Connect(leader metadata.Node, clientID string) replica.LeaderConnection {
	settings := b.config(clientID)
	settings.RequestTimeout = config.Milliseconds(config.ReplicaSocketTimeoutMs.Get(b.current.Load()))
	settings.ReceiveBuffer = config.ReplicaSocketReceiveBufferBytes.Get(b.current.Load())
	settings.ReuseBuffer = true
	return &leaderConnection{sender: channel.NewSender(settings), leader: channel.Node{ID: leader.ID, Host: leader.Host, Port: leader.Port}}
}

type leaderConnection struct {
	sender *channel.Sender
	leader channel.Node
	closed sync.Once
}

// Send sends one request and waits for its response.
func (c *leaderConnection) Send(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	return c.sender.Send(ctx, c.leader, request)
}

// Close ends a Send that waits.
func (c *leaderConnection) Close() { c.closed.Do(c.sender.Close) }
