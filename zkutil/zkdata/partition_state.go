package zkdata

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
)

// Values of a leader and of a leader epoch that mean no broker (LeaderAndIsr).
const (
	NoLeader           = -1
	LeaderDuringDelete = -2
	NoEpoch            = -1
	EpochDuringDelete  = -2
	InitialLeaderEpoch = 0
	InitialZkVersion   = 0
)

// LeaderAndIsr is what a partition's state node says of leader and ISR, with the
// node's data version.
type LeaderAndIsr struct {
	Leader      int32
	LeaderEpoch int32
	Isr         []int32
	ZkVersion   int32
}

// String prints as kafka.api.LeaderAndIsr.
func (l LeaderAndIsr) String() string {
	return fmt.Sprintf("LeaderAndIsr(leader=%d, leaderEpoch=%d, isr=%s, zkVersion=%d)", l.Leader, l.LeaderEpoch, jvm.Collection("List", l.Isr), l.ZkVersion)
}

// String prints as kafka.controller.LeaderIsrAndControllerEpoch.
func (l LeaderIsrAndControllerEpoch) String() string {
	return fmt.Sprintf("(Leader:%d,ISR:%s,LeaderEpoch:%d,ZkVersion:%d,ControllerEpoch:%d)", l.Leader, jvm.Joined(l.Isr, ","), l.LeaderEpoch, l.ZkVersion, l.ControllerEpoch)
}

// NewLeaderAndIsr is the first state of a partition.
func NewLeaderAndIsr(leader int32, isr []int32) LeaderAndIsr {
	return LeaderAndIsr{Leader: leader, LeaderEpoch: InitialLeaderEpoch, Isr: isr, ZkVersion: InitialZkVersion}
}

// WithZkVersion gives the same state at another version of the node.
func (l LeaderAndIsr) WithZkVersion(version int32) LeaderAndIsr {
	l.ZkVersion = version
	return l
}

// NewLeader gives the state with that leader, one leader epoch later.
func (l LeaderAndIsr) NewLeader(leader int32) LeaderAndIsr {
	return l.NewLeaderAndIsr(leader, l.Isr)
}

// NewLeaderAndIsr gives the state with that leader and ISR, one leader epoch later.
func (l LeaderAndIsr) NewLeaderAndIsr(leader int32, isr []int32) LeaderAndIsr {
	return LeaderAndIsr{Leader: leader, LeaderEpoch: l.LeaderEpoch + 1, Isr: isr, ZkVersion: l.ZkVersion}
}

// NewEpoch gives the same leader and ISR one leader epoch later.
func (l LeaderAndIsr) NewEpoch() LeaderAndIsr { return l.NewLeaderAndIsr(l.Leader, l.Isr) }

// EqualsIgnoreZkVersion compares all but the node's version.
func (l LeaderAndIsr) EqualsIgnoreZkVersion(other LeaderAndIsr) bool {
	return l.Leader == other.Leader && l.LeaderEpoch == other.LeaderEpoch && slices.Equal(l.Isr, other.Isr)
}

// LeaderIsrAndControllerEpoch is a whole state node: ControllerEpoch is that of
// the controller that wrote it.
type LeaderIsrAndControllerEpoch struct {
	LeaderAndIsr
	ControllerEpoch int32
}

// TopicPartitionStatePath is the node with a partition's leader and ISR.
func TopicPartitionStatePath(p topic.Partition) string { return TopicPartitionPath(p) + "/state" }

// EncodeTopicPartitionState gives the value of a state node; the version of the
// node is not part of it.
func EncodeTopicPartitionState(s LeaderIsrAndControllerEpoch) []byte {
	return object{
		{"controller_epoch", s.ControllerEpoch},
		{"leader", s.Leader},
		{"version", 1},
		{"leader_epoch", s.LeaderEpoch},
		{"isr", s.Isr},
	}.encode()
}

// DecodeTopicPartitionState reads a state node that has that data version; found
// is false when the bytes are no JSON.
func DecodeTopicPartitionState(data []byte, zkVersion int32) (state LeaderIsrAndControllerEpoch, found bool, err error) {
	f, err := parseObject(data)
	if errors.Is(err, errNotJSON) {
		return LeaderIsrAndControllerEpoch{}, false, nil
	}
	if err == nil {
		state, err = readState(f)
	}
	if err != nil {
		return LeaderIsrAndControllerEpoch{}, false, fmt.Errorf("partition state: %w", err)
	}
	state.ZkVersion = zkVersion
	return state, true, nil
}

func readState(f fields) (s LeaderIsrAndControllerEpoch, err error) {
	if s.Leader, err = f.int32("leader"); err != nil {
		return s, err
	}
	if s.LeaderEpoch, err = f.int32("leader_epoch"); err != nil {
		return s, err
	}
	if s.Isr, err = list(f, "isr", int32Of); err != nil {
		return s, err
	}
	s.ControllerEpoch, err = f.int32("controller_epoch")
	return s, err
}
