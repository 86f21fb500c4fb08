package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Validate makes the checks across settings of KafkaConfig.validateValues; its
// error is Kafka's sentence.
func (c *BrokerConfig) Validate() error {
	for _, check := range []func() error{
		c.checkIdentity, c.checkRoles, c.checkLogs, c.checkReplication, c.checkStorageFormats,
		c.checkInterBrokerListener, c.checkAdvertisedListeners, c.checkControlPlane,
		c.checkRecordVersion, c.checkSASL, c.checkConnections, c.checkListenerOverrides,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *BrokerConfig) checkIdentity() error {
	if len(ProcessRoles.Get(c)) > 0 {
		return errors.New("process.roles asks for KRaft mode, which this broker does not run: leave process.roles unset and set zookeeper.connect")
	}
	id := BrokerId.Get(c)
	if NodeId.Get(c) != id {
		return errors.New("You must set `node.id` to the same value as `broker.id`.") //nolint:staticcheck // Kafka's sentence
	}
	if !ZookeeperConnect.IsSet(c) {
		return errors.New("Missing required configuration `zookeeper.connect` which has no default value.") //nolint:staticcheck // Kafka's sentence
	}
	if !BrokerIdGenerationEnable.Get(c) {
		return require(id >= 0, "broker.id must be greater than or equal to 0")
	}
	return require(id >= -1 && id <= ReservedBrokerMaxId.Get(c),
		"broker.id must be greater than or equal to -1 and not greater than reserved.broker.max.id")
}

func (c *BrokerConfig) checkRoles() error {
	names := ControllerListenerNames.Get(c)
	return require(names == "", "controller.listener.names must be empty when not running in KRaft mode: [%s]",
		strings.Join(strings.Split(names, ","), ", "))
}

func require(holds bool, format string, arguments ...any) error {
	if holds {
		return nil
	}
	return requirement(format, arguments...)
}

func (c *BrokerConfig) checkLogs() error {
	retention := LogRetentionMs.Get(c)
	threads := int64(LogCleanerThreads.Get(c))
	if threads == 0 {
		return errors.New("/ by zero") // what the same division gives in Kafka
	}
	return firstError(
		require(LogRollMs.Get(c) >= 1, "log.roll.ms must be greater than or equal to 1"),
		require(LogRollJitterMs.Get(c) >= 0, "log.roll.jitter.ms must be greater than or equal to 0"),
		require(retention >= 1 || retention == -1, "log.retention.ms must be unlimited (-1) or, greater than or equal to 1"),
		require(len(c.logDirs) > 0, "At least one log directory must be defined via log.dirs or log.dir."),
		require(LogCleanerDedupeBufferSize.Get(c)/threads > 1024*1024,
			"log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread."),
	)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *BrokerConfig) checkReplication() error {
	wait := ReplicaFetchWaitMaxMs.Get(c)
	acks := OffsetsCommitRequiredAcks.Get(c)
	return firstError(
		require(wait <= ReplicaSocketTimeoutMs.Get(c),
			"replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts"),
		require(int64(wait) <= ReplicaLagTimeMaxMs.Get(c),
			"replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR"),
		require(acks >= -1 && acks <= OffsetsTopicReplicationFactor.Get(c),
			"offsets.commit.required.acks must be greater or equal -1 and less or equal to offsets.topic.replication.factor"),
	)
}

var compressionTypes = []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}

func (c *BrokerConfig) checkStorageFormats() error {
	compression, codec := CompressionType.Get(c), OffsetsTopicCompressionCodec.Get(c)
	if codec < 0 || codec > 4 {
		return fmt.Errorf("%d is an unknown compression codec", codec)
	}
	return require(slices.Contains(compressionTypes, strings.ToLower(compression)),
		"compression.type : %s is not valid. Valid options are %s", compression, strings.Join(compressionTypes, ","))
}

func listenerNames(endPoints []EndPoint) []string {
	names := make([]string, len(endPoints))
	for i, endPoint := range endPoints {
		names[i] = endPoint.ListenerName
	}
	return names
}

