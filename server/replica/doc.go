// Package replica holds the partitions of this broker: it appends to those it
// leads, reads for consumers and followers, copies those it follows, and makes
// the changes of leadership the controller asks for.
//
// It mirrors kafka.server.ReplicaManager and what belongs to it: fetch
// sessions, delayed operations, fetchers, AlterIsrManager.
//
// # Locks
//
// ReplicaManager.stateChange serialises requests of the controller and log
// directory failures; appends and reads never take it. Below it come the
// partition's lock and the log's (see package cluster). The table of hosted
// partitions, fetch sessions and fetchers have small locks of their own, under
// which nothing of another component is called. Delayed operations are
// completed with no lock held; who appends with locks of its own asks for
// [ProduceParams].DeferCompletions.
package replica
