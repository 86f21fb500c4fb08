package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// resourceTimeout is how long the settings of an entity are waited for.
const resourceTimeout = 30 * time.Second

func (s *configService) describe() error {
	switch s.entities.types[0] {
	case usersType, clientsType:
		return s.describeUsersAndClients()
	case ipsType:
		return s.describeQuotas()
	}
	names, err := s.resourceNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.describeResource(name); err != nil {
			return err
		}
	}
	return nil
}

// resourceNames are the entities to describe: the one named, or else all.
func (s *configService) resourceNames() ([]string, error) {
	if len(s.entities.names) > 0 {
		return s.entities.names[:1], nil
	}
	if s.entities.types[0] == topicsType {
		return s.topicNames()
	}
	return s.brokerNames()
}

func (s *configService) topicNames() ([]string, error) {
	metadata, err := s.admin.Topics(nil)
	if err != nil {
		return nil, command.Executed(err)
	}
	var names []string
	for _, found := range metadata.Topics {
		names = append(names, *found.Topic)
	}
	return jvm.MapOrder(names, jvm.StringHash), nil
}

// brokerNames are the ids of the brokers, then the name of their default entity.
func (s *configService) brokerNames() ([]string, error) {
	cluster, err := s.admin.Calling("listNodes").Topics([]string{})
	if err != nil {
		return nil, command.Executed(err)
	}
	var ids []int32
	for _, broker := range cluster.Brokers {
		ids = append(ids, broker.NodeID)
	}
	slices.Sort(ids)
	var names []string
	for _, id := range jvm.MapOrder(ids, func(id int32) int32 { return id }) {
		names = append(names, strconv.Itoa(int(id)))
	}
	return append(names, defaultEntity), nil
}

func (s *configService) describeResource(name string) error {
	entityType := s.entities.types[0]
	if name == defaultEntity {
		fmt.Fprintf(s.stdout, "Default configs for %s in the cluster are:\n", entityType)
	} else {
		source := "Dynamic"
		if s.set.Has("all") {
			source = "All"
		}
		fmt.Fprintf(s.stdout, "%s configs for %s %s are:\n", source, strings.TrimSuffix(entityType, "s"), name)
	}
	entries, err := s.resourceConfig(name, s.set.Has("all"))
	for _, entry := range entries {
		var synonyms []string
		for _, synonym := range entry.ConfigSynonyms {
			synonyms = append(synonyms, fmt.Sprintf("%s:%s=%s", synonym.Source, synonym.Name, orNull(synonym.Value)))
		}
		fmt.Fprintf(s.stdout, "  %s=%s sensitive=%t synonyms={%s}\n", entry.Name, orNull(entry.Value), entry.IsSensitive, strings.Join(synonyms, ", "))
	}
	return err
}

func orNull(text *string) string {
	if text == nil {
		return "null"
	}
	return *text
}

// resource is the entity's resource with the source of its own settings.
func (s *configService) resource(name string) (kmsg.ConfigResourceType, kmsg.ConfigSource, error) {
	switch s.entities.types[0] {
	case topicsType:
		if name == defaultEntity {
			return kmsg.ConfigResourceTypeTopic, kmsg.ConfigSourceDynamicTopicConfig, nil
		}
		return kmsg.ConfigResourceTypeTopic, kmsg.ConfigSourceDynamicTopicConfig, validTopic(name)
	case brokersType:
		if name == defaultEntity {
			return kmsg.ConfigResourceTypeBroker, kmsg.ConfigSourceDynamicDefaultBrokerConfig, nil
		}
		return kmsg.ConfigResourceTypeBroker, kmsg.ConfigSourceDynamicBrokerConfig, s.validBroker(name)
	}
	return kmsg.ConfigResourceTypeBrokerLogger, 0, s.validBroker(name)
}

func validTopic(name string) error {
	if err := topic.Validate(name); err != nil {
		return command.Throw("org.apache.kafka.common.errors.InvalidTopicException", "%s", err)
	}
	return nil
}

func (s *configService) validBroker(name string) error {
	if name != defaultEntity && !isBrokerID(name) {
		return illegal("The entity name for %s must be a valid integer broker id, found: %s", s.entities.types[0], name)
	}
	return nil
}

// resourceConfig returns the settings of the entity, only its own unless all are
// wanted, in the order of the Java client's map.
func (s *configService) resourceConfig(name string, all bool) ([]kmsg.DescribeConfigsResponseResourceConfig, error) {
	resourceType, own, err := s.resource(name)
	if err != nil {
		return nil, err
	}
	request := kmsg.NewPtrDescribeConfigsRequest()
	request.IncludeSynonyms = true
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = resourceType, name
	request.Resources = []kmsg.DescribeConfigsRequestResource{resource}
	response, err := sendForResource[*kmsg.DescribeConfigsResponse](s, resourceType, name, request)
	if err == nil && len(response.Resources) > 0 {
		err = command.ErrorOf(response.Resources[0].ErrorCode, response.Resources[0].ErrorMessage)
	}
	if err != nil {
		return nil, executedUnlessTimeout(err)
	}
	var entries []kmsg.DescribeConfigsResponseResourceConfig
	for _, answered := range response.Resources {
		entries = append(entries, answered.Configs...)
	}
	entries = jvm.MapOrder(entries, func(entry kmsg.DescribeConfigsResponseResourceConfig) int32 { return jvm.StringHash(entry.Name) })
	return slices.DeleteFunc(entries, func(entry kmsg.DescribeConfigsResponseResourceConfig) bool {
		return !all && own != 0 && entry.Source != own
	}), nil
}

// executedUnlessTimeout covers an error as a future's get with a time limit does.
func executedUnlessTimeout(err error) error {
	if command.IsException(err, timeoutException) {
		return err
	}
	return command.Executed(err)
}

const timeoutException = "java.util.concurrent.TimeoutException"

// sendForResource sends a request about a broker or its loggers to that broker,
// other requests to any.
func sendForResource[R kmsg.Response](s *configService, resourceType kmsg.ConfigResourceType, name string, request kmsg.Request) (R, error) {
	admin := s.admin.Within(min(s.admin.Timeout(), resourceTimeout))
	var response R
	var err error
	if resourceType == kmsg.ConfigResourceTypeTopic || name == defaultEntity {
		response, err = command.Do[R](admin, request)
	} else {
		id, _ := strconv.ParseInt(name, 10, 32)
		response, err = command.DoAt[R](admin, int32(id), request)
	}
	if command.IsTimeout(err) {
		return response, command.Throw(timeoutException, "")
	}
	return response, err
}
