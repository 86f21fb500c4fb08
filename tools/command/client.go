package command

import (
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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
	seeds, err := bootstrapAddresses(bootstrap)
	if err != nil {
		return nil, failedToConstruct(kind, err)
	}
	all := []kgo.Opt{
		kgo.SeedBrokers(seeds...),
		kgo.WithHooks(&connectionWarnings{kind: kind, prefix: LogPrefix(kind, properties)}),
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
