// Package placement decides which brokers the replicas of new partitions go to, as
// kafka.admin.AdminUtils, for brokers and for the tool that proposes reassignments.
package placement

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Broker is one that replicas can be placed on; an empty rack means that none is
// known.
type Broker struct {
	ID   int32
	Rack string
}

// Start fixes what Assign otherwise chooses: where the first leader is, and the
// number of the first partition.
type Start struct {
	// Index is an index into the brokers, negative for a random one.
	Index          int
	FirstPartition int
}

// Error is why replicas cannot be placed.
type Error struct {
	Code    *kerr.Error
	Message string
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Code }

// Assign spreads the replicas of new partitions over the brokers: leaders
// in turn, followers with a growing shift, and over racks when all brokers have
// one. It mirrors AdminUtils.assignReplicasToBrokers.
func Assign(brokers []Broker, partitions, replicationFactor int, from Start) (map[int32][]int32, error) {
	switch {
	case partitions <= 0:
		return nil, &Error{kerr.InvalidPartitions, "Number of partitions must be larger than 0."}
	case replicationFactor <= 0:
		return nil, &Error{kerr.InvalidReplicationFactor, "Replication factor must be larger than 0."}
	case replicationFactor > len(brokers):
		return nil, &Error{kerr.InvalidReplicationFactor,
			fmt.Sprintf("Replication factor: %d larger than available brokers: %d.", replicationFactor, len(brokers))}
	}
	racks := map[int32]string{}
	for _, broker := range brokers {
		if broker.Rack != "" {
			racks[broker.ID] = broker.Rack
		}
	}
	if len(racks) > 0 && len(racks) < len(brokers) {
		return nil, &Error{kerr.UnknownServerError, "Not all brokers have rack information for replica rack aware assignment."}
	}
	order := rackAlternated(brokers)
	spread := &replicaSpread{order: order, racks: racks, rackCount: max(1, countRacks(racks))}
	start, shift := from.Index, from.Index
	if start < 0 {
		start, shift = rand.IntN(len(order)), rand.IntN(len(order))
	}
	assignment := make(map[int32][]int32, partitions)
	for partition := from.FirstPartition; partition < from.FirstPartition+partitions; partition++ {
		if partition > 0 && partition%len(order) == 0 {
			shift++
		}
		assignment[int32(partition)] = spread.replicas((partition+start)%len(order), shift, replicationFactor)
	}
	return assignment, nil
}

type replicaSpread struct {
	order     []int32
	racks     map[int32]string
	rackCount int
}

// replicas walks the brokers from the leader on. A broker is passed over while
// its rack has a replica and another rack has none, or while it has one itself.
func (s *replicaSpread) replicas(leader, shift, count int) []int32 {
	replicas := []int32{s.order[leader]}
	usedRacks := map[string]bool{s.racks[s.order[leader]]: true}
	for step := 0; len(replicas) < count; step++ {
		broker := s.order[s.follower(leader, shift*s.rackCount, step)]
		rack := s.racks[broker]
		if usedRacks[rack] && len(usedRacks) < s.rackCount || slices.Contains(replicas, broker) {
			continue
		}
		replicas = append(replicas, broker)
		usedRacks[rack] = true
	}
	return replicas
}

func (s *replicaSpread) follower(leader, shift, step int) int {
	return (leader + 1 + (shift+step)%(len(s.order)-1)) % len(s.order)
}

func countRacks(racks map[int32]string) int {
	distinct := map[string]bool{}
	for _, rack := range racks {
		distinct[rack] = true
	}
	return len(distinct)
}

// rackAlternated orders brokers so that neighbours are in different racks: the
// first of each rack, then the second of each, and so on. Without racks the order
// stays.
func rackAlternated(brokers []Broker) []int32 {
	byRack := map[string][]int32{}
	for _, broker := range brokers {
		byRack[broker.Rack] = append(byRack[broker.Rack], broker.ID)
	}
	racks := make([]string, 0, len(byRack))
	for rack := range byRack {
		racks = append(racks, rack)
		if len(byRack) > 1 {
			slices.Sort(byRack[rack])
		}
	}
	slices.Sort(racks)
	var order []int32
	for i := 0; len(order) < len(brokers); i++ {
		for _, rack := range racks {
			if i < len(byRack[rack]) {
				order = append(order, byRack[rack][i])
			}
		}
	}
	return order
}
