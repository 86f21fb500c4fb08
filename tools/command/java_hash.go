package command

import (
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
)

// PartitionHash is TopicPartition.hashCode.
func PartitionHash(partition topic.Partition) int32 {
	return 31*(31+partition.Partition) + jvm.StringHash(partition.Topic)
}

// OptionHash is the hash code of an option of jopt-simple: that of the list of
// its names.
func OptionHash(name string) int32 { return 31 + jvm.StringHash(name) }
