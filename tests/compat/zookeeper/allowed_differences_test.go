//go:build peers

package zookeeper

// allowedDifferences are the paths that need not be alike on Gregor and on Kafka,
// each with the reason.
var allowedDifferences = map[string]string{}
