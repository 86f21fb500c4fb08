package replica

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/protocol"
)

// leaderAndIsrChange is one LeaderAndIsr request while it is carried out.
type leaderAndIsrChange struct {
	*ReplicaManager
	request       *kmsg.LeaderAndISRRequest
	correlationID int32
	checkpoints   *lazyCheckpoints
	states        []partitionChange
	leaders       []*partitionChange
	followers     []*partitionChange
	// renamed are followers whose topic id became known or was taken away.
	renamed []*partitionChange
}

// partitionChange is what a request says of one partition, and the answer.
type partitionChange struct {
	tp        topic.Partition
	topicID   topic.ID
	state     *kmsg.LeaderAndISRRequestTopicPartition
	partition *cluster.Partition
	err       error
}

// BecomeLeaderOrFollower carries out a LeaderAndIsr request.
// onLeadershipChange gets the partitions this broker newly leads and those it
// newly follows, before the response is returned.
func (m *ReplicaManager) BecomeLeaderOrFollower(correlationID int32, req *kmsg.LeaderAndISRRequest, onLeadershipChange func(becomeLeader, becomeFollower []*cluster.Partition)) *kmsg.LeaderAndISRResponse {
	started := time.Now()
	m.stateChangeMu.Lock()
	defer m.stateChangeMu.Unlock()
	change := &leaderAndIsrChange{ReplicaManager: m, request: req, correlationID: correlationID, checkpoints: m.newLazyCheckpoints()}
	change.collect()
	m.stateChange.Infof("[Broker id=%d] Handling LeaderAndIsr request correlationId %d from controller %d for %d partitions",
		m.brokerID, correlationID, req.ControllerID, len(change.states))
	if req.ControllerEpoch < m.controllerEpoch {
		m.stateChange.Warnf("[Broker id=%d] Ignoring LeaderAndIsr request from controller %d with correlation id %d since its controller epoch %d is old. "+
			"Latest known controller epoch is %d", m.brokerID, req.ControllerID, correlationID, req.ControllerEpoch, m.controllerEpoch)
		for i := range change.states {
			change.states[i].err = kerr.StaleControllerEpoch
		}
		return change.response(kerr.StaleControllerEpoch)
	}
	m.controllerEpoch = req.ControllerEpoch
	for i := range change.states {
		change.sort(&change.states[i])
	}
	leaders, followers := change.makeLeaders(), change.makeFollowers()
	change.updateTopicIDs()
	m.startCheckpointsLocked()
	change.maybeAddLogDirFetchers()
	m.fetchers.shutdownIdleFetcherThreads()
	m.movers.shutdownIdleFetcherThreads()
	onLeadershipChange(leaders, followers)
	m.stateChange.Infof("[Broker id=%d] Finished LeaderAndIsr request in %dms correlationId %d from controller %d for %d partitions",
		m.brokerID, time.Since(started).Milliseconds(), correlationID, req.ControllerID, len(change.states))
	return change.response(nil)
}

// collect lists the partitions of a request of any version.
func (c *leaderAndIsrChange) collect() {
	for i := range c.request.PartitionStates {
		state := &c.request.PartitionStates[i]
		c.states = append(c.states, partitionChange{tp: topic.Partition{Topic: state.Topic, Partition: state.Partition}, state: state})
	}
	for i := range c.request.TopicStates {
		of := &c.request.TopicStates[i]
		for j := range of.PartitionStates {
			state := &of.PartitionStates[j]
			c.states = append(c.states, partitionChange{
				tp: topic.Partition{Topic: of.Topic, Partition: state.Partition}, topicID: of.TopicID, state: state,
			})
		}
	}
}

// sort decides what becomes of one partition: leader, follower, or nothing for
// the reason noted.
func (c *leaderAndIsrChange) sort(change *partitionChange) {
	if err := topic.Validate(change.tp.Topic); err != nil || change.tp.Partition < 0 {
		change.err = kerr.InvalidTopicException // it would become a directory's name
		return
	}
	entry := c.partitions.get(change.tp)
	if entry.offline {
		c.ignore(change, "as the local replica for the partition is in an offline log directory", kerr.KafkaStorageError)
		return
	}
	if entry.partition == nil && c.deleted.has(change) {
		c.ignore(change, "as the replica was deleted since", kerr.UnknownTopicOrPartition)
		return
	}
	if change.partition = entry.partition; change.partition == nil {
		change.partition = c.hostLocked(change.tp)
	}
	logID := change.partition.TopicID()
	current := change.partition.LeaderEpoch()
	switch {
	case !change.topicID.IsZero() && !logID.IsZero() && change.topicID != logID:
		c.stateChange.Errorf("[Broker id=%d] Topic ID in memory: %s does not match the topic ID for partition %s received: %s.",
			c.brokerID, logID, change.tp, change.topicID)
		change.err = kerr.InconsistentTopicID
	case change.state.LeaderEpoch > current:
		c.accept(change)
	case change.state.LeaderEpoch < current:
		c.ignore(change, "since its associated leader epoch is smaller than the current leader epoch", kerr.StaleControllerEpoch)
	default:
		c.repeat(change, logID)
	}
}

