package zkdata

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gregor-broker/gregor/config/topic"
)

// Nodes by which a leader of an old inter-broker protocol tells the controller
// of changed ISRs.
const (
	IsrChangeNotificationPath   = "/isr_change_notification"
	IsrChangePrefix             = "isr_change_"
	IsrChangeSequencePathPrefix = IsrChangeNotificationPath + "/" + IsrChangePrefix
)

// IsrChangeSequencePath is one notification; an empty number gives the prefix
// for a sequential node.
func IsrChangeSequencePath(number string) string { return IsrChangeSequencePathPrefix + number }

// EncodeIsrChange names the partitions whose ISR changed.
func EncodeIsrChange(partitions []topic.Partition) []byte {
	return encodePartitions(1, sorted(partitions))
}

// DecodeIsrChange reads a notification; bytes that are no JSON name none.
func DecodeIsrChange(data []byte) ([]topic.Partition, error) {
	return decodePartitions(IsrChangeNotificationPath, data)
}

// Nodes by which a broker tells the controller of a failed log directory.
const (
	LogDirEventNotificationPath   = "/log_dir_event_notification"
	LogDirEventPrefix             = "log_dir_event_"
	LogDirEventSequencePathPrefix = LogDirEventNotificationPath + "/" + LogDirEventPrefix
	logDirFailureEvent            = 1
)

// LogDirEventSequencePath is one notification.
func LogDirEventSequencePath(number string) string { return LogDirEventSequencePathPrefix + number }

// EncodeLogDirEvent says that a directory of the broker failed.
func EncodeLogDirEvent(brokerID int32) []byte {
	return object{{"version", 1}, {"broker", brokerID}, {"event", logDirFailureEvent}}.encode()
}

// DecodeLogDirEvent reads the broker of a notification; found is false when the
// bytes are no JSON.
func DecodeLogDirEvent(data []byte) (brokerID int32, found bool, err error) {
	f, err := parseObject(data)
	if errors.Is(err, errNotJSON) {
		return 0, false, nil
	}
	if err == nil {
		brokerID, err = f.int32("broker")
	}
	if err != nil {
		return 0, false, fmt.Errorf("%s: %w", LogDirEventNotificationPath, err)
	}
	return brokerID, true, nil
}

// SequenceNumber gives the digits that ZooKeeper appended to the prefix.
func SequenceNumber(name, prefix string) string {
	if i := strings.LastIndex(name, prefix); i >= 0 {
		return name[i+len(prefix):]
	}
	return name
}

func sorted(partitions []topic.Partition) []topic.Partition {
	return slices.SortedFunc(slices.Values(partitions), comparePartitions)
}

func comparePartitions(a, b topic.Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}
