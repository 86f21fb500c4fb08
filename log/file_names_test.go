package log

import (
	"testing"

	"github.com/gregor-broker/gregor/config/topic"
)

// FuzzTopicPartitionName reads names of directories: those that were written come
// back, and no other name is taken for more than it says.
func FuzzTopicPartitionName(f *testing.F) {
	one := topic.Partition{Topic: "a.b-c", Partition: 7}
	for _, name := range []string{one.String(), DeleteDirName(one), FutureDirName(one), "", "-", "-1", "a-", "a--1", "a-2147483648", "x-delete", ".-delete"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		partition, err := ParseTopicPartitionName(name)
		if err != nil {
			return
		}
		if again, err := ParseTopicPartitionName(partition.String()); err != nil || again != partition {
			t.Errorf("%q is %+v, and that is %+v, %v", name, partition, again, err)
		}
	})
}
