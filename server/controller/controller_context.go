package controller

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// controllerContext is what the active controller knows of the cluster, as
// Kafka's ControllerContext. Only the event goroutine touches it. The slices
// inside assignments and leadership are shared with requests under way, so
// nothing ever writes into them.
//
// Beside Kafka's maps it keeps indexes by replica, by leader and of the
// partitions without a leader, so that a broker's death costs in proportion to
// what that broker hosts, not to what the cluster holds.
type controllerContext struct {
	epoch          int32
	epochZkVersion int32

	liveBrokers           map[int32]zkdata.Broker // registered, shutting down or not
	liveBrokerEpochs      map[int32]int64
	shuttingDownBrokerIDs set[int32]
	// diedBehind are replicas outside the ISR whose broker just ended without a
	// controlled shutdown, while its end is followed up.
	diedBehind set[partitionAndReplica]

	allTopics                 set[string]
	topicIDs                  map[string]topic.ID
	topicNames                map[topic.ID]string
	assignments               map[string]map[int32]zkdata.ReplicaAssignment
	leadership                map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch
	partitionsBeingReassigned set[topic.Partition]
	partitionStates           map[topic.Partition]partitionState
	replicaStates             map[partitionAndReplica]replicaState
	replicasOnOfflineDirs     map[int32]set[topic.Partition]

	topicsToBeDeleted           set[string]
	topicsWithDeletionStarted   set[string]
	topicsIneligibleForDeletion set[string]

	partitionsByReplica map[int32]set[topic.Partition]
	partitionsByLeader  map[int32]set[topic.Partition]
	leaderless          set[topic.Partition] // in state New or Offline

	offlinePartitionCount          int
	preferredReplicaImbalanceCount int
}

func newControllerContext() *controllerContext {
	context := &controllerContext{}
	context.reset()
	return context
}

// reset forgets everything, as a resignation does.
func (c *controllerContext) reset() {
	*c = controllerContext{
		liveBrokers:                 map[int32]zkdata.Broker{},
		liveBrokerEpochs:            map[int32]int64{},
		shuttingDownBrokerIDs:       set[int32]{},
		allTopics:                   set[string]{},
		topicIDs:                    map[string]topic.ID{},
		topicNames:                  map[topic.ID]string{},
		assignments:                 map[string]map[int32]zkdata.ReplicaAssignment{},
		leadership:                  map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch{},
		partitionsBeingReassigned:   set[topic.Partition]{},
		partitionStates:             map[topic.Partition]partitionState{},
		replicaStates:               map[partitionAndReplica]replicaState{},
		replicasOnOfflineDirs:       map[int32]set[topic.Partition]{},
		topicsToBeDeleted:           set[string]{},
		topicsWithDeletionStarted:   set[string]{},
		topicsIneligibleForDeletion: set[string]{},
		partitionsByReplica:         map[int32]set[topic.Partition]{},
		partitionsByLeader:          map[int32]set[topic.Partition]{},
		leaderless:                  set[topic.Partition]{},
	}
}

// Brokers.

func (c *controllerContext) addLiveBroker(broker zkdata.Broker) {
	c.liveBrokers[broker.ID] = broker
	c.liveBrokerEpochs[broker.ID] = broker.Epoch
}

func (c *controllerContext) removeLiveBroker(id int32) {
	delete(c.liveBrokers, id)
	delete(c.liveBrokerEpochs, id)
}

func (c *controllerContext) isLive(id int32) bool {
	return c.isLiveOrShuttingDown(id) && !c.shuttingDownBrokerIDs.has(id)
}

func (c *controllerContext) isLiveOrShuttingDown(id int32) bool {
	_, ok := c.liveBrokerEpochs[id]
	return ok
}

func (c *controllerContext) liveBrokerIDs() []int32 {
	return keep(sortedKeys(c.liveBrokerEpochs), c.isLive)
}

func (c *controllerContext) liveOrShuttingDownBrokerIDs() []int32 {
	return sortedKeys(c.liveBrokerEpochs)
}

// isReplicaOnline reports whether the broker is up, not shutting down, and the
// replica's log directory works there.
func (c *controllerContext) isReplicaOnline(id int32, partition topic.Partition) bool {
	return c.isLive(id) && !c.replicasOnOfflineDirs[id].has(partition)
}

