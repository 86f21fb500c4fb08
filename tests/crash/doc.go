// Package crash ends brokers and ZooKeeper under load as a crash does and holds
// them to what they acknowledged.
package crash
