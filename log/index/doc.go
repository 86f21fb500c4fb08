// Package index holds the three indexes of a segment, in Kafka's file formats:
// offset to position, time to offset, and aborted transactions.
//
// Upstream maps the first two into memory. Here they are read and written with
// calls, so that a full disk or a failing one is an error and not a SIGBUS. To
// be as cheap, an index keeps its newest entries in memory, where nearly all
// look-ups end, and writes them to the file in blocks; no file stays open. What
// is in memory is on disk after Flush, so the indexes of all that lies below
// the recovery point are complete on disk, and what lies above is rebuilt after
// a crash anyway.
package index
