// Package zkdata knows what Kafka keeps in ZooKeeper: for each family of znodes
// the path, and the bytes written and read. It mirrors kafka.zk.ZkData of Kafka
// 3.1.0 in ZooKeeper mode, so that brokers, controllers and tools of either
// implementation share one ZooKeeper.
//
// Encoders write byte for byte what Kafka writes, the order of keys included:
// where Kafka encodes a hash map the order is that of the map's buckets (see
// order.go). Decoders are tolerant in the way Kafka's are: key order does not
// matter, unknown keys are skipped, text after the first JSON value is ignored.
// What is not JSON at all reads as "nothing there" in those families where
// Kafka treats it so; JSON of another shape is an error wrapping ErrMalformed.
package zkdata
