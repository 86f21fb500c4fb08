package command

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/config/logging"
)

// ClientKind names a client in log lines as the Java clients do.
type ClientKind string

// The kinds of client a tool runs.
const (
	AdminClient ClientKind = "AdminClient"
	Producer    ClientKind = "Producer"
	Consumer    ClientKind = "Consumer"
)

// NewClient makes a client from the properties that Java clients take. Keys that
// mean nothing to it are left aside; values it cannot follow are an error.
func NewClient(kind ClientKind, properties map[string]string, options ...kgo.Opt) (*kgo.Client, error) {
	bootstrap := properties["bootstrap.servers"]
	if bootstrap == "" {
		return nil, fmt.Errorf("Missing required configuration \"bootstrap.servers\" which has no default value.") //nolint:staticcheck // Kafka's sentence
	}
	all := []kgo.Opt{
		kgo.SeedBrokers(strings.Split(strings.ReplaceAll(bootstrap, " ", ""), ",")...),
		kgo.WithHooks(&connectionWarnings{kind: kind, clientID: properties["client.id"]}),
		kgo.SoftwareNameAndVersion("gregor-tools", Version),
	}
	if id := properties["client.id"]; id != "" {
		all = append(all, kgo.ClientID(id))
	}
	if err := checkSecurityProtocol(properties); err != nil {
		return nil, err
	}
	if timeout, ok, err := milliseconds(properties, "request.timeout.ms"); err != nil {
		return nil, err
	} else if ok {
		all = append(all, kgo.RequestTimeoutOverhead(timeout))
	}
	return kgo.NewClient(append(all, options...)...)
}

func checkSecurityProtocol(properties map[string]string) error {
	if name := properties["security.protocol"]; name != "" && name != "PLAINTEXT" {
		return fmt.Errorf("security.protocol=%s: the tools speak PLAINTEXT only", name)
	}
	return nil
}

func milliseconds(properties map[string]string, key string) (time.Duration, bool, error) {
	text, ok := properties[key]
	if !ok {
		return 0, false, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("Invalid value %s for configuration %s: Not a number of type INT", text, key) //nolint:staticcheck // Kafka's sentence
	}
	return time.Duration(number) * time.Millisecond, true, nil
}

// APITimeout is default.api.timeout.ms: how long an admin call may take in all.
func APITimeout(properties map[string]string) time.Duration {
	if timeout, ok, err := milliseconds(properties, "default.api.timeout.ms"); ok && err == nil {
		return timeout
	}
	return time.Minute
}

// connectionWarnings logs failing connections as the Java NetworkClient does.
type connectionWarnings struct {
	kind     ClientKind
	clientID string

	mu   sync.Mutex
	last map[string]time.Time
}

var _ kgo.HookBrokerConnect = (*connectionWarnings)(nil)

// OnBrokerConnect warns about a failed dial, at most once a second for a broker.
func (w *connectionWarnings) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		return
	}
	address := net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.last[address]) < time.Second {
		return
	}
	if w.last == nil {
		w.last = map[string]time.Time{}
	}
	w.last[address] = time.Now()
	node := meta.NodeID
	if node < 0 {
		node = -1
	}
	logging.For("org.apache.kafka.clients.NetworkClient").Warnf(
		"[%s clientId=%s] Connection to node %d (%s) could not be established. Broker may not be available.",
		w.kind, w.id(), node, address)
}

func (w *connectionWarnings) id() string {
	if w.clientID != "" {
		return w.clientID
	}
	return strings.ToLower(string(w.kind)) + "-1"
}
