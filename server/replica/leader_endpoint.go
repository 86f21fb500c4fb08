package replica

import (
	"context"

	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// LeaderConnection sends requests to one other broker, one at a time, as
// kafka.server.BlockingSend.
type LeaderConnection interface {
	// Send sends the request in the version it has and waits for the response,
	// at most replica.socket.timeout.ms. After an error the next Send connects
	// anew.
	Send(ctx context.Context, request kmsg.Request) (kmsg.Response, error)
	// Close ends a Send that waits.
	Close()
}

// LeaderConnector connects to brokers on the inter-broker listener. It
// connects when the first request is sent, not before.
type LeaderConnector interface {
	Connect(leader metadata.Node, clientID string) LeaderConnection
}
