package admin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
)

// TopicMetadata is what describing and altering need to know of the cluster.
type TopicMetadata interface {
	ContainsTopic(name string) bool
}

// TopicOverrides gives a topic's own settings.
type TopicOverrides interface {
	TopicConfig(name string) (map[string]string, error)
}

// ConfigHelper answers DescribeConfigs, as kafka.server.ConfigHelper.
type ConfigHelper struct {
	brokerID int32
	current  *config.Current
	dynamic  *DynamicBrokerConfig
	metadata TopicMetadata
	topics   TopicOverrides
}

// NewConfigHelper describes the settings of one broker and of the topics it knows.
func NewConfigHelper(brokerID int32, current *config.Current, dynamic *DynamicBrokerConfig, metadata TopicMetadata, topics TopicOverrides) *ConfigHelper {
	return &ConfigHelper{brokerID, current, dynamic, metadata, topics}
}

// Describe answers the whole request.
func (h *ConfigHelper) Describe(request *kmsg.DescribeConfigsRequest) *kmsg.DescribeConfigsResponse {
	response := request.ResponseKind().(*kmsg.DescribeConfigsResponse)
	if !slices.ContainsFunc(request.Resources, isUndescribable) {
		for i := range request.Resources {
			response.Resources = append(response.Resources, h.describeResource(request, &request.Resources[i]))
		}
		return response
	}
	for i := range request.Resources { // an unknown type fails all
		row := kmsg.NewDescribeConfigsResponseResource()
		row.ResourceType, row.ResourceName = request.Resources[i].ResourceType, request.Resources[i].ResourceName
		row.ErrorCode, row.ErrorMessage = kerr.InvalidRequest.Code, protocol.DefaultMessage(kerr.InvalidRequest.Code)
		response.Resources = append(response.Resources, row)
	}
	return response
}

// isUndescribable reports whether there are no settings of that type of resource,
// which fails the whole request.
func isUndescribable(resource kmsg.DescribeConfigsRequestResource) bool {
	switch resource.ResourceType {
	case kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		return false
	}
	return true
}

func (h *ConfigHelper) describeResource(request *kmsg.DescribeConfigsRequest, resource *kmsg.DescribeConfigsRequestResource) kmsg.DescribeConfigsResponseResource {
	described := kmsg.NewDescribeConfigsResponseResource()
	described.ResourceType, described.ResourceName = resource.ResourceType, resource.ResourceName
	described.Configs, described.ErrorMessage = []kmsg.DescribeConfigsResponseResourceConfig{}, new(string)
	entries, err := h.entries(resource)
	if err != nil {
		described.ErrorCode = protocol.ErrorCode(err)
		if err != errUnknownTopic {
			described.ErrorMessage = protocol.ErrorMessage(err)
		}
		return described
	}
	for i := range entries {
		if len(resource.ConfigNames) == 0 || slices.Contains(resource.ConfigNames, entries[i].Name) {
			described.Configs = append(described.Configs, configEntry(&entries[i], request))
		}
	}
	return described
}

// errUnknownTopic is answered without a message.
var errUnknownTopic = fmt.Errorf("describe configs: %w", kerr.UnknownTopicOrPartition)

func (h *ConfigHelper) entries(resource *kmsg.DescribeConfigsRequestResource) ([]config.Entry, error) {
	switch resource.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		return h.topicEntries(resource.ResourceName)
	case kmsg.ConfigResourceTypeBroker:
		if resource.ResourceName == "" {
			return config.DescribeBrokerDefaults(h.dynamic.Layers()), nil
		}
		if err := h.checkBroker(resource.ResourceName, " or empty string,"); err != nil {
			return nil, err
		}
		return inMapOrder(config.DescribeBroker(h.current.Load(), h.dynamic.Layers())), nil
	default: // of loggers
		if resource.ResourceName == "" {
			return nil, invalidRequestf("Broker id must not be empty")
		}
		if err := h.checkBroker(resource.ResourceName, ""); err != nil {
			return nil, err
		}
		return loggerEntries(), nil
	}
}

func (h *ConfigHelper) topicEntries(name string) ([]config.Entry, error) {
	if err := topic.Validate(name); err != nil {
		return nil, protocol.WithMessage(kerr.InvalidTopicException, err.Error())
	}
	if !h.metadata.ContainsTopic(name) {
		return nil, errUnknownTopic
	}
	overrides, err := h.topics.TopicConfig(name)
	if err != nil {
		return nil, err
	}
	entries, err := h.TopicEntries(overrides)
	return inMapOrder(entries), err
}

// inMapOrder has the order of the map that Kafka keeps settings in, which tools show.
func inMapOrder(entries []config.Entry) []config.Entry {
	return jvm.ScalaMutableMapOrder(entries, func(entry config.Entry) int32 { return jvm.StringHash(entry.Name) })
}

// TopicEntries describes a topic with the given overrides.
func (h *ConfigHelper) TopicEntries(overrides map[string]string) ([]config.Entry, error) {
	settings, err := config.NewTopicConfig(h.current.Load(), overrides)
	if err != nil {
		return nil, err
	}
	return config.DescribeTopic(settings, h.dynamic.Layers()), nil
}

func (h *ConfigHelper) checkBroker(name, or string) error {
	id, err := brokerID(name)
	if err != nil {
		return err
	}
	if id != h.brokerID {
		return invalidRequestf("Unexpected broker id, expected %d%s but received %s", h.brokerID, or, name)
	}
	return nil
}

func brokerID(name string) (int32, error) {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return 0, invalidRequestf("Broker id must be an integer, but it is: %s", name)
	}
	return int32(id), nil
}

func invalidRequestf(format string, args ...any) error {
	return protocol.WithMessage(kerr.InvalidRequest, fmt.Sprintf(format, args...))
}

func loggerEntries() []config.Entry {
	var entries []config.Entry
	levels := logging.Levels()
	for _, name := range slices.Sorted(maps.Keys(levels)) {
		level := levels[name]
		entries = append(entries, config.Entry{Name: name, Value: &level, Source: config.SourceDynamicBrokerLogger, Documentation: new(string)})
	}
	return entries
}

func configEntry(entry *config.Entry, request *kmsg.DescribeConfigsRequest) kmsg.DescribeConfigsResponseResourceConfig {
	described := kmsg.NewDescribeConfigsResponseResourceConfig()
	described.Name, described.Value = entry.Name, entry.Value
	described.ReadOnly, described.IsSensitive = entry.ReadOnly, entry.IsSensitive
	described.Source = kmsg.ConfigSource(entry.Source)
	described.ConfigType = kmsg.ConfigType(entry.TypeCode)
	described.ConfigSynonyms = []kmsg.DescribeConfigsResponseResourceConfigConfigSynonym{}
	if request.IncludeSynonyms {
		for _, synonym := range entry.Synonyms {
			row := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			row.Name, row.Value, row.Source = synonym.Name, synonym.Value, kmsg.ConfigSource(synonym.Source)
			described.ConfigSynonyms = append(described.ConfigSynonyms, row)
		}
	}
	if request.IncludeDocumentation {
		described.Documentation = entry.Documentation
	}
	return described
}

func resourceTypeName(resourceType kmsg.ConfigResourceType) string {
	switch resourceType {
	case kmsg.ConfigResourceTypeTopic:
		return "TOPIC"
	case kmsg.ConfigResourceTypeBroker:
		return "BROKER"
	case kmsg.ConfigResourceTypeBrokerLogger:
		return "BROKER_LOGGER"
	}
	return "UNKNOWN"
}
