package admin

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/config/topic/placement"
	"github.com/gregor-broker/gregor/tools/command"
)

// generate proposes a reassignment of topics to brokers.
func (s *reassignService) generate() error {
	text, err := s.readFile("topics-to-move-json-file")
	if err != nil {
		return err
	}
	list, err := s.set.Value("broker-list")
	if err != nil {
		return err
	}
	brokers, err := parseBrokerList(list)
	if err != nil {
		return err
	}
	names, err := parseTopicsToMove(text)
	if err != nil {
		return err
	}
	if twice := repeatedItems(names, jvm.StringHash); len(twice) > 0 {
		return command.Throw(adminCommandFailed, "List of topics to reassign contains duplicate entries: %s", strings.Join(twice, ","))
	}
	current, err := s.currentReplicas(names)
	if err != nil {
		return err
	}
	candidates, err := s.placeable(brokers)
	if err != nil {
		return err
	}
	proposed, err := proposeReplicas(current, candidates)
	if err != nil {
		return err
	}
	s.println("Current partition replica assignment\n%s\n", reassignmentJSON(current))
	s.println("Proposed partition reassignment configuration\n%s", reassignmentJSON(proposed))
	return nil
}

func parseBrokerList(list string) ([]int32, error) {
	words := strings.Split(list, ",")
	for len(words) > 1 && words[len(words)-1] == "" {
		words = words[:len(words)-1]
	}
	var ids []int32
	for _, word := range words {
		id, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return nil, command.Throw("java.lang.NumberFormatException", "For input string: \"%s\"", word)
		}
		ids = append(ids, int32(id))
	}
	if twice := repeatedItems(ids, identity); len(twice) > 0 {
		return nil, command.Throw(adminCommandFailed, "Broker list contains duplicate entries: %s", joinIDs(twice))
	}
	return ids, nil
}

// describeTopics gives the metadata of each topic, or the error there is instead,
// by its name.
func (s *reassignService) describeTopics(names []string) (map[string]kmsg.MetadataResponseTopic, map[string]error, error) {
	found, failed := map[string]kmsg.MetadataResponseTopic{}, map[string]error{}
	if slices.Contains(names, "") {
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "" })
		failed[""] = command.Throw("org.apache.kafka.common.errors.InvalidTopicException", "The given topic name '' cannot be represented in a request.")
	}
	if len(names) == 0 {
		return found, failed, nil
	}
	metadata, err := s.admin.Calling("describeTopics").Topics(names)
	if err != nil {
		return nil, nil, command.Executed(err)
	}
	for _, row := range metadata.Topics {
		if err := command.ErrorOf(row.ErrorCode, nil); err != nil {
			failed[*row.Topic] = err
			continue
		}
		slices.SortFunc(row.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return int(a.Partition - b.Partition) })
		found[*row.Topic] = row
	}
	return found, failed, nil
}

// currentReplicas are those of all partitions of the topics, sorted.
func (s *reassignService) currentReplicas(names []string) ([]partitionReplicas, error) {
	found, failed, err := s.describeTopics(names)
	if err != nil {
		return nil, err
	}
	if len(failed) > 0 {
		name := jvm.MapOrder(slices.Sorted(maps.Keys(failed)), jvm.StringHash)[0]
		if errors.Is(failed[name], kerr.UnknownTopicOrPartition) {
			message := "Topic " + name + " not found."
			return nil, command.Executed(command.ErrorOf(kerr.UnknownTopicOrPartition.Code, &message))
		}
		return nil, command.Executed(failed[name])
	}
	var current []partitionReplicas
	for _, name := range slices.Sorted(maps.Keys(found)) {
		for _, row := range found[name].Partitions {
			current = append(current, partitionReplicas{topic.Partition{Topic: name, Partition: row.Partition}, row.Replicas})
		}
	}
	return current, nil
}

// nodes are the live brokers.
func (s *reassignService) nodes() ([]kmsg.DescribeClusterResponseBroker, error) {
	response, err := command.Do[*kmsg.DescribeClusterResponse](s.admin, kmsg.NewPtrDescribeClusterRequest())
	if err == nil {
		err = command.ErrorOf(response.ErrorCode, response.ErrorMessage)
	}
	if err != nil {
		return nil, command.Executed(err)
	}
	slices.SortFunc(response.Brokers, func(a, b kmsg.DescribeClusterResponseBroker) int { return int(a.NodeID - b.NodeID) })
	return jvm.MapOrder(response.Brokers, func(broker kmsg.DescribeClusterResponseBroker) int32 { return broker.NodeID }), nil
}

// placeable are the brokers of the list that are alive, with their racks unless
// --disable-rack-aware was given.
func (s *reassignService) placeable(ids []int32) ([]placement.Broker, error) {
	nodes, err := s.nodes()
	if err != nil {
		return nil, err
	}
	var brokers []placement.Broker
	rackless := 0
	for _, node := range nodes {
		if !slices.Contains(ids, node.NodeID) {
			continue
		}
		broker := placement.Broker{ID: node.NodeID}
		if node.Rack != nil && !s.set.Has("disable-rack-aware") {
			broker.Rack = *node.Rack
		}
		if broker.Rack == "" {
			rackless++
		}
		brokers = append(brokers, broker)
	}
	if rackless != 0 && rackless != len(brokers) {
		return nil, command.Throw(adminOperation, "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica assignment without rack information.")
	}
	return brokers, nil
}

// proposeReplicas places the partitions of each topic anew, with as many replicas
// as its first has. The rows are sorted by topic.
func proposeReplicas(current []partitionReplicas, brokers []placement.Broker) ([]partitionReplicas, error) {
	var proposed []partitionReplicas
	for start := 0; start < len(current); {
		name, end := current[start].partition.Topic, start
		for end < len(current) && current[end].partition.Topic == name {
			end++
		}
		assignment, err := placement.Assign(brokers, end-start, len(current[start].replicas), placement.Start{Index: -1})
		if refused, ok := errors.AsType[*placement.Error](err); ok {
			return nil, command.ErrorOf(refused.Code.Code, &refused.Message)
		}
		for _, number := range slices.Sorted(maps.Keys(assignment)) {
			proposed = append(proposed, partitionReplicas{topic.Partition{Topic: name, Partition: number}, assignment[number]})
		}
		start = end
	}
	return proposed, nil
}