func (c *leaderAndIsrChange) accept(change *partitionChange) {
	switch {
	case !slices.Contains(change.state.Replicas, c.brokerID):
		c.ignore(change, "as itself is not in assigned replica list", kerr.UnknownTopicOrPartition)
	case change.state.Leader == c.brokerID:
		c.leaders = append(c.leaders, change)
	default:
		c.followers = append(c.followers, change)
	}
}

// repeat handles a state of the epoch known already: only a topic id may be
// news.
func (c *leaderAndIsrChange) repeat(change *partitionChange, logID topic.ID) {
	isFollower := change.state.Leader != c.brokerID
	switch local := change.partition.Log(); {
	case !change.topicID.IsZero() && logID.IsZero() && local != nil:
		change.err = local.AssignTopicID(change.topicID)
		c.stateChange.Infof("[Broker id=%d] Updating log for %s to assign topic ID %s from LeaderAndIsr request from controller %d with "+
			"correlation id %d epoch %d", c.brokerID, change.tp, change.topicID, c.request.ControllerID, c.correlationID, c.controllerEpoch)
		if isFollower {
			c.renamed = append(c.renamed, change)
		}
	case change.topicID.IsZero() && !logID.IsZero() && isFollower:
		c.renamed = append(c.renamed, change)
	default:
		c.stateChange.Infof("[Broker id=%d] Ignoring LeaderAndIsr request from controller %d with correlation id %d epoch %d for partition %s "+
			"since its associated leader epoch %d matches the current leader epoch", c.brokerID, c.request.ControllerID, c.correlationID,
			c.controllerEpoch, change.tp, change.state.LeaderEpoch)
		change.err = kerr.StaleControllerEpoch
	}
}

func (c *leaderAndIsrChange) ignore(change *partitionChange, why string, err error) {
	c.stateChange.Warnf("[Broker id=%d] Ignoring LeaderAndIsr request from controller %d with correlation id %d epoch %d for partition %s "+
		"(leader epoch %d) %s", c.brokerID, c.request.ControllerID, c.correlationID, c.controllerEpoch, change.tp, change.state.LeaderEpoch, why)
	change.err = err
}

// makeLeaders stops fetching the partitions this broker is to lead and lets
// them begin their epoch. It returns those it did not lead before.
func (c *leaderAndIsrChange) makeLeaders() []*cluster.Partition {
	if len(c.leaders) == 0 {
		return nil
	}
	c.fetchers.removeFetcherForPartitions(partitionsOf(c.leaders))
	c.stateChange.Infof("[Broker id=%d] Stopped fetchers as part of LeaderAndIsr request correlationId %d from controller %d epoch %d as part of "+
		"the become-leader transition for %d partitions", c.brokerID, c.correlationID, c.request.ControllerID, c.controllerEpoch, len(c.leaders))
	var made []*cluster.Partition
	for _, change := range c.leaders {
		isNew, err := change.partition.MakeLeader(change.state, c.checkpoints, change.topicID)
		if err != nil {
			c.failed(change, "become-leader", err)
		} else if isNew {
			made = append(made, change.partition)
		}
	}
	return made
}

// makeFollowers lets the partitions other brokers lead be fetched from them.
// It returns those whose leader or epoch changed.
func (c *leaderAndIsrChange) makeFollowers() []*cluster.Partition {
	var made []*cluster.Partition
	var changed []*partitionChange
	for _, change := range c.followers {
		if !c.metadataCache.HasAliveBroker(change.state.Leader) {
			c.stateChange.Errorf("[Broker id=%d] Received LeaderAndIsrRequest with correlation id %d from controller %d epoch %d for partition %s "+
				"(last update controller epoch %d) but cannot become follower since the new leader %d is unavailable.", c.brokerID, c.correlationID,
				c.request.ControllerID, c.controllerEpoch, change.tp, change.state.ControllerEpoch, change.state.Leader)
			// The log exists all the same, so that its high watermark stays in
			// the checkpoint.
			if err := change.partition.CreateLogIfNotExists(change.state.IsNew, false, c.checkpoints, change.topicID); err != nil {
				c.failed(change, "become-follower", err)
			}
			continue
		}
		isNew, err := change.partition.MakeFollower(change.state, c.checkpoints, change.topicID)
		if err != nil {
			c.failed(change, "become-follower", err)
		} else if isNew {
			made, changed = append(made, change.partition), append(changed, change)
		}
	}
	if len(c.followers) == 0 {
		return nil
	}
	c.fetchers.removeFetcherForPartitions(partitionsOf(changed))
	c.stateChange.Infof("[Broker id=%d] Stopped fetchers as part of become-follower request from controller %d epoch %d with correlation id %d for %d partitions",
		c.brokerID, c.request.ControllerID, c.controllerEpoch, c.correlationID, len(changed))
	for _, change := range changed {
		c.completeDelayedFetchOrProduce(change.tp)
	}
	if !c.shuttingDown.Load() {
		c.startFetching(changed)
	}
	return made
}

