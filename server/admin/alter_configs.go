package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// ConfigOp is one change of an IncrementalAlterConfigs request; AlterConfigs is a
// list of sets over an empty beginning.
type ConfigOp struct {
	Op    kmsg.IncrementalAlterConfigOp
	Name  string
	Value *string
}

// ConfigResource names what is configured.
type ConfigResource struct {
	Type kmsg.ConfigResourceType
	Name string
}

func (r ConfigResource) String() string {
	return fmt.Sprintf("ConfigResource(type=%s, name='%s')", resourceTypeName(r.Type), r.Name)
}

// AlterConfigs replaces all dynamic settings of a resource by those given.
func (m *ZkAdminManager) AlterConfigs(resource ConfigResource, settings []ConfigOp, validateOnly bool) error {
	if null := nullNames(settings, ""); null != "" {
		return invalidRequestf("Null value not supported for : %s", null)
	}
	properties := make(map[string]string, len(settings))
	for _, setting := range settings {
		properties[setting.Name] = *setting.Value
	}
	return m.alter(resource, settings, func() error {
		switch resource.Type {
		case kmsg.ConfigResourceTypeTopic:
			return m.alterTopic(resource.Name, properties, validateOnly)
		case kmsg.ConfigResourceTypeBroker:
			return m.alterBroker(resource.Name, properties, validateOnly)
		}
		return unalterable(resource)
	})
}

// IncrementalAlterConfigs changes single settings of a resource (KIP-339).
func (m *ZkAdminManager) IncrementalAlterConfigs(resource ConfigResource, ops []ConfigOp, validateOnly bool) error {
	return m.alter(resource, ops, func() error {
		if duplicates := duplicateNames(ops); duplicates != "" {
			return invalidRequestf("Error due to duplicate config keys : %s", duplicates)
		}
		if null := nullNames(ops, ":"); null != "" {
			return invalidRequestf("Null value not supported for : %s", null)
		}
		switch resource.Type {
		case kmsg.ConfigResourceTypeTopic:
			return m.alterTopicIncrementally(resource.Name, ops, validateOnly)
		case kmsg.ConfigResourceTypeBroker:
			return m.alterBrokerIncrementally(resource.Name, ops, validateOnly)
		case kmsg.ConfigResourceTypeBrokerLogger:
			return m.alterLoggers(resource.Name, ops, validateOnly)
		}
		return unalterable(resource)
	})
}

func unalterable(resource ConfigResource) error {
	return invalidRequestf("AlterConfigs is only supported for topics and brokers, but resource type is %s", resourceTypeName(resource.Type))
}

// configError is a value or key that is not valid, Kafka's ConfigException.
type configError struct{ error }

// alter runs a change and gives its error the form Kafka answers with.
func (m *ZkAdminManager) alter(resource ConfigResource, ops []ConfigOp, change func() error) error {
	err := change()
	if invalid, ok := err.(configError); ok { //nolint:errorlint // only the outermost error counts
		message := fmt.Sprintf("Invalid config value for resource %s: %v", resource, invalid)
		m.log.Info(m.prefix + message)
		return protocol.WithMessage(kerr.InvalidRequest, message)
	}
	if err != nil {
		m.log.Infof("%sError processing alter configs request for resource %s, config %s: %v", m.prefix, resource, opsText(ops), err)
	}
	return err
}

var opNames = map[kmsg.IncrementalAlterConfigOp]string{
	kmsg.IncrementalAlterConfigOpSet: "SET", kmsg.IncrementalAlterConfigOpDelete: "DELETE",
	kmsg.IncrementalAlterConfigOpAppend: "APPEND", kmsg.IncrementalAlterConfigOpSubtract: "SUBTRACT",
}

// opsText prints the operations without their values, which may be secret.
func opsText(ops []ConfigOp) string {
	texts := make([]string, 0, len(ops))
	for _, op := range ops {
		texts = append(texts, opNames[op.Op]+":"+op.Name)
	}
	return jvm.Collection("ArrayBuffer", texts)
}

// nullNames lists the settings without a value that need one; with a separator
// each with its operation before it.
func nullNames(ops []ConfigOp, separator string) string {
	var names []string
	for _, op := range ops {
		if op.Value != nil || op.Op == kmsg.IncrementalAlterConfigOpDelete && separator != "" {
			continue
		}
		name := op.Name
		if separator != "" {
			name = opNames[op.Op] + separator + name
		}
		names = append(names, name)
	}
	return strings.Join(names, ",")
}