func (c *BrokerConfig) checkAdvertisedListeners() error {
	names, advertised := listenerNames(c.listeners), listenerNames(c.advertised)
	if err := require(len(advertised) > 0, "There must be at least one advertised listener."); err != nil {
		return err
	}
	if err := c.checkAdvertised("inter.broker.listener.name", c.InterBrokerListenerName()); err != nil {
		return err
	}
	for _, endPoint := range c.advertised {
		if err := require(slices.Contains(names, endPoint.ListenerName),
			"advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. "+
				"Found %s. The valid options based on the current configuration are %s",
			strings.Join(advertised, ","), strings.Join(names, ",")); err != nil {
			return err
		}
	}
	return require(!slices.ContainsFunc(c.advertised, func(e EndPoint) bool { return e.Host == "0.0.0.0" }),
		"advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.")
}

// checkAdvertised refuses a listener that a setting names and that is not
// advertised.
func (c *BrokerConfig) checkAdvertised(key, listenerName string) error {
	advertised := listenerNames(c.advertised)
	return require(slices.Contains(advertised, listenerName),
		"%s must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are %s",
		key, strings.Join(advertised, ","))
}

// checkInterBrokerListener comes before the checks of the listeners: the names
// that two settings give must have a security protocol first.
func (c *BrokerConfig) checkInterBrokerListener() error {
	if _, given := c.Given(SecurityInterBrokerProtocol.Name); given && InterBrokerListenerName.IsSet(c) {
		return errors.New("Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.") //nolint:staticcheck // Kafka's sentence
	}
	name := c.InterBrokerListenerName()
	if _, known := c.protocols[name]; InterBrokerListenerName.IsSet(c) && !known {
		return fmt.Errorf("Listener with name %s defined in inter.broker.listener.name not found in listener.security.protocol.map.", name) //nolint:staticcheck // Kafka's sentence
	}
	protocol := SecurityInterBrokerProtocol.Get(c)
	if _, err := ParseSecurityProtocol(protocol); err != nil {
		return fmt.Errorf("Invalid security protocol `%s` defined in security.inter.broker.protocol", protocol) //nolint:staticcheck // Kafka's sentence
	}
	return nil
}

func (c *BrokerConfig) checkControlPlane() error {
	name := c.ControlPlaneListenerName()
	if name == "" {
		return nil
	}
	if _, known := c.protocols[name]; !known {
		return fmt.Errorf("Listener with %s defined in control.plane.listener.name not found in listener.security.protocol.map.", name) //nolint:staticcheck // Kafka's sentence
	}
	return firstError(
		c.checkAdvertised("control.plane.listener.name", name),
		require(name != c.InterBrokerListenerName(),
			"control.plane.listener.name, when defined, should have a different value from the inter broker listener name. "+
				"Currently they both have the value ListenerName(%s)", name),
	)
}

func (c *BrokerConfig) checkRecordVersion() error {
	protocol, format := c.interBrokerProtocol, c.messageFormat
	zstd := OffsetsTopicCompressionCodec.Get(c) == 4
	return firstError(
		require(protocol.RecordVersion() >= format.RecordVersion(),
			"log.message.format.version %s can only be used when inter.broker.protocol.version is set to version %s or higher",
			LogMessageFormatVersion.Get(c), minimumFor(format.RecordVersion()).Short()),
		require(!zstd || protocol.RecordVersion() >= IBP_2_1_IV0.RecordVersion(),
			"offsets.topic.compression.codec zstd can only be used when inter.broker.protocol.version is set to version %s or higher",
			IBP_2_1_IV0.Short()),
	)
}

func (c *BrokerConfig) checkSASL() error {
	if !c.InterBrokerSecurityProtocol().UsesSASL() {
		return nil
	}
	listener, err := c.ForListener(c.InterBrokerListenerName())
	if err != nil {
		return err
	}
	mechanism := SaslMechanismInterBrokerProtocol.Get(c)
	return firstError(
		require(c.interBrokerProtocol >= IBP_0_10_0_IV1 || mechanism == "GSSAPI",
			"Only GSSAPI mechanism is supported for inter-broker communication with SASL when inter.broker.protocol.version is set to %s",
			InterBrokerProtocolVersion.Get(c)),
		require(slices.Contains(SaslEnabledMechanisms.Get(listener), mechanism),
			"sasl.mechanism.inter.broker.protocol must be included in sasl.enabled.mechanisms when SASL is used for inter-broker communication"),
	)
}

