// Package jvm has what Java and Scala do with strings, numbers and maps, where
// Kafka lets it show: the hash that gives a group its partition of
// __consumer_offsets and a partition its fetcher, the order in which hash maps are
// printed by its tools and written to ZooKeeper, and how doubles, JSON strings and
// collections read in what it prints and logs.
package jvm
