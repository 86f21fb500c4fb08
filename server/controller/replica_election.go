package controller

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// electionTrigger is who asked for elections.
type electionTrigger string

const (
	autoTriggered        electionTrigger = "AutoTriggered"
	zkTriggered          electionTrigger = "ZkTriggered"
	adminClientTriggered electionTrigger = "AdminClientTriggered"
)

// The election types of ElectLeaders.
const (
	electPreferred int8 = 0
	electUnclean   int8 = 1
)

// ElectLeaders elects preferred leaders, or any at the price of records (key
// 43, KIP-460). With a null list it is about all partitions, and those that
// needed no election are not named in the answer. Elected names the new leaders
// among the answer's successes: the caller holds the answer back until its
// metadata cache shows them, or turns what it does not show into
// REQUEST_TIMED_OUT.
func (c *KafkaController) ElectLeaders(request *kmsg.ElectLeadersRequest,
	respond func(response *kmsg.ElectLeadersResponse, elected map[topic.Partition]int32)) {
	response := request.ResponseKind().(*kmsg.ElectLeadersResponse)
	asked := []topic.Partition{}
	for _, ofTopic := range request.Topics {
		for _, number := range ofTopic.Partitions {
			asked = append(asked, topic.Partition{Topic: ofTopic.Topic, Partition: number})
		}
	}
	refuse := func(err error) {
		if request.Topics == nil { // there is no partition to carry the error
			response.ErrorCode = protocol.ErrorCode(err)
		}
		results := electionOutcomes{}
		failAll(results, asked, err)
		response.Topics = electLeadersTopics(results, false)
		respond(response, nil)
	}
	strategy := preferredElection
	if request.Version >= 1 && request.ElectionType == electUnclean {
		strategy = uncleanElection
	}
	c.putRequest("ReplicaLeaderElection", stateManualLeaderBalance, func() { refuse(kerr.NotController) }, func() error {
		if request.Topics == nil {
			asked = c.context.allPartitions()
		}
		results, err := c.electOnRequest(asked, strategy, adminClientTriggered)
		if err != nil {
			refuse(requestError(err))
			return err
		}
		response.Topics = electLeadersTopics(results, request.Topics == nil)
		respond(response, electedLeaders(results))
		return nil
	})
}

func electedLeaders(results electionOutcomes) map[topic.Partition]int32 {
	elected := map[topic.Partition]int32{}
	for partition, outcome := range results {
		if outcome.err == nil {
			elected[partition] = outcome.leaderAndIsr.Leader
		}
	}
	return elected
}

func electLeadersTopics(results electionOutcomes, onlyNeeded bool) []kmsg.ElectLeadersResponseTopic {
	var topics []kmsg.ElectLeadersResponseTopic
	for _, partition := range sortedPartitions(results) {
		err := results[partition].err
		if onlyNeeded && errors.Is(err, kerr.ElectionNotNeeded) {
			continue
		}
		if last := len(topics) - 1; last < 0 || topics[last].Topic != partition.Topic {
			topics = append(topics, kmsg.ElectLeadersResponseTopic{Topic: partition.Topic})
		}
		ofTopic := &topics[len(topics)-1]
		ofTopic.Partitions = append(ofTopic.Partitions, kmsg.ElectLeadersResponseTopicPartition{
			Partition: partition.Partition, ErrorCode: protocol.ErrorCode(err), ErrorMessage: protocol.ErrorMessage(err),
		})
	}
	return topics
}

// electOnRequest elects leaders of those partitions that need it, and says of
// each what became of it.
func (c *KafkaController) electOnRequest(partitions []topic.Partition, strategy electionStrategy, trigger electionTrigger) (electionOutcomes, error) {
	results := electionOutcomes{}
	var electable []topic.Partition
	for _, partition := range partitions {
		switch {
		case !c.context.hasPartition(partition):
			c.log.infof("Skipping replica leader election for partition %s by %s since it doesn't exist.", partition, trigger)
			results[partition] = electionOutcome{err: protocol.WithMessage(kerr.UnknownTopicOrPartition, "The partition does not exist.")}
		case c.context.isTopicQueuedUpForDeletion(partition.Topic):
			c.log.warnf("Skipping replica leader election for partition %s by %s since the topic is being deleted", partition, trigger)
			results[partition] = electionOutcome{err: protocol.WithMessage(kerr.InvalidTopicException, "The topic is being deleted")}
		case !c.needsElection(partition, strategy):
			results[partition] = electionOutcome{err: kerr.ElectionNotNeeded}
		default:
			electable = append(electable, partition)
		}
	}
	elected, err := c.electReplicas(electable, strategy, trigger)
	if err != nil {
		return nil, err
	}
	for _, partition := range electable {
		outcome, attempted := elected[partition]
		if !attempted { // a new partition without leadership yet
			outcome.err = errStateChangeFailed
		}
		results[partition] = electionOutcome{leaderAndIsr: outcome.leaderAndIsr, err: electionError(outcome.err, strategy)}
	}
	return results, nil
}

