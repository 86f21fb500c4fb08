package admin

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

const (
	topicResource   = kmsg.ConfigResourceTypeTopic
	defaultConfig   = kmsg.ConfigSourceDefaultConfig
	minInSyncConfig = "min.insync.replicas"
	noLeader        = int32(-1)
)

func (s *topicService) describe() error {
	described, err := s.described()
	if err != nil {
		return err
	}
	topicConfigs, err := s.configsOf(described)
	if err != nil {
		return err
	}
	cluster, err := s.admin.Topics([]string{})
	if err != nil {
		return err
	}
	reassignments, err := s.reassignments()
	if err != nil {
		return err
	}
	report := &topicReport{service: s, live: map[int32]bool{}, reassignments: reassignments}
	for _, broker := range cluster.Brokers {
		report.live[broker.NodeID] = true
	}
	for _, found := range described {
		report.topic(found, topicConfigs[*found.Topic])
	}
	return nil
}

// described returns the metadata of the topics to describe in the order of a
// Java map.
func (s *topicService) described() ([]kmsg.MetadataResponseTopic, error) {
	names, err := s.namesToDescribe()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	metadata, err := s.admin.Topics(names)
	if err != nil {
		return nil, err
	}
	byName := map[string]kmsg.MetadataResponseTopic{}
	for _, found := range metadata.Topics {
		if err := command.ErrorOf(found.ErrorCode, nil); err != nil {
			return nil, err
		}
		byName[*found.Topic] = found
	}
	var described []kmsg.MetadataResponseTopic
	for _, name := range jvm.SizedMapOrder(len(names), names, jvm.StringHash) {
		described = append(described, byName[name])
	}
	return described, nil
}

func (s *topicService) namesToDescribe() ([]string, error) {
	text, err := s.set.Value("topic-id")
	if err != nil {
		return nil, err
	}
	if text == "" {
		return s.existing()
	}
	id, err := parseTopicID(text)
	if err != nil {
		return nil, err
	}
	if id.IsZero() {
		return s.existing()
	}
	metadata, err := s.admin.Topics(nil)
	if err != nil {
		return nil, err
	}
	for _, found := range metadata.Topics {
		if topic.ID(found.TopicID) == id {
			return []string{*found.Topic}, nil
		}
	}
	if s.set.Has("if-exists") {
		return nil, nil
	}
	return nil, illegal("TopicId '%s' does not exist as expected", id)
}

// parseTopicID is Uuid.fromString.
func parseTopicID(text string) (topic.ID, error) {
	if len(text) > 24 {
		return topic.ID{}, illegal("Input string with prefix `%s` is too long to be decoded as a base64 UUID", text[:24])
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) && int(corrupt) < len(text) {
		return topic.ID{}, illegal("Illegal base64 character %x", text[corrupt])
	}
	if len(raw) != len(topic.ID{}) {
		return topic.ID{}, illegal("Input string `%s` decoded as %d bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID", text, len(raw))
	}
	return topic.ID(raw), nil
}

// configsOf returns the settings of each topic.
func (s *topicService) configsOf(described []kmsg.MetadataResponseTopic) (map[string][]kmsg.DescribeConfigsResponseResourceConfig, error) {
	found := map[string][]kmsg.DescribeConfigsResponseResourceConfig{}
	if len(described) == 0 {
		return found, nil
	}
	request := kmsg.NewPtrDescribeConfigsRequest()
	for _, row := range described {
		resource := kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = topicResource, *row.Topic
		request.Resources = append(request.Resources, resource)
	}
	response, err := command.Do[*kmsg.DescribeConfigsResponse](s.admin, request)
	if err != nil {
		return nil, err
	}
	for _, resource := range response.Resources {
		if err := command.ErrorOf(resource.ErrorCode, resource.ErrorMessage); err != nil {
			return nil, err
		}
		found[resource.ResourceName] = resource.Configs
	}
	return found, nil
}

// reassignments returns the partitions that are being reassigned; brokers that
// cannot tell have none.
func (s *topicService) reassignments() (map[topic.Partition]kmsg.ListPartitionReassignmentsResponseTopicPartition, error) {
	request := kmsg.NewPtrListPartitionReassignmentsRequest()
	request.TimeoutMillis = int32(command.RequestTimeout.Milliseconds())
	response, err := command.Do[*kmsg.ListPartitionReassignmentsResponse](s.admin, request)
	if err != nil {
		return nil, nil
	}
	if response.ErrorCode == kerr.ClusterAuthorizationFailed.Code {
		return nil, nil
	}
	if err := command.ErrorOf(response.ErrorCode, response.ErrorMessage); err != nil {
		return nil, err
	}
	running := map[topic.Partition]kmsg.ListPartitionReassignmentsResponseTopicPartition{}
	for _, row := range response.Topics {
		for _, partition := range row.Partitions {
			running[topic.Partition{Topic: row.Topic, Partition: partition.Partition}] = partition
		}
	}
	return running, nil
}