func (c *leaderAndIsrChange) startFetching(changed []*partitionChange) {
	fetches := make(map[topic.Partition]initialFetchState, len(changed))
	for _, change := range changed {
		local := change.partition.Log()
		if local == nil {
			continue
		}
		leader, ok := c.metadataCache.AliveBrokerNode(change.state.Leader, c.options.Config.Load().InterBrokerListenerName())
		if !ok {
			leader.ID, leader.Port = -1, -1
		}
		fetches[change.tp] = initialFetchState{
			topicID: change.topicID, leader: leader, currentLeaderEpoch: change.state.LeaderEpoch, initOffset: c.initialFetchOffset(local),
		}
	}
	c.fetchers.addFetcherForPartitions(fetches)
}

// updateTopicIDs tells the fetchers of followers whose topic id changed.
func (c *leaderAndIsrChange) updateTopicIDs() {
	if len(c.renamed) == 0 || c.shuttingDown.Load() {
		return
	}
	ids := make(map[topic.Partition]topic.ID, len(c.renamed))
	for _, change := range c.renamed {
		if c.metadataCache.HasAliveBroker(change.partition.Leader()) {
			ids[change.tp] = change.topicID
		}
	}
	c.fetchers.updateTopicIDs(ids)
}

// maybeAddLogDirFetchers goes on with moves between log directories: those that a
// restart interrupted, and those whose leader epoch changed.
func (c *leaderAndIsrChange) maybeAddLogDirFetchers() {
	moves := map[topic.Partition]initialFetchState{}
	for _, change := range slices.Concat(c.leaders, c.followers) {
		local := change.partition.Log()
		if local == nil || c.logManager.GetLog(change.tp, true) == nil {
			continue
		}
		if err := change.partition.CreateLogIfNotExists(false, true, c.checkpoints, change.topicID); err != nil {
			c.stateChange.WithError(err).Errorf("[Broker id=%d] The move of partition %s to another log directory cannot go on", c.brokerID, change.tp)
			continue
		}
		moves[change.tp] = c.initialMoveState(change.partition, change.topicID, local.HighWatermark())
	}
	c.movers.addFetcherForPartitions(moves)
}

// failed notes that a transition was skipped; after a disk error the partition
// is offline.
func (c *leaderAndIsrChange) failed(change *partitionChange, transition string, err error) {
	change.err = err
	c.stateChange.WithError(err).Errorf("[Broker id=%d] Skipped the %s state change with correlation id %d from controller %d epoch %d for "+
		"partition %s (last update controller epoch %d) with leader %d", c.brokerID, transition, c.correlationID, c.request.ControllerID,
		c.controllerEpoch, change.tp, change.state.ControllerEpoch, change.state.Leader)
	if protocol.ErrorCode(err) == kerr.KafkaStorageError.Code {
		c.markOfflineLocked(change.tp)
	}
}

func partitionsOf(changes []*partitionChange) []topic.Partition {
	partitions := make([]topic.Partition, len(changes))
	for i, change := range changes {
		partitions[i] = change.tp
	}
	return partitions
}

// response lists the partitions' errors: by name before version 5, by topic
// id from then on.
func (c *leaderAndIsrChange) response(top error) *kmsg.LeaderAndISRResponse {
	response := &kmsg.LeaderAndISRResponse{Version: c.request.Version, ErrorCode: protocol.ErrorCode(top)}
	byID := map[topic.ID]int{}
	for i := range c.states {
		change := &c.states[i]
		answer := kmsg.LeaderAndISRResponseTopicPartition{Partition: change.tp.Partition, ErrorCode: protocol.ErrorCode(change.err)}
		if c.request.Version < 5 {
			answer.Topic = change.tp.Topic
			response.Partitions = append(response.Partitions, answer)
			continue
		}
		at, ok := byID[change.topicID]
		if !ok {
			at = len(response.Topics)
			byID[change.topicID] = at
			response.Topics = append(response.Topics, kmsg.LeaderAndISRResponseTopic{TopicID: change.topicID})
		}
		response.Topics[at].Partitions = append(response.Topics[at].Partitions, answer)
	}
	return response
}

// hostLocked adds a partition to those hosted here.
func (m *ReplicaManager) hostLocked(tp topic.Partition) *cluster.Partition {
	tp.Topic = string([]byte(tp.Topic)) // the request's bytes may be reused
	partition := cluster.NewPartition(tp, m.broker)
	m.partitions.set(tp, hosted{partition: partition, stats: m.topicStats.host(tp.Topic)})
	return partition
}