func (c *controllerContext) isReplicaOnlineOrShuttingDown(id int32, partition topic.Partition) bool {
	return c.isLiveOrShuttingDown(id) && !c.replicasOnOfflineDirs[id].has(partition)
}

// Topics.

// addTopicID remembers a topic's id. One topic never changes its id within a
// controller's term, and no two share one.
func (c *controllerContext) addTopicID(name string, id topic.ID) error {
	if existing, ok := c.topicIDs[name]; ok && existing != id {
		return fmt.Errorf("topic ID map already contained ID for topic %s and new ID %s did not match existing ID %s", name, id, existing)
	}
	if existing, ok := c.topicNames[id]; ok && existing != name {
		return fmt.Errorf("topic name map already contained ID %s and new name %s did not match existing name %s", id, name, existing)
	}
	c.topicIDs[name] = id
	c.topicNames[id] = name
	return nil
}

func (c *controllerContext) removeTopic(name string) {
	// A topic queued for deletion left the imbalance count when it was queued.
	if !c.topicsToBeDeleted.has(name) {
		c.discountImbalance(name)
	}
	c.topicsToBeDeleted.remove(name)
	c.topicsWithDeletionStarted.remove(name)
	c.topicsIneligibleForDeletion.remove(name)
	c.allTopics.remove(name)
	if id, ok := c.topicIDs[name]; ok {
		delete(c.topicIDs, name)
		delete(c.topicNames, id)
	}
	for number, assignment := range c.assignments[name] {
		c.forgetPartition(topic.Partition{Topic: name, Partition: number}, assignment)
	}
	delete(c.assignments, name)
}

func (c *controllerContext) forgetPartition(partition topic.Partition, assignment zkdata.ReplicaAssignment) {
	for _, replica := range assignment.Replicas {
		removeFrom(c.partitionsByReplica, replica, partition)
		delete(c.replicaStates, partitionAndReplica{partition, replica})
	}
	for id := range c.replicasOnOfflineDirs {
		removeFrom(c.replicasOnOfflineDirs, id, partition)
	}
	if info, ok := c.leadership[partition]; ok {
		removeFrom(c.partitionsByLeader, info.Leader, partition)
		delete(c.leadership, partition)
	}
	if c.partitionStates[partition] == offlinePartition && !c.topicsWithDeletionStarted.has(partition.Topic) {
		c.offlinePartitionCount--
	}
	delete(c.partitionStates, partition)
	c.leaderless.remove(partition)
	c.partitionsBeingReassigned.remove(partition)
}

// queueTopicDeletion marks topics for deletion. It may name one that is queued
// already, which must not be discounted twice (KAFKA-13572).
func (c *controllerContext) queueTopicDeletion(topics []string) {
	for _, name := range topics {
		if !c.topicsToBeDeleted.has(name) {
			c.discountImbalance(name)
			c.topicsToBeDeleted.add(name)
		}
	}
}

func (c *controllerContext) beginTopicDeletion(topics []string) {
	for _, name := range topics {
		c.topicsWithDeletionStarted.add(name)
	}
}

func (c *controllerContext) isTopicQueuedUpForDeletion(name string) bool {
	return c.topicsToBeDeleted.has(name)
}

// Assignments.

func (c *controllerContext) fullAssignment(partition topic.Partition) zkdata.ReplicaAssignment {
	return c.assignments[partition.Topic][partition.Partition]
}

func (c *controllerContext) replicas(partition topic.Partition) []int32 {
	return c.fullAssignment(partition).Replicas
}

func (c *controllerContext) updateAssignment(partition topic.Partition, assignment zkdata.ReplicaAssignment) {
	ofTopic := c.assignments[partition.Topic]
	if ofTopic == nil {
		ofTopic = map[int32]zkdata.ReplicaAssignment{}
		c.assignments[partition.Topic] = ofTopic
	}
	previous := ofTopic[partition.Partition]
	c.countImbalance(partition, -1)
	ofTopic[partition.Partition] = assignment
	c.countImbalance(partition, +1)
	for _, replica := range previous.Replicas {
		if !slices.Contains(assignment.Replicas, replica) {
			removeFrom(c.partitionsByReplica, replica, partition)
		}
	}
	for _, replica := range assignment.Replicas {
		addTo(c.partitionsByReplica, replica, partition)
	}
}

