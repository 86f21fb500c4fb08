package metadata

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
)

// The topics of a snapshot are spread over this many maps, so that a change
// of one topic copies one small map and not the table of all topics.
const shardCount = 256

var shardSeed = maphash.MakeSeed()

// PartitionState is what the controller last said of one partition. It is
// immutable.
type PartitionState struct {
	Partition       int32
	ControllerEpoch int32
	Leader          int32
	LeaderEpoch     int32
	ZKVersion       int32
	ISR             []int32
	Replicas        []int32
	OfflineReplicas []int32
}

// topicState is one topic. It is immutable once a snapshot holds it.
type topicState struct {
	name       string
	id         topic.ID
	partitions []*PartitionState // by partition number
}

// find gives a partition's place in the slice, or where it would go.
func (t *topicState) find(partition int32) (int, bool) {
	if i := int(partition); i >= 0 && i < len(t.partitions) && t.partitions[i].Partition == partition {
		return i, true
	}
	return slices.BinarySearchFunc(t.partitions, partition, func(state *PartitionState, partition int32) int {
		return int(state.Partition) - int(partition)
	})
}

// snapshot is the state of the cache at one moment. It is immutable.
type snapshot struct {
	topics       [shardCount]map[string]*topicState
	names        [shardCount]map[topic.ID]string
	topicCount   int
	controllerID int32
	brokers      map[int32]*Broker
}

func nameShard(name string) int { return int(maphash.String(shardSeed, name) % shardCount) }

func idShard(id topic.ID) int { return int(id[15]) }

func (s *snapshot) topic(name string) *topicState { return s.topics[nameShard(name)][name] }

func (s *snapshot) partition(name string, partition int32) *PartitionState {
	state := s.topic(name)
	if state == nil {
		return nil
	}
	if i, ok := state.find(partition); ok {
		return state.partitions[i]
	}
	return nil
}

// builder makes the next snapshot from the present one: what it changes it
// copies first, once.
type builder struct {
	next         *snapshot
	ownedTopics  map[string]*topicState
	ownedShards  [shardCount]bool
	ownedIDShard [shardCount]bool
}

func newBuilder(from *snapshot) *builder {
	next := *from
	return &builder{next: &next, ownedTopics: map[string]*topicState{}}
}

// topic gives a topic that may be changed, created when create says so.
func (b *builder) topic(name string, create bool) *topicState {
	if state, ok := b.ownedTopics[name]; ok && b.next.topic(name) == state {
		return state
	}
	old := b.next.topic(name)
	if old == nil && !create {
		return nil
	}
	state := &topicState{}
	if old != nil {
		*state = *old
		state.partitions = slices.Clone(old.partitions)
	} else {
		state.name = strings.Clone(name)
		b.next.topicCount++
	}
	b.shard(name)[state.name] = state
	b.ownedTopics[state.name] = state
	return state
}

func (b *builder) shard(name string) map[string]*topicState {
	i := nameShard(name)
	if !b.ownedShards[i] {
		b.ownedShards[i] = true
		if b.next.topics[i] = maps.Clone(b.next.topics[i]); b.next.topics[i] == nil {
			b.next.topics[i] = map[string]*topicState{}
		}
	}
	return b.next.topics[i]
}

func (b *builder) idShard(id topic.ID) map[topic.ID]string {
	i := idShard(id)
	if !b.ownedIDShard[i] {
		b.ownedIDShard[i] = true
		if b.next.names[i] = maps.Clone(b.next.names[i]); b.next.names[i] == nil {
			b.next.names[i] = map[topic.ID]string{}
		}
	}
	return b.next.names[i]
}

// setID gives a known topic its id; the zero id takes it away.
func (b *builder) setID(name string, id topic.ID) {
	old := b.next.topic(name)
	if old == nil || old.id == id {
		return
	}
	state := b.topic(name, false)
	b.dropID(state)
	if state.id = id; !id.IsZero() {
		b.idShard(id)[id] = state.name
	}
}

func (b *builder) dropID(state *topicState) {
	if !state.id.IsZero() && b.next.names[idShard(state.id)][state.id] == state.name {
		delete(b.idShard(state.id), state.id)
	}
}

func (b *builder) setPartition(name string, from *kmsg.UpdateMetadataRequestTopicPartition) {
	state := b.topic(name, true)
	partition := partitionStateOf(from)
	if i, ok := state.find(partition.Partition); ok {
		state.partitions[i] = partition
	} else {
		state.partitions = slices.Insert(state.partitions, i, partition)
	}
}

// removePartition forgets a partition, and with its last one the topic.
func (b *builder) removePartition(name string, partition int32) {
	state := b.topic(name, false)
	if state == nil {
		return
	}
	if i, ok := state.find(partition); ok {
		state.partitions = slices.Delete(state.partitions, i, i+1)
	}
	if len(state.partitions) == 0 {
		b.dropID(state)
		delete(b.shard(name), name)
		delete(b.ownedTopics, name)
		b.next.topicCount--
	}
}

// partitionStateOf copies a partition out of a request; its three lists share
// one array.
func partitionStateOf(from *kmsg.UpdateMetadataRequestTopicPartition) *PartitionState {
	ids := make([]int32, 0, len(from.ISR)+len(from.Replicas)+len(from.OfflineReplicas))
	part := func(list []int32) []int32 {
		start := len(ids)
		ids = append(ids, list...)
		return ids[start:len(ids):len(ids)]
	}
	return &PartitionState{
		Partition: from.Partition, ControllerEpoch: from.ControllerEpoch, Leader: from.Leader,
		LeaderEpoch: from.LeaderEpoch, ZKVersion: from.ZKVersion,
		ISR: part(from.ISR), Replicas: part(from.Replicas), OfflineReplicas: part(from.OfflineReplicas),
	}
}
