package controller

import (
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/config/topic"
)

// partitionState is where a partition stands in its life, as Kafka's
// PartitionState.
type partitionState int8

const (
	newPartition         partitionState = iota // assigned, no leader yet
	onlinePartition                            // has a leader
	offlinePartition                           // its leader died
	nonExistentPartition                       // never created, or deleted
)

var partitionStateNames = [...]string{"NewPartition", "OnlinePartition", "OfflinePartition", "NonExistentPartition"}

func (s partitionState) String() string { return partitionStateNames[s] }

var validPreviousPartitionStates = map[partitionState][]partitionState{
	newPartition:         {nonExistentPartition},
	onlinePartition:      {newPartition, onlinePartition, offlinePartition},
	offlinePartition:     {newPartition, onlinePartition, offlinePartition},
	nonExistentPartition: {offlinePartition},
}

func (s partitionState) mayFollow(previous partitionState) bool {
	return slices.Contains(validPreviousPartitionStates[s], previous)
}

// replicaState is where a replica stands in its life, as Kafka's ReplicaState.
type replicaState int8

const (
	newReplica                replicaState = iota + 1 // told to follow only
	onlineReplica                                     // part of the assignment, may lead
	offlineReplica                                    // its broker or log directory died
	replicaDeletionStarted                            // told to delete, no answer yet
	replicaDeletionSuccessful                         // answered that it deleted
	replicaDeletionIneligible                         // could not be deleted for now
	nonExistentReplica                                // gone
)

var replicaStateNames = [...]string{
	newReplica: "NewReplica", onlineReplica: "OnlineReplica", offlineReplica: "OfflineReplica",
	replicaDeletionStarted: "ReplicaDeletionStarted", replicaDeletionSuccessful: "ReplicaDeletionSuccessful",
	replicaDeletionIneligible: "ReplicaDeletionIneligible", nonExistentReplica: "NonExistentReplica",
}

func (s replicaState) String() string { return replicaStateNames[s] }

var validPreviousReplicaStates = map[replicaState][]replicaState{
	newReplica:                {nonExistentReplica},
	onlineReplica:             {newReplica, onlineReplica, offlineReplica, replicaDeletionIneligible},
	offlineReplica:            {newReplica, onlineReplica, offlineReplica, replicaDeletionIneligible},
	replicaDeletionStarted:    {offlineReplica},
	replicaDeletionSuccessful: {replicaDeletionStarted},
	replicaDeletionIneligible: {offlineReplica, replicaDeletionStarted},
	nonExistentReplica:        {replicaDeletionSuccessful},
}

func (s replicaState) mayFollow(previous replicaState) bool {
	return slices.Contains(validPreviousReplicaStates[s], previous)
}

// partitionAndReplica names one replica of a partition.
type partitionAndReplica struct {
	partition topic.Partition
	replica   int32
}

// String prints as Kafka's PartitionAndReplica.
func (r partitionAndReplica) String() string {
	return fmt.Sprintf("[Topic=%s,Partition=%d,Replica=%d]", r.partition.Topic, r.partition.Partition, r.replica)
}
