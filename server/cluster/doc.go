// Package cluster holds the state of one partition on this broker: who leads
// it, how far its replicas are, which of them are in sync, and the log below.
//
// It mirrors kafka.cluster.Partition and kafka.cluster.Replica.
//
// # Locks
//
// Partition.state (a read-write lock, leaderIsrUpdateLock upstream) is held
// shared by every append and read and exclusively by changes of leadership,
// assignment or ISR state. Lock order: ReplicaManager, then Partition, then
// UnifiedLog. No lock is held while a delayed operation is completed or an ISR
// change is submitted.
package cluster