func duplicateNames(ops []ConfigOp) string {
	seen := map[string]int{}
	var names []string
	for _, op := range ops {
		if seen[op.Name]++; seen[op.Name] == 2 {
			names = append(names, op.Name)
		}
	}
	return strings.Join(names, ",")
}

func (m *ZkAdminManager) alterTopicIncrementally(name string, ops []ConfigOp, validateOnly bool) error {
	overrides, err := m.zk.GetEntityConfigs(zkdata.ConfigTypeTopic, name)
	if err != nil {
		return err
	}
	if err := applyOps(overrides, ops, config.TopicDef); err != nil {
		return err
	}
	return m.alterTopic(name, overrides, validateOnly)
}

func (m *ZkAdminManager) alterTopic(name string, overrides map[string]string, validateOnly bool) error {
	if !m.metadata.ContainsTopic(name) {
		return protocol.WithMessage(kerr.UnknownTopicOrPartition, fmt.Sprintf("The topic '%s' does not exist.", name))
	}
	if err := topic.Validate(name); err != nil {
		return protocol.WithMessage(kerr.InvalidTopicException, err.Error())
	}
	if err := config.ValidateTopicConfig(overrides); err != nil {
		return topicConfigError(err)
	}
	if exists, err := m.zk.TopicExists(name); err != nil {
		return err
	} else if !exists {
		return protocol.WithMessage(kerr.UnknownTopicOrPartition, fmt.Sprintf("Topic '%s' does not exist.", name))
	}
	if validateOnly {
		return nil
	}
	m.log.Infof("%sUpdating topic %s with new configuration : %s", m.prefix, name, loggable(overrides, isHiddenTopicSetting))
	return m.changeEntity(zkdata.ConfigTypeTopic, name, overrides)
}

// topicConfigError tells a key that does not exist or contradicts another,
// INVALID_CONFIG, from a bad value.
func topicConfigError(err error) error {
	if strings.HasPrefix(err.Error(), "Unknown topic config name") || strings.HasPrefix(err.Error(), "conflict topic config") {
		return invalidConfig(err)
	}
	return configError{err}
}

func (m *ZkAdminManager) changeEntity(entityType, name string, properties map[string]string) error {
	if err := m.zk.SetOrCreateEntityConfigs(entityType, name, properties); err != nil {
		return err
	}
	return m.zk.CreateConfigChangeNotification(entityType + "/" + name)
}

// brokerEntity checks that a named broker is this one and gives the name of its
// settings in ZooKeeper.
func (m *ZkAdminManager) brokerEntity(name string) (entity string, perBroker bool, err error) {
	if name == "" {
		return zkdata.DefaultEntity, false, nil
	}
	id, err := brokerID(name)
	if err != nil {
		return "", false, err
	}
	if id != m.brokerID {
		return "", false, invalidRequestf("Unexpected broker id, expected %d, but received %s", m.brokerID, name)
	}
	return strconv.Itoa(int(id)), true, nil
}

func (m *ZkAdminManager) alterBrokerIncrementally(name string, ops []ConfigOp, validateOnly bool) error {
	entity, perBroker, err := m.brokerEntity(name)
	if err != nil {
		return err
	}
	stored, err := m.zk.GetEntityConfigs(zkdata.ConfigTypeBroker, entity)
	if err != nil {
		return err
	}
	properties, _ := config.AcceptDynamic(stored, perBroker)
	if err := applyOps(properties, ops, config.BrokerDef); err != nil {
		return err
	}
	return m.alterBroker(name, properties, validateOnly)
}

func (m *ZkAdminManager) alterBroker(name string, properties map[string]string, validateOnly bool) error {
	entity, perBroker, err := m.brokerEntity(name)
	if err != nil {
		return err
	}
	if err := m.dynamic.Validate(properties, perBroker); err != nil {
		return configError{err}
	}
	if validateOnly {
		return nil
	}
	if perBroker {
		m.log.Infof("%sUpdating broker %s with new configuration : %s", m.prefix, entity, loggable(properties, config.IsSensitive))
	} else {
		m.log.Infof("%sUpdating brokers with new configuration : %s", m.prefix, loggable(properties, config.IsSensitive))
	}
	return m.changeEntity(zkdata.ConfigTypeBroker, entity, properties)
}

