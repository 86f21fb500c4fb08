// Package formats compares what Gregor and Apache Kafka 3.1.0 do with the v0
// and v1 message formats: the same Produce v0 to v2, Fetch v0 to v4 and
// ListOffsets requests go to both. It needs the build tag peers.
package formats
