package command

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/logging"
)

const networkClient = "org.apache.kafka.clients.NetworkClient"

// LogPrefix is what the Java clients put in front of what they log.
func LogPrefix(kind ClientKind, properties map[string]string) string {
	id := properties["client.id"]
	if id == "" {
		id = strings.ToLower(string(kind)) + "-1"
	}
	if group := properties["group.id"]; kind == Consumer && group != "" {
		id += ", groupId=" + group
	}
	return fmt.Sprintf("[%s clientId=%s] ", kind, id)
}

// bootstrapAddresses is ClientUtils.parseAndValidateAddresses: servers whose
// names cannot be resolved are left out with a warning.
func bootstrapAddresses(list string) ([]string, error) {
	var addresses []string
	for _, entry := range strings.Split(list, ",") {
		server := strings.TrimSpace(entry)
		if server == "" {
			continue
		}
		host, port, err := net.SplitHostPort(server)
		if err != nil || host == "" || !allDigits(port) {
			return nil, Throw(ConfigError, "Invalid url in bootstrap.servers: %s", server)
		}
		if _, err := net.LookupHost(host); err != nil {
			logging.For("org.apache.kafka.clients.ClientUtils").Warnf(
				"Couldn't resolve server %s from bootstrap.servers as DNS resolution failed for %s", server, host)
			continue
		}
		addresses = append(addresses, server)
	}
	if len(addresses) == 0 {
		return nil, Throw(ConfigError, "No resolvable bootstrap urls given in bootstrap.servers")
	}
	return addresses, nil
}

// failedToConstruct is what the constructor of a Java client throws.
func failedToConstruct(kind ClientKind, cause error) error {
	message := "Failed to construct kafka " + strings.ToLower(string(kind))
	if kind == AdminClient {
		message = "Failed to create new KafkaAdminClient"
	}
	return &Exception{Class: "org.apache.kafka.common.KafkaException", Message: message, Cause: cause}
}

// asConstructed covers errors that a constructor does not pass on as they are.
func asConstructed(kind ClientKind, err error) error {
	if IsException(err, IllegalArgument) {
		return failedToConstruct(kind, err)
	}
	return err
}

// connectionWarnings logs failing connections as the Java NetworkClient does.
type connectionWarnings struct {
	kind   ClientKind
	prefix string

	// mu protects following fields.
	mu   sync.Mutex
	last map[string]time.Time
}

var _ kgo.HookBrokerConnect = (*connectionWarnings)(nil)

// OnBrokerConnect warns about a failed dial, at most once a second for a broker.
func (w *connectionWarnings) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil || errors.Is(err, context.Canceled) || !w.isDue(net.JoinHostPort(meta.Host, strconv.Itoa(int(meta.Port)))) {
		return
	}
	node := meta.NodeID
	if node < 0 { // the library counts seed brokers up from the least number
		node = -1 - (node - math.MinInt32)
	}
	logger := logging.For(networkClient)
	logger.Warnf("%sConnection to node %d (%s:%d) could not be established. Broker may not be available.", w.prefix, node, javaAddress(meta.Host), meta.Port)
	if node < 0 && w.kind != AdminClient {
		logger.Warnf("%sBootstrap broker %s:%d (id: %d rack: null) disconnected", w.prefix, meta.Host, meta.Port, node)
	}
}

func (w *connectionWarnings) isDue(address string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.last[address]) < time.Second {
		return false
	}
	if w.last == nil {
		w.last = map[string]time.Time{}
	}
	w.last[address] = time.Now()
	return true
}

// javaAddress is InetAddress.toString: the name, a slash and the address.
func javaAddress(host string) string {
	if net.ParseIP(host) != nil {
		return "/" + host
	}
	addresses, err := net.LookupHost(host)
	if err != nil || len(addresses) == 0 {
		return host
	}
	return host + "/" + addresses[0]
}

// WarnOfMetadata logs what the Java client does about a topic whose metadata has
// an error.
func WarnOfMetadata(prefix string, correlation int, topic string, code int16) {
	logging.For(networkClient).Warnf("%sError while fetching metadata with correlation id %d : {%s=%s}",
		prefix, correlation, topic, kerr.TypedErrorForCode(code).Message)
	if code == kerr.InvalidTopicException.Code {
		logging.For("org.apache.kafka.clients.Metadata").Errorf("%sMetadata response reported invalid topics [%s]", prefix, topic)
	}
}

// TopicError asks for a topic's metadata, which may create it, and returns the
// error in it.
func TopicError(ctx context.Context, client *kgo.Client, name string) (int16, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = true
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &name
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil || len(response.Topics) == 0 {
		return 0, err
	}
	return response.Topics[0].ErrorCode, nil
}
