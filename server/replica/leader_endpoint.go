package replica

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/metadata"
)

// LeaderConnection sends requests to one other broker, one at a time, as
// kafka.server.BlockingSend.
type LeaderConnection interface {
	// Send sends the request in the version it has and waits for the response,
	// whose bytes are good until the next Send. After an error the next Send
	// connects anew.
	Send(ctx context.Context, request kmsg.Request) (kmsg.Response, error)
	// Close ends a Send that waits. It may be called more than once.
	Close()
}

// LeaderConnector connects to brokers on the inter-broker listener. It
// connects when the first request is sent, not before.
type LeaderConnector interface {
	Connect(leader metadata.Node, clientID string) LeaderConnection
}
