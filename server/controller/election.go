package controller

import (
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// electionStrategy is the rule a leader is chosen by, as Kafka's
// PartitionLeaderElectionStrategy.
type electionStrategy int

const (
	offlineElection            electionStrategy = iota // the leader died
	uncleanElection                                    // the leader died, an operator accepts loss
	reassignElection                                   // the leader is not a target replica
	preferredElection                                  // the head of the assignment is to lead
	controlledShutdownElection                         // the leader is shutting down
)

func (s electionStrategy) String() string {
	switch s {
	case offlineElection, uncleanElection:
		return fmt.Sprintf("OfflinePartitionLeaderElectionStrategy(%t)", s == uncleanElection)
	case reassignElection:
		return "ReassignPartitionLeaderElectionStrategy"
	case preferredElection:
		return "PreferredReplicaPartitionLeaderElectionStrategy"
	default:
		return "ControlledShutdownPartitionLeaderElectionStrategy"
	}
}

// electionState is all that an election of one partition looks at.
type electionState struct {
	assignment           zkdata.ReplicaAssignment
	current              zkdata.LeaderAndIsr
	online               func(id int32) bool // live, its log directory works
	onlineOrShuttingDown func(id int32) bool
	shuttingDown         func(id int32) bool
	uncleanAllowed       bool // only for offlineElection
}

// electionResult is the outcome: the new leadership with its epoch raised, and
// whom to tell.
type electionResult struct {
	elected      bool
	unclean      bool                // the leader was not in sync: records may be lost
	leaderAndIsr zkdata.LeaderAndIsr // one leader epoch later
	recipients   []int32
}

// elect decides who leads, as Kafka's object Election. It is pure.
func (s electionStrategy) elect(state electionState) electionResult {
	switch s {
	case offlineElection, uncleanElection:
		return electOffline(state)
	case reassignElection:
		targets := state.assignment.TargetReplicas()
		leader, ok := firstOf(targets, state.online, state.inSync)
		return state.result(leader, ok, state.current.Isr, targets)
	case preferredElection:
		replicas := state.assignment.Replicas
		leader, ok := firstOf(replicas[:min(1, len(replicas))], state.online, state.inSync)
		return state.result(leader, ok, state.current.Isr, replicas)
	default:
		staying := func(id int32) bool { return !state.shuttingDown(id) }
		leader, ok := firstOf(state.assignment.Replicas, state.onlineOrShuttingDown, state.inSync, staying)
		return state.result(leader, ok, keep(state.current.Isr, staying),
			keep(state.assignment.Replicas, state.onlineOrShuttingDown))
	}
}

func electOffline(state electionState) electionResult {
	recipients := keep(state.assignment.Replicas, state.online)
	if leader, ok := firstOf(recipients, state.inSync); ok {
		return state.result(leader, true, keep(state.current.Isr, state.online), recipients)
	}
	if len(recipients) == 0 || !state.uncleanAllowed {
		return state.result(zkdata.NoLeader, false, nil, recipients)
	}
	result := state.result(recipients[0], true, recipients[:1:1], recipients)
	result.unclean = true
	return result
}

func (s electionState) inSync(id int32) bool { return slices.Contains(s.current.Isr, id) }

func (s electionState) result(leader int32, elected bool, isr, recipients []int32) electionResult {
	result := electionResult{elected: elected, recipients: recipients}
	if elected {
		result.leaderAndIsr = s.current.NewLeaderAndIsr(leader, isr)
	}
	return result
}

func firstOf(ids []int32, conditions ...func(id int32) bool) (int32, bool) {
	for _, id := range ids {
		if !slices.ContainsFunc(conditions, func(holds func(int32) bool) bool { return !holds(id) }) {
			return id, true
		}
	}
	return zkdata.NoLeader, false
}
