package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// BrokerConfig is an immutable snapshot of a broker's settings, as
// kafka.server.KafkaConfig.
type BrokerConfig struct {
	*Values
	protocols             map[string]SecurityProtocol
	listeners, advertised []EndPoint
	logDirs               []string
	interBrokerProtocol   ApiVersion
	messageFormat         ApiVersion
}

// NewBrokerConfig resolves the given properties over the defaults. Its error
// is Kafka's sentence naming key and value. The checks across settings that a
// broker makes when it starts are in [BrokerConfig.Validate].
func NewBrokerConfig(properties map[string]string) (*BrokerConfig, error) {
	values, err := BrokerDef.resolve(withBrokerAndNodeID(properties), (*Row).defaultValue)
	if err != nil {
		return nil, err
	}
	broker := &BrokerConfig{Values: values}
	if err := broker.derive(); err != nil {
		return nil, err
	}
	return broker, nil
}

// withBrokerAndNodeID copies the properties; broker.id and node.id fill each
// other, as KafkaConfig.populateSynonyms.
func withBrokerAndNodeID(properties map[string]string) map[string]string {
	filled := make(map[string]string, len(properties)+1)
	maps.Copy(filled, properties)
	brokerID, hasBrokerID := filled[BrokerId.Name]
	nodeID, hasNodeID := filled[NodeId.Name]
	if hasBrokerID && !hasNodeID {
		filled[NodeId.Name] = brokerID
	} else if hasNodeID && !hasBrokerID {
		filled[BrokerId.Name] = nodeID
	}
	return filled
}

// WithBrokerID returns these settings for a broker whose id was generated or read
// from its log directories. Such an id may lie above reserved.broker.max.id, so
// Validate is for the settings as the user gave them.
func (c *BrokerConfig) WithBrokerID(id int) (*BrokerConfig, error) {
	if BrokerId.Get(c) == id {
		return c, nil
	}
	properties := maps.Clone(c.Originals())
	properties[BrokerId.Name], properties[NodeId.Name] = strconv.Itoa(id), strconv.Itoa(id)
	return NewBrokerConfig(properties)
}

// derive fills what several settings give together.
func (c *BrokerConfig) derive() error {
	c.logDirs = splitCommas(LogDirs.Get(c))
	if !NumReplicaAlterLogDirsThreads.IsSet(c) {
		c.effective[NumReplicaAlterLogDirsThreads.index] = len(c.logDirs)
	}
	if LogRetentionMs.Get(c) < 0 {
		c.effective[LogRetentionMs.index] = int64(-1)
	}
	if err := c.deriveVersions(); err != nil {
		return err
	}
	return c.deriveListeners()
}

func (c *BrokerConfig) deriveVersions() error {
	var err error
	if c.interBrokerProtocol, err = ParseApiVersion(InterBrokerProtocolVersion.Get(c)); err != nil {
		return err
	}
	if c.messageFormat, err = ParseApiVersion(LogMessageFormatVersion.Get(c)); err != nil {
		return err
	}
	if c.interBrokerProtocol >= IBP_3_0_IV1 {
		c.messageFormat = IBP_3_0_IV1
	}
	return nil
}

func (c *BrokerConfig) deriveListeners() error {
	var err error
	if c.protocols, err = parseSecurityProtocolMap(ListenerSecurityProtocolMap.Get(c)); err != nil {
		return err
	}
	if c.listeners, err = parseEndPoints(Listeners.Get(c), c.protocols, true); err != nil {
		return err
	}
	if _, given := c.Given(AdvertisedListeners.Name); !given {
		c.advertised = c.listeners
		return nil
	}
	c.advertised, err = parseEndPoints(AdvertisedListeners.Get(c), c.protocols, false)
	return err
}

// Listeners returns the sockets the broker listens on, in the order given.
func (c *BrokerConfig) Listeners() []EndPoint { return slices.Clone(c.listeners) }

// AdvertisedListeners returns what the broker registers for clients and other
// brokers; an empty host stands for the machine's own name.
func (c *BrokerConfig) AdvertisedListeners() []EndPoint { return slices.Clone(c.advertised) }

// SecurityProtocolOf returns the protocol that listener.security.protocol.map
// gives a listener.
func (c *BrokerConfig) SecurityProtocolOf(listenerName string) (SecurityProtocol, bool) {
	protocol, ok := c.protocols[strings.ToUpper(listenerName)]
	return protocol, ok
}

// InterBrokerListenerName returns the listener that other brokers connect to.
func (c *BrokerConfig) InterBrokerListenerName() string {
	if InterBrokerListenerName.IsSet(c) {
		return strings.ToUpper(InterBrokerListenerName.Get(c))
	}
	return strings.ToUpper(SecurityInterBrokerProtocol.Get(c))
}

// InterBrokerSecurityProtocol returns the protocol between brokers.
func (c *BrokerConfig) InterBrokerSecurityProtocol() SecurityProtocol {
	if InterBrokerListenerName.IsSet(c) {
		return c.protocols[c.InterBrokerListenerName()]
	}
	protocol, _ := ParseSecurityProtocol(SecurityInterBrokerProtocol.Get(c))
	return protocol
}

// ControlPlaneListenerName returns the listener for the controller's requests,
// empty when they use the inter-broker listener.
func (c *BrokerConfig) ControlPlaneListenerName() string {
	return strings.ToUpper(ControlPlaneListenerName.Get(c))
}

// LogDirs returns the directories that hold partitions.
func (c *BrokerConfig) LogDirs() []string { return slices.Clone(c.logDirs) }

// InterBrokerProtocolVersion returns the parsed inter.broker.protocol.version.
func (c *BrokerConfig) InterBrokerProtocolVersion() ApiVersion { return c.interBrokerProtocol }

// MessageFormatVersion returns the message format that topics get by default:
// log.message.format.version, which inter-broker protocols from 3.0 ignore.
func (c *BrokerConfig) MessageFormatVersion() ApiVersion { return c.messageFormat }

// Current holds the snapshot in force of a running broker.
type Current struct{ snapshot atomic.Pointer[BrokerConfig] }

// NewCurrent starts with the given snapshot.
func NewCurrent(snapshot *BrokerConfig) *Current {
	current := &Current{}
	current.snapshot.Store(snapshot)
	return current
}

// Load returns the snapshot in force.
func (c *Current) Load() *BrokerConfig { return c.snapshot.Load() }

// Store puts a new snapshot in force.
func (c *Current) Store(snapshot *BrokerConfig) { c.snapshot.Store(snapshot) }
