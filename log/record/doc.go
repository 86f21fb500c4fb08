// Package record reads, checks, walks and builds the record batches of Kafka's
// log: the v2 batch, which is what the log stores, and the v0 and v1 messages,
// which old clients still send.
//
// A [Batch] is a view of bytes that lie elsewhere; nothing here copies a batch
// unless it must be rewritten. Bytes come from the network and the disk, so
// every length is checked before it is used and decompression is streamed
// through pooled readers that never expand more than is being looked at.
//
// It mirrors org.apache.kafka.common.record.
package record