func (c *KafkaController) needsElection(partition topic.Partition, strategy electionStrategy) bool {
	info, led := c.context.leadership[partition]
	if !led {
		return true
	}
	if strategy == preferredElection {
		replicas := c.context.replicas(partition)
		return len(replicas) > 0 && info.Leader != replicas[0]
	}
	return info.Leader == zkdata.NoLeader || !c.context.isLive(info.Leader)
}

// electionError turns a failed election into what clients see.
func electionError(err error, strategy electionStrategy) error {
	if !errors.Is(err, errStateChangeFailed) {
		return err
	}
	if strategy == preferredElection {
		return protocol.WithMessage(kerr.PreferredLeaderNotAvailable, err.Error())
	}
	return protocol.WithMessage(kerr.EligibleLeadersNotAvailable, err.Error())
}

// electReplicas runs elections and, for those that no client waits for, logs
// what failed. An election asked for by the znode is done when the node is gone.
func (c *KafkaController) electReplicas(partitions []topic.Partition, strategy electionStrategy, trigger electionTrigger) (electionOutcomes, error) {
	c.log.infof("Starting replica leader election (%s) for partitions %s triggered by %s", electionName(strategy), joined(partitions), trigger)
	outcomes, err := c.partitions.handleStateChanges(partitions, onlinePartition, strategy)
	if err != nil || trigger == adminClientTriggered {
		return outcomes, err
	}
	for _, partition := range partitions {
		if failure := outcomes[partition].err; failure != nil {
			c.log.withError(failure).errorf("Error completing replica leader election (%s) for partition %s", electionName(strategy), partition)
		}
		c.logPreferredLeader(partition)
	}
	if trigger == zkTriggered {
		if err := c.zkClient.DeletePreferredReplicaElection(c.context.epochZkVersion); err != nil {
			return outcomes, err
		}
		// Arms the watch again, and finds the next one if it is there already.
		c.putZkElection()
	}
	return outcomes, nil
}

func electionName(strategy electionStrategy) string {
	if strategy == preferredElection {
		return "PREFERRED"
	}
	return "UNCLEAN"
}

func (c *KafkaController) logPreferredLeader(partition topic.Partition) {
	leader, replicas := c.context.leadership[partition].Leader, c.context.replicas(partition)
	switch {
	case len(replicas) == 0:
	case leader == replicas[0]:
		c.log.infof("Partition %s completed preferred replica leader election. New leader is %d", partition, leader)
	default:
		c.log.warnf("Partition %s failed to complete preferred replica leader election to %d. Leader is still %d", partition, replicas[0], leader)
	}
}

// watchPreferredReplicaElection arms the watch on the creation of
// /admin/preferred_replica_election.
func (c *KafkaController) watchPreferredReplicaElection() (exists bool, err error) {
	return c.zkClient.RegisterZNodeChangeHandlerAndCheckExistence(zkclient.NodeChangeHandler{
		Path:           zkdata.PreferredReplicaElectionPath,
		HandleCreation: c.putZkElection,
	})
}

func (c *KafkaController) putZkElection() {
	c.putIfActive("ReplicaLeaderElection", stateManualLeaderBalance, c.processZkElection)
}

func (c *KafkaController) processZkElection() error {
	exists, err := c.watchPreferredReplicaElection()
	if err != nil || !exists {
		return err
	}
	partitions, err := c.zkClient.GetPreferredReplicaElection()
	if err != nil {
		return err
	}
	_, err = c.electOnRequest(partitions, preferredElection, zkTriggered)
	return err
}

