// Package zookeeper shows that the embedded ZooKeeper and Apache ZooKeeper may
// stand in for each other: real Kafka 3.1.0 runs on the embedded one and Gregor on
// Apache's, each opens what the other wrote, and the clients of Java, Python and Go
// see no difference. A census compares the znodes of Gregor's cluster with those of
// Kafka's. Its tests need the build tag peers.
package zookeeper