var hostPattern = regexp.MustCompile(`^[0-9a-zA-Z\-%._:]*$`)

func (c *BrokerConfig) checkConnections() error {
	overrides, err := c.MaxConnectionsPerIpOverrides()
	if err != nil {
		return err
	}
	var badAddresses []string
	for address := range overrides {
		if !hostPattern.MatchString(address) {
			badAddresses = append(badAddresses, address)
		}
	}
	slices.Sort(badAddresses)
	queued, idle := QueuedMaxRequestBytes.Get(c), ConnectionsMaxIdleMs.Get(c)
	delay := ConnectionFailedAuthenticationDelayMs.Get(c)
	if err := firstError(
		require(queued <= 0 || queued >= int64(SocketRequestMaxBytes.Get(c)),
			"queued.max.request.bytes must be larger or equal to socket.request.max.bytes"),
		require(MaxConnectionsPerIp.Get(c) != 0 || len(overrides) > 0,
			"max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set."),
	); err != nil {
		return err
	}
	if len(badAddresses) > 0 {
		return fmt.Errorf("max.connections.per.ip.overrides contains invalid addresses : %s", strings.Join(badAddresses, ","))
	}
	return require(idle < 0 || int64(delay) < idle,
		"connection.failed.authentication.delay.ms=%d should always be less than connections.max.idle.ms=%d to prevent failed authentication responses from timing out",
		delay, idle)
}

// MaxConnectionsPerIpOverrides returns the connection limits by host.
func (c *BrokerConfig) MaxConnectionsPerIpOverrides() (map[string]int, error) {
	text := MaxConnectionsPerIpOverrides.Get(c)
	return ParseConnectionOverrides(text)
}

// ParseConnectionOverrides reads host:count,host:count.
func ParseConnectionOverrides(text string) (map[string]int, error) {
	limits := map[string]int{}
	for _, part := range splitCommas(text) {
		colon := strings.LastIndex(part, ":")
		if colon < 0 {
			return nil, fmt.Errorf("Error parsing configuration property 'max.connections.per.ip.overrides': %s is not of the form host:count", part) //nolint:staticcheck // Kafka's sentence
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(part[colon+1:]), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("For input string: \"%s\"", strings.TrimSpace(part[colon+1:])) //nolint:staticcheck // Java's sentence
		}
		limits[strings.TrimSpace(part[:colon])] = int(limit)
	}
	return limits, nil
}

// checkListenerOverrides parses every listener.name. setting of a listener the
// broker has, so that a bad one is refused at start.
func (c *BrokerConfig) checkListenerOverrides() error {
	for _, endPoint := range c.listeners {
		if _, err := c.ForListener(endPoint.ListenerName); err != nil {
			return err
		}
	}
	return nil
}

// Warnings returns the lines Kafka, or the log's own limits, ask to warn about
// settings that are accepted and do not fit together.
func (c *BrokerConfig) Warnings() []string {
	var warnings []string
	given := LogMessageFormatVersion.Get(c)
	if version, err := ParseApiVersion(given); err == nil && c.interBrokerProtocol >= IBP_3_0_IV1 && version.RecordVersion() < 2 {
		warnings = append(warnings, fmt.Sprintf("Broker configuration log.message.format.version with value %s is ignored "+
			"because the inter-broker protocol version `%s` is greater or equal than 3.0. "+
			"This configuration is deprecated and it will be removed in Apache Kafka 4.0.", given, InterBrokerProtocolVersion.Get(c)))
	}
	maxMessage, segment := MessageMaxBytes.Get(c), LogSegmentBytes.Get(c)
	if maxMessage > segment {
		warnings = append(warnings, fmt.Sprintf("message.max.bytes=%d is larger than log.segment.bytes=%d: "+
			"a batch larger than a segment will be refused", maxMessage, segment))
	}
	if request := SocketRequestMaxBytes.Get(c); maxMessage > request {
		warnings = append(warnings, fmt.Sprintf("message.max.bytes=%d is larger than socket.request.max.bytes=%d: "+
			"a request with a larger batch will be refused", maxMessage, request))
	}
	return warnings
}
