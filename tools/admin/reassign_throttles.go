package admin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// The settings that throttle reassignments: those of brokers hold a rate, those of
// topics the replicas it is for.
const (
	leaderRate       = "leader.replication.throttled.rate"
	followerRate     = "follower.replication.throttled.rate"
	logDirRate       = "replica.alter.log.dirs.io.max.bytes.per.second"
	leaderReplicas   = "leader.replication.throttled.replicas"
	followerReplicas = "follower.replication.throttled.replicas"
)

// execution is what --execute reads before it begins.
type execution struct {
	text []byte
	// brokers and logDirs are bytes a second, without a limit when negative.
	brokers, logDirs int64
	timeout          time.Duration
}

func (s *reassignService) readExecution() (e execution, err error) {
	if e.text, err = s.readFile("reassignment-json-file"); err != nil {
		return e, err
	}
	if e.brokers, err = s.set.Int("throttle"); err != nil {
		return e, err
	}
	if e.logDirs, err = s.set.Int("replica-alter-log-dirs-throttle"); err != nil {
		return e, err
	}
	e.timeout, err = s.milliseconds("timeout")
	return e, err
}

// throttle sets the limits that the options ask for.
func (s *reassignService) throttle(limits execution, running map[topic.Partition]runningReassignment, wanted, current []partitionReplicas, logDirs map[partitionReplica]string) error {
	if limits.brokers < 0 && limits.logDirs < 0 {
		return nil
	}
	s.println("Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is removed.")
	if limits.brokers >= 0 {
		moves, err := proposedMoves(running, wanted, current)
		if err != nil {
			return err
		}
		if err := s.throttleMoves(moves, limits.brokers); err != nil {
			return err
		}
	}
	if limits.logDirs < 0 {
		return nil
	}
	rate := strconv.FormatInt(limits.logDirs, 10)
	var changes []settingsChange
	for replica := range logDirs {
		changes = append(changes, brokerChange(replica.broker, setting{logDirRate, &rate}))
	}
	slices.SortFunc(changes, func(a, b settingsChange) int { return strings.Compare(a.name, b.name) })
	if err := s.changeSettings(slices.CompactFunc(changes, func(a, b settingsChange) bool { return a.name == b.name })); err != nil {
		return err
	}
	s.println("The replica-alter-dir throttle limit was set to %d B/s", limits.logDirs)
	return nil
}

// partitionMove is from where to where the replicas of a partition go.
type partitionMove struct{ sources, destinations []int32 }

// proposedMoves are those that run and those that are wanted.
func proposedMoves(running map[topic.Partition]runningReassignment, wanted, current []partitionReplicas) (map[topic.Partition]partitionMove, error) {
	moves := map[topic.Partition]partitionMove{}
	for partition, row := range running {
		moves[partition] = partitionMove{except(row.Replicas, row.AddingReplicas), row.AddingReplicas}
	}
	for _, row := range wanted {
		sources := moves[row.partition].sources
		if _, runs := moves[row.partition]; !runs {
			at := slices.IndexFunc(current, func(has partitionReplicas) bool { return has.partition == row.partition })
			if at < 0 {
				return nil, command.Throw("java.lang.RuntimeException", "Trying to reassign a topic partition %s with 0 replicas", row.partition)
			}
			sources = current[at].replicas
		}
		moves[row.partition] = partitionMove{sources, except(row.replicas, sources)}
	}
	return moves, nil
}

func except(ids, without []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { return slices.Contains(without, id) })
}

// throttleMoves names the moving replicas in their topics' settings, and sets the
// rate of all brokers that they are on.
func (s *reassignService) throttleMoves(moves map[topic.Partition]partitionMove, limit int64) error {
	if err := s.changeSettings(topicThrottles(moves)); err != nil {
		return err
	}
	var brokers []int32
	for _, move := range moves {
		brokers = slices.Concat(brokers, move.sources, move.destinations)
	}
	slices.Sort(brokers)
	rate := strconv.FormatInt(limit, 10)
	var changes []settingsChange
	for _, id := range slices.Compact(brokers) {
		changes = append(changes, brokerChange(id, setting{leaderRate, &rate}, setting{followerRate, &rate}))
	}
	if err := s.changeSettings(changes); err != nil {
		return err
	}
	s.println("The inter-broker throttle limit was set to %d B/s", limit)
	return nil
}

