package zkdata

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/config"
)

// Paths of brokers.
const (
	BrokersPath          = "/brokers"
	BrokerIDsPath        = BrokersPath + "/ids"
	BrokerSequenceIDPath = BrokersPath + "/seqid" // its data version is the last id given out
)

// BrokerIDPath is a broker's ephemeral registration.
func BrokerIDPath(id int32) string { return BrokerIDsPath + "/" + strconv.Itoa(int(id)) }

// Endpoint is where one listener of a broker is reached (kafka.cluster.EndPoint).
// An empty host stands for all interfaces.
type Endpoint struct {
	Host             string
	Port             int32
	ListenerName     string
	SecurityProtocol string // PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
}

// ConnectionString gives LISTENER://host:port, an IPv6 address in brackets.
func (e Endpoint) ConnectionString() string {
	port := strconv.Itoa(int(e.Port))
	if e.Host == "" {
		return e.ListenerName + "://:" + port
	}
	return e.ListenerName + "://" + net.JoinHostPort(e.Host, port)
}

// SupportedVersionRange is the range of a feature that a broker supports (KIP-584).
type SupportedVersionRange struct{ MinVersion, MaxVersion int16 }

// Broker is a registered broker. Epoch is the broker epoch, the czxid of its
// registration; it is no part of the registration's bytes.
type Broker struct {
	ID        int32
	Endpoints []Endpoint
	Rack      *string
	Features  map[string]SupportedVersionRange
	Epoch     int64
}

// Endpoint finds the endpoint of a listener.
func (b Broker) Endpoint(listenerName string) (Endpoint, bool) {
	for _, e := range b.Endpoints {
		if e.ListenerName == listenerName {
			return e, true
		}
	}
	return Endpoint{}, false
}

// String prints as kafka.cluster.Broker.
func (b Broker) String() string {
	endpoints := make([]string, 0, len(b.Endpoints))
	for _, e := range b.Endpoints {
		endpoints = append(endpoints, fmt.Sprintf("EndPoint(%s,%d,ListenerName(%s),%s)", e.Host, e.Port, e.ListenerName, e.SecurityProtocol))
	}
	rack := "null"
	if b.Rack != nil {
		rack = *b.Rack
	}
	features := make([]string, 0, len(b.Features))
	for _, name := range slices.Sorted(maps.Keys(b.Features)) {
		levels := b.Features[name]
		features = append(features, fmt.Sprintf("(%s -> SupportedVersionRange[min_version:%d, max_version:%d])", name, levels.MinVersion, levels.MaxVersion))
	}
	return fmt.Sprintf("%d : (%s) : %s : Features{%s}", b.ID, strings.Join(endpoints, ","), rack, strings.Join(features, ", "))
}

// BrokerInfo is a registration: the broker, and what only the node says.
type BrokerInfo struct {
	Broker
	Version int
	JMXPort int32 // -1 for none
}

// NewBrokerInfo chooses the version of the registration by the inter-broker
// protocol, as kafka.zk.BrokerInfo does.
func NewBrokerInfo(broker Broker, interBrokerProtocol config.ApiVersion, jmxPort int32) BrokerInfo {
	version := 2
	switch {
	case interBrokerProtocol >= config.IBP_2_7_IV0:
		version = 5
	case interBrokerProtocol >= config.IBP_0_10_0_IV1:
		version = 4
	}
	return BrokerInfo{Broker: broker, Version: version, JMXPort: jmxPort}
}

// EncodeBroker gives the bytes of a registration made at that time. For clients
// that know PLAINTEXT only, host and port repeat the first such endpoint.
func EncodeBroker(info BrokerInfo, at time.Time) []byte {
	var host any
	port := int32(-1)
	endpoints := make([]string, len(info.Endpoints))
	for i, e := range info.Endpoints {
		endpoints[i] = e.ConnectionString()
		if e.SecurityProtocol == "PLAINTEXT" && port == -1 {
			if port = e.Port; e.Host != "" {
				host = e.Host
			}
		}
	}
	var node object
	if info.Version >= 5 {
		node = append(node, member{"features", encodeSupported(info.Features)})
	}
	if info.Version >= 4 {
		node = append(node, member{"listener_security_protocol_map", encodeListeners(info.Endpoints)})
	}
	node = append(node, member{"endpoints", endpoints})
	if info.Rack != nil && info.Version >= 3 {
		node = append(node, member{"rack", *info.Rack})
	}
	return append(node,
		member{"jmx_port", info.JMXPort},
		member{"port", port},
		member{"host", host},
		member{"version", info.Version},
		member{"timestamp", strconv.FormatInt(at.UnixMilli(), 10)},
	).encode()
}

func encodeListeners(endpoints []Endpoint) object {
	protocols := map[string]string{}
	var names []string
	for _, e := range endpoints {
		if _, ok := protocols[e.ListenerName]; !ok {
			names = append(names, e.ListenerName)
		}
		protocols[e.ListenerName] = e.SecurityProtocol
	}
	var o object
	for _, name := range immutableMapOrder(names) {
		o = append(o, member{name, protocols[name]})
	}
	return o
}

func encodeSupported(features map[string]SupportedVersionRange) object {
	o := object{}
	for _, name := range hashMapOrder(features) {
		o = append(o, member{name, object{
			{"min_version", features[name].MinVersion},
			{"max_version", features[name].MaxVersion},
		}})
	}
	return o
}

