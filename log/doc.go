// Package log is the log of a partition in Apache Kafka's own format on disk, so
// that a log directory may have been written by a Java broker and may be read by
// one again.
//
// # Directory layout
//
// A log directory (an entry of log.dirs) holds a directory for each partition,
// named topic-partition; <name>.<id>-delete is one that is about to be deleted,
// <name>.<id>-future one that is being moved here. Beside them lie the
// checkpoints (package checkpoint), meta.properties, .lock, and, only while no
// broker runs and only after a clean shutdown, .kafka_cleanshutdown.
//
// A partition's directory holds its segments: <base>.log with the batches, and
// <base>.index, <base>.timeindex and perhaps <base>.txnindex (package index);
// <offset>.snapshot is the producers' state (package producerstate);
// leader-epoch-checkpoint (package epoch) and partition.metadata are small text
// files. Files ending in .deleted wait for their deletion, .cleaned and .swap are
// steps of a compaction.
//
// # Append, read
//
// An append is checked, without the lock, as one batch that stays where it is
// (log_validator.go); then, under the lock, it gets its offset and epoch in place
// and goes to the active segment in one write (append.go). Nothing is allocated
// for a record. A read gives a region of a segment file, not bytes (read.go,
// file_records.go); it takes the log's lock only to find out where an offset lies
// that is not known yet, as after a start.
//
// # Recovery order
//
// Loading (log_loader.go) finishes what deletions and swaps had begun, opens the
// segments, and after an unclean shutdown checks every batch of the segments from
// the recovery point on: the log ends before the first that is not whole. Then
// the leader epochs are cut to what is left and the producers' state is rebuilt
// from the newest snapshot and the batches after it. Below the recovery point
// nothing is read.
//
// What counts as flushed is durable including the names of its files; a
// truncation is durable before anything is appended after it. The topic's id and
// the epoch of a new leader are written in the background, at the latest before
// the first record that needs them: a crash before that undoes no more than
// loading would, which drops epochs that begin at the log's end.
//
// # Compaction
//
// Package cleaner decides what stays of a compacted log and writes it into new
// segments (compaction.go). These take the place of the old ones in one step;
// whoever reads an old one goes on with it.
//
// # Locks
//
// In this order: manager.LogManager.creationOrDeletion, the lock of the cleaner's
// manager, manager.LogManager.mu, UnifiedLog.mu, localLog.flushMu, LogSegment.mu,
// the locks of indexes and of the epoch cache; UnifiedLog.offsetsMu and
// localLog.endMu are leaves. No lock is held while records are sent;
// segmentFile.mu is held, shared, for one piece of a send at a time, so that a
// truncation can wait for it.
package log
