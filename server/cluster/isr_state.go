package cluster

import (
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/config/jvm"
)

// LeaderAndIsr is the leadership of a partition as the controller keeps it.
type LeaderAndIsr struct {
	Leader      int32
	LeaderEpoch int32
	ISR         []int32
	ZKVersion   int32
}

// String prints as kafka.api.LeaderAndIsr.
func (l LeaderAndIsr) String() string {
	return fmt.Sprintf("LeaderAndIsr(leader=%d, leaderEpoch=%d, isr=%s, zkVersion=%d)", l.Leader, l.LeaderEpoch, jvm.Collection("List", l.ISR), l.ZKVersion)
}

// IsrStateKind tells whether an ISR change is on its way to the controller.
type IsrStateKind int8

// The kinds of ISR state.
const (
	CommittedIsr IsrStateKind = iota
	PendingExpandIsr
	PendingShrinkIsr
)

// IsrState is the set of in-sync replicas, as kafka.cluster.IsrState. It is
// immutable; two states are the same change only when they are the same
// pointer.
type IsrState struct {
	Kind IsrStateKind
	// Isr is the committed set, in order of the controller's list.
	Isr []int32
	// NewInSyncReplica is the replica a pending expansion adds.
	NewInSyncReplica int32
	// OutOfSyncReplicas are the replicas a pending shrink takes out.
	OutOfSyncReplicas []int32
	// Sent is what a pending change asked of the controller.
	Sent LeaderAndIsr
}

// Inflight reports whether a change waits for the controller.
func (s *IsrState) Inflight() bool { return s.Kind != CommittedIsr }

// Contains reports whether the replica is in the committed set.
func (s *IsrState) Contains(replica int32) bool { return slices.Contains(s.Isr, replica) }

// InMaximal reports whether the replica may be in sync as soon as a pending
// change is through: the high watermark must wait for it.
func (s *IsrState) InMaximal(replica int32) bool {
	return s.Contains(replica) || s.Kind == PendingExpandIsr && replica == s.NewInSyncReplica
}

// MaximalSize is the number of replicas for which InMaximal holds.
func (s *IsrState) MaximalSize() int {
	if s.Kind == PendingExpandIsr && !s.Contains(s.NewInSyncReplica) {
		return len(s.Isr) + 1
	}
	return len(s.Isr)
}

// String shows the state as Kafka's logs do.
func (s *IsrState) String() string {
	switch s.Kind {
	case PendingExpandIsr:
		return fmt.Sprintf("PendingExpandIsr(isr=%s, newInSyncReplicaId=%d)", jvm.Collection("Set", s.Isr), s.NewInSyncReplica)
	case PendingShrinkIsr:
		return fmt.Sprintf("PendingShrinkIsr(isr=%s, outOfSyncReplicaIds=%s)", jvm.Collection("Set", s.Isr), jvm.Collection("Set", s.OutOfSyncReplicas))
	default:
		return fmt.Sprintf("CommittedIsr(isr=%s)", jvm.Collection("Set", s.Isr))
	}
}

// Assignment is the set of replicas of a partition, as AssignmentState.
type Assignment struct {
	Replicas []int32
	Adding   []int32
	Removing []int32
}

// IsReassigning reports whether replicas are being added or removed.
func (a *Assignment) IsReassigning() bool { return len(a.Adding) > 0 || len(a.Removing) > 0 }

// IsAdding reports whether the replica is being added by a reassignment.
func (a *Assignment) IsAdding(replica int32) bool { return slices.Contains(a.Adding, replica) }

// ReplicationFactor is the number of replicas without those being added.
func (a *Assignment) ReplicationFactor() int {
	count := 0
	for _, replica := range a.Replicas {
		if !a.IsAdding(replica) {
			count++
		}
	}
	return count
}