// topicThrottles list for each topic the replicas that are read from and those
// that are written, as partition:broker, sorted as text.
func topicThrottles(moves map[topic.Partition]partitionMove) []settingsChange {
	leaders, followers := map[string][]string{}, map[string][]string{}
	for partition, move := range moves {
		for _, id := range move.sources {
			leaders[partition.Topic] = append(leaders[partition.Topic], fmt.Sprintf("%d:%d", partition.Partition, id))
		}
		for _, id := range except(move.destinations, move.sources) {
			followers[partition.Topic] = append(followers[partition.Topic], fmt.Sprintf("%d:%d", partition.Partition, id))
		}
	}
	names := map[string]bool{}
	for partition := range moves {
		names[partition.Topic] = true
	}
	var changes []settingsChange
	for _, name := range sortedKeys(names, strings.Compare) {
		slices.Sort(leaders[name])
		slices.Sort(followers[name])
		read, written := strings.Join(leaders[name], ","), strings.Join(followers[name], ",")
		changes = append(changes, settingsChange{kmsg.ConfigResourceTypeTopic, name, []setting{{leaderReplicas, &read}, {followerReplicas, &written}}})
	}
	return changes
}

// clearThrottles takes the throttles off all brokers there are and are named, and
// off the topics.
func (s *reassignService) clearThrottles(named []partitionReplicas) error {
	nodes, err := s.nodes()
	if err != nil {
		return err
	}
	live := make([]int32, len(nodes))
	for i, node := range nodes {
		live[i] = node.NodeID
	}
	brokers := brokersOf([]partitionReplicas{{replicas: live}, {replicas: brokersOf(named)}})
	s.println("Clearing broker-level throttles on broker%s %s", plural(len(brokers)), joinIDs(jvm.ScalaMapOrder(brokers, identity)))
	var changes []settingsChange
	for _, id := range brokers {
		changes = append(changes, brokerChange(id, setting{name: leaderRate}, setting{name: followerRate}, setting{name: logDirRate}))
	}
	if err := s.changeSettings(changes); err != nil {
		return err
	}
	topics := topicsOf(named)
	s.println("Clearing topic-level throttles on topic%s %s", plural(len(topics)), strings.Join(jvm.ScalaMapOrder(topics, jvm.StringHash), ","))
	changes = nil
	for _, name := range topics {
		changes = append(changes, settingsChange{kmsg.ConfigResourceTypeTopic, name, []setting{{name: leaderReplicas}, {name: followerReplicas}}})
	}
	return s.changeSettings(changes)
}

// setting is one to set, or to delete when it has no value.
type setting struct {
	name  string
	value *string
}

// settingsChange are the settings of a topic or a broker to change.
type settingsChange struct {
	kind     kmsg.ConfigResourceType
	name     string
	settings []setting
}

func brokerChange(id int32, settings ...setting) settingsChange {
	return settingsChange{kmsg.ConfigResourceTypeBroker, strconv.Itoa(int(id)), settings}
}

// changeSettings is Admin.incrementalAlterConfigs: a request for all topics, and
// one for each broker, to itself. It gives the first error.
func (s *reassignService) changeSettings(changes []settingsChange) error {
	requests := map[int32]*kmsg.IncrementalAlterConfigsRequest{}
	for _, change := range changes {
		broker := int32(-1)
		if change.kind == kmsg.ConfigResourceTypeBroker {
			id, err := strconv.ParseInt(change.name, 10, 32)
			if err != nil {
				return err
			}
			broker = int32(id)
		}
		if requests[broker] == nil {
			requests[broker] = kmsg.NewPtrIncrementalAlterConfigsRequest()
		}
		requests[broker].Resources = append(requests[broker].Resources, change.resource())
	}
	brokers := sortedKeys(requests, func(a, b int32) int { return int(a) - int(b) })
	failed := make([]error, len(brokers))
	var sent sync.WaitGroup
	for i, broker := range brokers {
		sent.Go(func() { failed[i] = s.sendSettings(broker, requests[broker]) })
	}
	sent.Wait()
	for _, err := range failed {
		if err != nil {
			return command.Executed(err)
		}
	}
	return nil
}

func (c settingsChange) resource() kmsg.IncrementalAlterConfigsRequestResource {
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = c.kind, c.name
	for _, setting := range c.settings {
		row := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		row.Name, row.Value, row.Op = setting.name, setting.value, kmsg.IncrementalAlterConfigOpSet
		if setting.value == nil {
			row.Op = kmsg.IncrementalAlterConfigOpDelete
		}
		resource.Configs = append(resource.Configs, row)
	}
	return resource
}

// sendSettings asks a broker, any when it is negative.
func (s *reassignService) sendSettings(broker int32, request *kmsg.IncrementalAlterConfigsRequest) error {
	var response *kmsg.IncrementalAlterConfigsResponse
	var err error
	if broker < 0 {
		response, err = command.Do[*kmsg.IncrementalAlterConfigsResponse](s.admin, request)
	} else {
		response, err = command.DoAt[*kmsg.IncrementalAlterConfigsResponse](s.admin, broker, request)
	}
	if err != nil {
		return err
	}
	for _, altered := range response.Resources {
		if err := command.ErrorOf(altered.ErrorCode, altered.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}
