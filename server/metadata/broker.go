package metadata

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
)

// Endpoint is one listener of a broker.
type Endpoint struct {
	Listener         string
	Host             string
	Port             int32
	SecurityProtocol int16
}

// Broker is a live broker. It is immutable.
type Broker struct {
	ID        int32
	Rack      string // empty when the broker has none
	Endpoints []Endpoint
}

// Node is a broker as seen through one listener.
type Node struct {
	ID   int32
	Host string
	Port int32
	Rack string // empty when the broker has none
}

// Node gives the broker's address on a listener, and false when it has no
// such listener.
func (b *Broker) Node(listener string) (Node, bool) {
	for i := range b.Endpoints {
		if endpoint := &b.Endpoints[i]; endpoint.Listener == listener {
			return Node{ID: b.ID, Host: endpoint.Host, Port: endpoint.Port, Rack: b.Rack}, true
		}
	}
	return Node{}, false
}

// String prints the nodes by listener, as Kafka's metadata cache holds them.
func (b *Broker) String() string {
	rack := cmp.Or(b.Rack, "null")
	var nodes []string
	for _, e := range b.Endpoints {
		nodes = append(nodes, fmt.Sprintf("ListenerName(%s) -> %s:%d (id: %d rack: %s)", e.Listener, e.Host, e.Port, b.ID, rack))
	}
	return jvm.Collection("Map", nodes)
}

// sameListeners reports whether both brokers have listeners of the same names.
func (b *Broker) sameListeners(other *Broker) bool {
	if len(b.Endpoints) != len(other.Endpoints) {
		return false
	}
	return !slices.ContainsFunc(b.Endpoints, func(endpoint Endpoint) bool {
		_, ok := other.Node(endpoint.Listener)
		return !ok
	})
}

// securityProtocolNames are the listener names of UpdateMetadata v0-v2, whose
// listeners have no names of their own; by SecurityProtocol's ids.
var securityProtocolNames = [...]string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}

// brokerOf copies a live broker out of a request.
func brokerOf(live *kmsg.UpdateMetadataRequestLiveBroker) *Broker {
	broker := &Broker{ID: live.ID, Endpoints: make([]Endpoint, 0, max(len(live.Endpoints), 1))}
	if live.Rack != nil {
		broker.Rack = strings.Clone(*live.Rack)
	}
	if len(live.Endpoints) == 0 { // v0
		broker.Endpoints = append(broker.Endpoints,
			Endpoint{Listener: securityProtocolNames[0], Host: strings.Clone(live.Host), Port: live.Port})
	}
	for i := range live.Endpoints {
		from := &live.Endpoints[i]
		listener := strings.Clone(from.ListenerName)
		if protocol := int(from.SecurityProtocol); listener == "" && protocol >= 0 && protocol < len(securityProtocolNames) {
			listener = securityProtocolNames[protocol]
		}
		broker.Endpoints = append(broker.Endpoints, Endpoint{
			Listener: listener, Host: strings.Clone(from.Host), Port: from.Port, SecurityProtocol: from.SecurityProtocol,
		})
	}
	return broker
}