// loggable prints settings as the admin manager does, without secrets.
func loggable(properties map[string]string, hidden func(key string) bool) string {
	var shown []string
	for key, value := range properties {
		if hidden(key) {
			value = config.HiddenPassword
		}
		shown = append(shown, key+" -> "+value)
	}
	slices.Sort(shown)
	return strings.Join(shown, ",")
}

func isHiddenTopicSetting(key string) bool { return config.TopicDef.Row(key) == nil }

// applyOps changes properties as the operations say.
func applyOps(properties map[string]string, ops []ConfigOp, def *config.Def) error {
	for _, op := range ops {
		switch op.Op {
		case kmsg.IncrementalAlterConfigOpSet:
			properties[op.Name] = *op.Value
		case kmsg.IncrementalAlterConfigOpDelete:
			delete(properties, op.Name)
		case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
			if err := applyListOp(properties, op, def); err != nil {
				return err
			}
		default:
			return invalidRequestf("Unknown operation %d", op.Op)
		}
	}
	return nil
}

func applyListOp(properties map[string]string, op ConfigOp, def *config.Def) error {
	row := def.Row(op.Name)
	if row == nil {
		return fmt.Errorf("append or subtract: no setting %s: %w", op.Name, kerr.UnknownServerError)
	}
	appending := op.Op == kmsg.IncrementalAlterConfigOpAppend
	if row.Type != config.List {
		action := map[bool]string{true: "append", false: "subtract"}[appending]
		return invalidRequestf("Config value %s is not allowed for config key: %s", action, op.Name)
	}
	text, ok := properties[op.Name]
	if !ok {
		text = row.Default
	}
	list := strings.Split(text, ",")
	for _, item := range strings.Split(*op.Value, ",") {
		if appending {
			list = append(list, item)
		} else if at := slices.Index(list, item); at >= 0 {
			list = slices.Delete(list, at, at+1)
		}
	}
	properties[op.Name] = strings.Join(list, ",")
	return nil
}

const rootLogger = "root"

var logLevels = []string{"TRACE", "ERROR", "INFO", "FATAL", "DEBUG", "WARN"}

// alterLoggers changes levels of this broker's loggers (KIP-412).
func (m *ZkAdminManager) alterLoggers(name string, ops []ConfigOp, validateOnly bool) error {
	if _, _, err := m.brokerEntity(name); err != nil {
		return err
	}
	for _, op := range ops {
		if err := checkLoggerOp(op); err != nil {
			return err
		}
	}
	if validateOnly {
		return nil
	}
	for _, op := range ops {
		if op.Op == kmsg.IncrementalAlterConfigOpSet {
			m.log.Infof("%sUpdating the log level of %s to %s", m.prefix, op.Name, *op.Value)
			logging.SetLevel(op.Name, *op.Value)
		} else {
			m.log.Infof("%sUnset the log level of %s", m.prefix, op.Name)
			logging.UnsetLevel(op.Name)
		}
	}
	return nil
}

func checkLoggerOp(op ConfigOp) error {
	switch op.Op {
	case kmsg.IncrementalAlterConfigOpSet, kmsg.IncrementalAlterConfigOpDelete:
	default:
		return invalidRequestf("%s operation is not allowed for the BROKER_LOGGER resource", opNames[op.Op])
	}
	if !logging.Exists(op.Name) {
		return configError{fmt.Errorf("Logger %s does not exist!", op.Name)} //nolint:staticcheck // Kafka's sentence
	}
	if op.Op == kmsg.IncrementalAlterConfigOpDelete {
		if op.Name == rootLogger {
			return invalidRequestf("Removing the log level of the %s logger is not allowed", rootLogger)
		}
		return nil
	}
	if !slices.Contains(logLevels, *op.Value) {
		return configError{fmt.Errorf("Cannot set the log level of %s to %s as it is not a supported log level. Valid log levels are %s", //nolint:staticcheck // Kafka's sentence
			op.Name, *op.Value, strings.Join(logLevels, ", "))}
	}
	return nil
}