// DecodeBroker reads a registration of any version.
func DecodeBroker(id int32, data []byte) (BrokerInfo, error) {
	f, err := parseObject(data)
	if err != nil {
		return BrokerInfo{}, fmt.Errorf("Failed to parse ZooKeeper registration for broker %d: %s: %w", id, clip(data), err) //nolint:staticcheck // Kafka's sentence
	}
	info := BrokerInfo{Broker: Broker{ID: id}}
	if err := info.read(f); err != nil {
		return BrokerInfo{}, fmt.Errorf("registration of broker %d: %w", id, err)
	}
	return info, nil
}

func (info *BrokerInfo) read(f fields) error {
	version, err := f.int32("version")
	if err != nil {
		return err
	}
	info.Version = int(version)
	if info.JMXPort, err = f.int32("jmx_port"); err != nil {
		return err
	}
	switch {
	case version < 1:
		return fmt.Errorf("%w: Unsupported version of broker registration: %d", ErrMalformed, version)
	case version == 1:
		err = info.readHostAndPort(f)
	default:
		err = info.readEndpoints(f)
	}
	if err != nil {
		return err
	}
	if f.has("rack") {
		rack, err := f.text("rack")
		if err != nil {
			return err
		}
		info.Rack = &rack
	}
	info.Features, err = readSupported(f)
	return err
}

func (info *BrokerInfo) readHostAndPort(f fields) error {
	host, err := f.text("host")
	if err != nil {
		return err
	}
	port, err := f.int32("port")
	info.Endpoints = []Endpoint{{host, port, "PLAINTEXT", "PLAINTEXT"}}
	return err
}

func (info *BrokerInfo) readEndpoints(f fields) error {
	var protocols map[string]string
	if _, ok := f["listener_security_protocol_map"]; ok {
		object, err := f.object("listener_security_protocol_map")
		if err != nil {
			return err
		}
		protocols = make(map[string]string, len(object))
		for name, raw := range object {
			if protocols[name], err = textOf(raw); err != nil {
				return err
			}
		}
	}
	texts, err := list(f, "endpoints", textOf)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, text := range texts {
		endpoint, err := ParseEndpoint(text, protocols)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if seen[endpoint.ListenerName] {
			return fmt.Errorf("%w: There is more than one end point with the same listener name: %s", ErrMalformed, strings.Join(texts, ","))
		}
		seen[endpoint.ListenerName] = true
		info.Endpoints = append(info.Endpoints, endpoint)
	}
	return nil
}

var endpointPattern = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

var securityProtocols = map[string]string{
	"PLAINTEXT": "PLAINTEXT", "SSL": "SSL", "SASL_PLAINTEXT": "SASL_PLAINTEXT", "SASL_SSL": "SASL_SSL",
}

// ParseEndpoint reads LISTENER://host:port. Without a map of protocols a
// listener's name is that of its protocol.
func ParseEndpoint(text string, protocols map[string]string) (Endpoint, error) {
	match := endpointPattern.FindStringSubmatch(text)
	if match == nil {
		return Endpoint{}, fmt.Errorf("Unable to parse %s to a broker endpoint", clip([]byte(text))) //nolint:staticcheck // Kafka's sentence
	}
	port, err := strconv.ParseInt(match[3], 10, 32)
	if err != nil {
		return Endpoint{}, fmt.Errorf("Unable to parse %s to a broker endpoint", clip([]byte(text))) //nolint:staticcheck // Kafka's sentence
	}
	if protocols == nil {
		protocols = securityProtocols
	}
	name := strings.ToUpper(match[1])
	protocol, ok := protocols[name]
	if !ok {
		return Endpoint{}, fmt.Errorf("No security protocol defined for listener %s", name) //nolint:staticcheck // Kafka's sentence
	}
	protocol = strings.ToUpper(protocol)
	if _, ok := securityProtocols[protocol]; !ok {
		return Endpoint{}, fmt.Errorf("unknown security protocol %q of listener %s", clip([]byte(protocol)), name)
	}
	return Endpoint{Host: match[2], Port: int32(port), ListenerName: name, SecurityProtocol: protocol}, nil
}

func readSupported(f fields) (map[string]SupportedVersionRange, error) {
	features := map[string]SupportedVersionRange{}
	if !f.has("features") {
		return features, nil
	}
	object, err := f.object("features")
	if err != nil {
		return nil, err
	}
	for name, raw := range object {
		low, high, err := versionRange(raw, "min_version", "max_version")
		if err != nil {
			return nil, fmt.Errorf("feature %s: %w", name, err)
		}
		features[name] = SupportedVersionRange{low, high}
	}
	return features, nil
}

var errVersionRange = errors.New("expected minimum >= 1, maximum >= 1 and maximum >= minimum")

// versionRange reads the two ends of a feature's range (BaseVersionRange).
func versionRange(raw json.RawMessage, lowKey, highKey string) (low, high int16, err error) {
	f, err := objectOf(raw)
	if err != nil {
		return 0, 0, err
	}
	l, err := f.int32(lowKey)
	if err != nil {
		return 0, 0, err
	}
	h, err := f.int32(highKey)
	if err != nil {
		return 0, 0, err
	}
	low, high = int16(l), int16(h)
	if low < 1 || high < low {
		return 0, 0, fmt.Errorf("%w: %w", ErrMalformed, errVersionRange)
	}
	return low, high, nil
}