func (c *controllerContext) hasPartition(partition topic.Partition) bool {
	_, ok := c.assignments[partition.Topic][partition.Partition]
	return ok
}

func (c *controllerContext) partitionsForTopic(name string) []topic.Partition {
	partitions := make([]topic.Partition, 0, len(c.assignments[name]))
	for _, number := range sortedKeys(c.assignments[name]) {
		partitions = append(partitions, topic.Partition{Topic: name, Partition: number})
	}
	return partitions
}

func (c *controllerContext) allPartitions() []topic.Partition {
	var partitions []topic.Partition
	for _, name := range sortedKeys(c.assignments) {
		partitions = append(partitions, c.partitionsForTopic(name)...)
	}
	return partitions
}

func (c *controllerContext) partitionsOnBroker(id int32) []topic.Partition {
	return sortedPartitions(c.partitionsByReplica[id])
}

// outsideTheIsr are those of the replicas on dead brokers that were on their way into
// the ISR of a living leader.
func (c *controllerContext) outsideTheIsr(replicas []partitionAndReplica, dead, wereShuttingDown []int32) set[partitionAndReplica] {
	outside := set[partitionAndReplica]{}
	for _, replica := range replicas {
		info, led := c.leadership[replica.partition]
		if led && info.Leader != zkdata.NoLeader && !slices.Contains(dead, info.Leader) && !slices.Contains(info.Isr, replica.replica) &&
			!slices.Contains(wereShuttingDown, replica.replica) && c.replicaState(replica) == onlineReplica {
			outside.add(replica)
		}
	}
	return outside
}

func (c *controllerContext) replicasOnBrokers(ids []int32) []partitionAndReplica {
	var replicas []partitionAndReplica
	for _, id := range ids {
		for _, partition := range c.partitionsOnBroker(id) {
			replicas = append(replicas, partitionAndReplica{partition, id})
		}
	}
	return replicas
}

func (c *controllerContext) replicasForTopic(name string) []partitionAndReplica {
	return c.replicasForPartitions(c.partitionsForTopic(name))
}

func (c *controllerContext) replicasForPartitions(partitions []topic.Partition) []partitionAndReplica {
	var replicas []partitionAndReplica
	for _, partition := range partitions {
		for _, id := range c.replicas(partition) {
			replicas = append(replicas, partitionAndReplica{partition, id})
		}
	}
	return replicas
}

// onlineAndOfflineReplicas splits all replicas there are.
func (c *controllerContext) onlineAndOfflineReplicas() (online, offline []partitionAndReplica) {
	for _, replica := range c.replicasForPartitions(c.allPartitions()) {
		if c.isReplicaOnline(replica.replica, replica.partition) {
			online = append(online, replica)
		} else {
			offline = append(offline, replica)
		}
	}
	return online, offline
}

// States.

func (c *controllerContext) partitionState(partition topic.Partition) partitionState {
	if state, ok := c.partitionStates[partition]; ok {
		return state
	}
	return nonExistentPartition
}

func (c *controllerContext) putPartitionState(partition topic.Partition, target partitionState) {
	current := c.partitionState(partition)
	if !c.topicsWithDeletionStarted.has(partition.Topic) {
		if current == offlinePartition {
			c.offlinePartitionCount--
		}
		if target == offlinePartition {
			c.offlinePartitionCount++
		}
	}
	c.partitionStates[partition] = target
	if target == newPartition || target == offlinePartition {
		c.leaderless.add(partition)
	} else {
		c.leaderless.remove(partition)
	}
}

func (c *controllerContext) replicaState(replica partitionAndReplica) replicaState {
	if state, ok := c.replicaStates[replica]; ok {
		return state
	}
	return nonExistentReplica
}

func (c *controllerContext) replicasInState(name string, state replicaState) []partitionAndReplica {
	return slices.DeleteFunc(c.replicasForTopic(name), func(replica partitionAndReplica) bool {
		return c.replicaState(replica) != state
	})
}

func (c *controllerContext) areAllReplicasInState(name string, state replicaState) bool {
	return !slices.ContainsFunc(c.replicasForTopic(name), func(replica partitionAndReplica) bool {
		return c.replicaState(replica) != state
	})
}

func (c *controllerContext) isAnyReplicaInState(name string, state replicaState) bool {
	return slices.ContainsFunc(c.replicasForTopic(name), func(replica partitionAndReplica) bool {
		return c.replicaState(replica) == state
	})
}