// pendingPreferredReplicaElections are those the znode asked for under the
// controller before and that still make sense.
func (c *KafkaController) pendingPreferredReplicaElections() ([]topic.Partition, error) {
	asked, err := c.zkClient.GetPreferredReplicaElection()
	if err != nil {
		return nil, err
	}
	var pending []topic.Partition
	for _, partition := range asked {
		if c.context.hasPartition(partition) && !c.context.isTopicQueuedUpForDeletion(partition.Topic) && c.needsElection(partition, preferredElection) {
			pending = append(pending, partition)
		}
	}
	c.log.infof("Partitions undergoing preferred replica election: %s", joined(asked))
	c.log.infof("Resuming preferred replica election for partitions: %s", joined(pending))
	return pending, nil
}

// scheduleAutoLeaderRebalance plans the next look at the balance of leaders.
func (c *KafkaController) scheduleAutoLeaderRebalance(delay time.Duration) {
	epoch := c.context.epoch
	c.rebalance = time.AfterFunc(delay, func() {
		c.putAnswer("AutoPreferredReplicaLeaderElection", stateAutoLeaderBalance, epoch, c.processAutoLeaderRebalance)
	})
}

func (c *KafkaController) processAutoLeaderRebalance() error {
	interval := config.LeaderImbalanceCheckIntervalSeconds.Get(c.config.Load())
	defer c.scheduleAutoLeaderRebalance(time.Duration(interval) * time.Second)
	c.log.infof("Processing automatic preferred replica leader election")
	allowed := float64(config.LeaderImbalancePerBrokerPercentage.Get(c.config.Load())) / 100
	byPreferred := map[int32][]topic.Partition{}
	for _, partition := range c.context.allPartitions() {
		if replicas := c.context.replicas(partition); len(replicas) > 0 && !c.context.isTopicQueuedUpForDeletion(partition.Topic) {
			byPreferred[replicas[0]] = append(byPreferred[replicas[0]], partition)
		}
	}
	for _, id := range sortedKeys(byPreferred) {
		elsewhere := c.ledElsewhere(byPreferred[id], id)
		ratio := float64(len(elsewhere)) / float64(len(byPreferred[id]))
		c.log.tracef("Leader imbalance ratio for broker %d is %v", id, ratio)
		if ratio <= allowed {
			continue
		}
		if _, err := c.electReplicas(c.readyForPreferred(elsewhere), preferredElection, autoTriggered); err != nil {
			return err
		}
	}
	return nil
}

func (c *KafkaController) ledElsewhere(partitions []topic.Partition, preferred int32) []topic.Partition {
	var elsewhere []topic.Partition
	for _, partition := range partitions {
		if info, led := c.context.leadership[partition]; led && info.Leader != preferred {
			elsewhere = append(elsewhere, partition)
		}
	}
	return elsewhere
}

// readyForPreferred are those whose preferred replica can lead now. While any
// partition is being reassigned none is touched.
func (c *KafkaController) readyForPreferred(partitions []topic.Partition) []topic.Partition {
	if len(c.context.partitionsBeingReassigned) > 0 {
		return nil
	}
	var ready []topic.Partition
	for _, partition := range partitions {
		result := preferredElection.elect(electionState{
			assignment: c.context.fullAssignment(partition), current: c.context.leadership[partition].LeaderAndIsr,
			online: func(id int32) bool { return c.context.isReplicaOnline(id, partition) },
		})
		if result.elected {
			ready = append(ready, partition)
		}
	}
	return ready
}

// EnableDefaultUncleanLeaderElection follows a change of the default of
// unclean.leader.election.enable to true.
func (c *KafkaController) EnableDefaultUncleanLeaderElection() {
	c.putIfActive("UncleanLeaderElectionEnable", stateUncleanLeaderElectionEnable, func() error {
		c.log.infof("Unclean leader election has been enabled by default")
		_, err := c.partitions.triggerOnlinePartitionStateChange()
		return err
	})
}

// EnableTopicUncleanLeaderElection follows such a change of one topic.
func (c *KafkaController) EnableTopicUncleanLeaderElection(name string) {
	c.putIfActive("TopicUncleanLeaderElectionEnable", stateTopicUncleanLeaderElectionEnable, func() error {
		c.log.infof("Unclean leader election has been enabled for topic %s", name)
		return c.partitions.triggerOnlineForTopic(name)
	})
}
