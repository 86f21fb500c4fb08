package log

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config/topic"
)

// The endings of the files of a partition, and of directories that are moved or
// deleted.
const (
	LogFileSuffix       = ".log"
	IndexFileSuffix     = ".index"
	TimeIndexFileSuffix = ".timeindex"
	TxnIndexFileSuffix  = ".txnindex"
	DeletedFileSuffix   = ".deleted"
	CleanedFileSuffix   = ".cleaned"
	SwapFileSuffix      = ".swap"
	DeleteDirSuffix     = "-delete"
	FutureDirSuffix     = "-future"

	// CleanShutdownFile marks a log directory whose logs were all closed.
	CleanShutdownFile = ".kafka_cleanshutdown"

	maxFileName = 255
)

// segmentPath is the path of a file of the segment with that base offset.
func segmentPath(dir string, baseOffset int64, kind, suffix string) string {
	var digits [20]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + baseOffset%10)
		baseOffset /= 10
	}
	return dir + "/" + string(digits[:]) + kind + suffix
}

// offsetFromFileName is the number before the first dot of a file's name.
func offsetFromFileName(name string) (offset int64, ok bool) {
	digits, _, found := strings.Cut(name, ".")
	if !found {
		return 0, false
	}
	offset, err := strconv.ParseInt(digits, 10, 64)
	return offset, err == nil && offset >= 0
}

func isIndexFile(name string) bool {
	return strings.HasSuffix(name, IndexFileSuffix) || strings.HasSuffix(name, TimeIndexFileSuffix) || strings.HasSuffix(name, TxnIndexFileSuffix)
}

func uniqueID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// DeleteDirName is a new name for the directory of a partition that is to be
// deleted; the topic is cut so that the name is not too long.
func DeleteDirName(partition topic.Partition) string {
	suffix := fmt.Sprintf("-%d.%s%s", partition.Partition, uniqueID(), DeleteDirSuffix)
	name := partition.Topic
	return name[:min(len(name), maxFileName-len(suffix))] + suffix
}

// FutureDirName is a new name for the directory of a partition that is being
// moved to another log directory.
func FutureDirName(partition topic.Partition) string {
	return partition.String() + "." + uniqueID() + FutureDirSuffix
}

// ParseTopicPartitionName is the partition that a directory is of. A directory
// that is not of one makes a broker refuse to start, as it is not Kafka's.
func ParseTopicPartitionName(dir string) (topic.Partition, error) {
	name := path.Base(dir)
	refuse := func() (topic.Partition, error) {
		return topic.Partition{}, fmt.Errorf("Found directory %s, '%s' is not in the form of "+ //nolint:staticcheck // Kafka's sentence
			"topic-partition or topic-partition.uniqueId-delete (if marked for deletion).\n"+
			"Kafka's log directories (and children) should only contain Kafka topic data.", dir, name)
	}
	if strings.HasSuffix(name, DeleteDirSuffix) || strings.HasSuffix(name, FutureDirSuffix) {
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 || strings.LastIndexByte(name, '-') <= dot+1 {
			return refuse()
		}
		name = name[:dot]
	}
	dash := strings.LastIndexByte(name, '-')
	if dash <= 0 {
		return refuse()
	}
	partition, err := strconv.ParseInt(name[dash+1:], 10, 32)
	if err != nil {
		return refuse()
	}
	return topic.Partition{Topic: name[:dash], Partition: int32(partition)}, nil
}