// Leadership.

func (c *controllerContext) putLeadership(partition topic.Partition, info zkdata.LeaderIsrAndControllerEpoch) {
	c.countImbalance(partition, -1)
	if previous, ok := c.leadership[partition]; ok {
		removeFrom(c.partitionsByLeader, previous.Leader, partition)
	}
	c.leadership[partition] = info
	addTo(c.partitionsByLeader, info.Leader, partition)
	c.countImbalance(partition, +1)
}

// partitionsWithLeaders are those with leadership that are not going away.
func (c *controllerContext) partitionsWithLeaders() []topic.Partition {
	return slices.DeleteFunc(sortedPartitions(c.leadership), func(partition topic.Partition) bool {
		return c.isTopicQueuedUpForDeletion(partition.Topic)
	})
}

// topicsWithGaps gives all led partitions of topics that have one without an online
// replica. A failover tells of such partitions later than of others: brokers that
// have just started are told of the whole topic first, or they would show clients a
// part of it, which some take for an error. Kafka tells of none.
func (c *controllerContext) topicsWithGaps() []topic.Partition {
	gaps := set[string]{}
	for partition := range c.leadership {
		if !slices.ContainsFunc(c.replicas(partition), func(id int32) bool { return c.isReplicaOnline(id, partition) }) {
			gaps.add(partition.Topic)
		}
	}
	return slices.DeleteFunc(c.partitionsWithLeaders(), func(partition topic.Partition) bool { return !gaps.has(partition.Topic) })
}

// partitionsWithOfflineLeader looks only at leaders that are not live and at
// replicas on failed log directories.
func (c *controllerContext) partitionsWithOfflineLeader() []topic.Partition {
	offline := set[topic.Partition]{}
	for leader, led := range c.partitionsByLeader {
		suspects := led
		if c.isLive(leader) {
			suspects = c.replicasOnOfflineDirs[leader]
		}
		for partition := range suspects {
			if led.has(partition) && !c.isTopicQueuedUpForDeletion(partition.Topic) {
				offline.add(partition)
			}
		}
	}
	return sortedPartitions(offline)
}

// partitionLeadersOnBroker are those a broker leads although others could.
func (c *controllerContext) partitionLeadersOnBroker(id int32) []topic.Partition {
	return slices.DeleteFunc(sortedPartitions(c.partitionsByLeader[id]), func(partition topic.Partition) bool {
		return c.isTopicQueuedUpForDeletion(partition.Topic) || len(c.replicas(partition)) <= 1
	})
}

// countImbalance adds delta to the count of partitions that are not led by
// their preferred replica, if the partition is one.
func (c *controllerContext) countImbalance(partition topic.Partition, delta int) {
	if !c.isTopicQueuedUpForDeletion(partition.Topic) && c.isImbalanced(partition) {
		c.preferredReplicaImbalanceCount += delta
	}
}

func (c *controllerContext) discountImbalance(name string) {
	for number := range c.assignments[name] {
		c.countImbalance(topic.Partition{Topic: name, Partition: number}, -1)
	}
}

func (c *controllerContext) isImbalanced(partition topic.Partition) bool {
	info, ok := c.leadership[partition]
	assignment := c.fullAssignment(partition)
	if !ok || len(assignment.Replicas) == 0 {
		return false
	}
	preferred := assignment.Replicas[0]
	if slices.Contains(assignment.AddingReplicas, preferred) {
		// A reassigning partition counts only once the new replica is in sync.
		return slices.Contains(info.Isr, preferred)
	}
	return info.Leader != preferred
}

// assignmentTexts prints topics as Kafka's TopicIdReplicaAssignment.
func (c *controllerContext) assignmentTexts(topics []string) []string {
	texts := make([]string, 0, len(topics))
	for _, name := range topics {
		var partitions []string
		for _, number := range slices.Sorted(maps.Keys(c.assignments[name])) {
			partitions = append(partitions, fmt.Sprintf("%s-%d -> %s", name, number, c.assignments[name][number]))
		}
		id := "None"
		if known, ok := c.topicIDs[name]; ok {
			id = "Some(" + known.String() + ")"
		}
		texts = append(texts, fmt.Sprintf("TopicIdReplicaAssignment(%s,%s,%s)", name, id, jvm.Collection("Map", partitions)))
	}
	return texts
}