// topicReport prints topics as --describe and its report flags ask for.
type topicReport struct {
	service       *topicService
	live          map[int32]bool
	reassignments map[topic.Partition]kmsg.ListPartitionReassignmentsResponseTopicPartition
}

func (r *topicReport) topic(found kmsg.MetadataResponseTopic, settings []kmsg.DescribeConfigsResponseResourceConfig) {
	slices.SortFunc(found.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
	set := r.service.set
	overrides := overridesText(settings)
	partitionReport := slices.ContainsFunc(topicReports[:4], set.Has)
	if !partitionReport && (!set.Has("topics-with-overrides") || overrides != "") && len(found.Partitions) > 0 {
		r.printTopic(found, overrides)
	}
	if set.Has("topics-with-overrides") {
		return
	}
	minInSync := minInSyncReplicas(settings)
	for _, partition := range found.Partitions {
		if !partitionReport || r.reported(*found.Topic, partition, minInSync) {
			r.printPartition(*found.Topic, partition)
		}
	}
}

func (r *topicReport) printTopic(found kmsg.MetadataResponseTopic, overrides string) {
	line := "Topic: " + *found.Topic
	if id := topic.ID(found.TopicID); !id.IsZero() {
		line += "\tTopicId: " + id.String()
	}
	fmt.Fprintf(r.service.stdout, "%s\tPartitionCount: %d\tReplicationFactor: %d\tConfigs: %s\n",
		line, len(found.Partitions), r.replicationFactor(*found.Topic, found.Partitions[0]), overrides)
}

func (r *topicReport) printPartition(name string, partition kmsg.MetadataResponseTopicPartition) {
	leader := "none"
	if partition.Leader != noLeader {
		leader = strconv.Itoa(int(partition.Leader))
	}
	line := fmt.Sprintf("\tTopic: %s\tPartition: %d\tLeader: %s\tReplicas: %s\tIsr: %s",
		name, partition.Partition, leader, joinIDs(partition.Replicas), joinIDs(partition.ISR))
	if running, ok := r.reassignments[topic.Partition{Topic: name, Partition: partition.Partition}]; ok {
		line += fmt.Sprintf("\tAdding Replicas: %s\tRemoving Replicas: %s", joinIDs(running.AddingReplicas), joinIDs(running.RemovingReplicas))
	}
	fmt.Fprintln(r.service.stdout, line)
}

// reported tells whether a report flag asks for the partition.
func (r *topicReport) reported(name string, partition kmsg.MetadataResponseTopicPartition, minInSync int) bool {
	set := r.service.set
	hasLeader := partition.Leader != noLeader
	inSync := len(partition.ISR)
	return set.Has("under-replicated-partitions") && r.replicationFactor(name, partition) > inSync ||
		set.Has("under-min-isr-partitions") && (!hasLeader || inSync < minInSync) ||
		set.Has("at-min-isr-partitions") && inSync == minInSync ||
		set.Has("unavailable-partitions") && (!hasLeader || !r.live[partition.Leader])
}

// replicationFactor leaves out replicas that a running reassignment adds.
func (r *topicReport) replicationFactor(name string, partition kmsg.MetadataResponseTopicPartition) int {
	running, ok := r.reassignments[topic.Partition{Topic: name, Partition: partition.Partition}]
	if !ok {
		return len(partition.Replicas)
	}
	changing := append(slices.Clone(running.AddingReplicas), running.RemovingReplicas...)
	if !slices.ContainsFunc(partition.Replicas, func(id int32) bool { return slices.Contains(changing, id) }) {
		return len(partition.Replicas)
	}
	return len(partition.Replicas) - len(running.AddingReplicas)
}

// overridesText lists the settings that are not the default in the order of the
// Java client's map.
func overridesText(settings []kmsg.DescribeConfigsResponseResourceConfig) string {
	values := map[string]kmsg.DescribeConfigsResponseResourceConfig{}
	var names []string
	for _, setting := range settings {
		values[setting.Name] = setting
		names = append(names, setting.Name)
	}
	var overrides []string
	for _, name := range jvm.MapOrder(names, jvm.StringHash) {
		setting := values[name]
		if setting.Source == defaultConfig {
			continue
		}
		value := "null"
		if setting.Value != nil {
			value = *setting.Value
		}
		overrides = append(overrides, name+"="+value)
	}
	return strings.Join(overrides, ",")
}

func minInSyncReplicas(settings []kmsg.DescribeConfigsResponseResourceConfig) int {
	for _, setting := range settings {
		if setting.Name == minInSyncConfig && setting.Value != nil {
			number, _ := strconv.Atoi(*setting.Value)
			return number
		}
	}
	return 0
}

func joinIDs(ids []int32) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(int(id))
	}
	return strings.Join(words, ",")
}
