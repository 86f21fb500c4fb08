package checkpoint

import (
	"errors"
	"path"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/vfs"
)

// The offset checkpoint files of a log directory.
const (
	RecoveryPointFile  = "recovery-point-offset-checkpoint"
	LogStartOffsetFile = "log-start-offset-checkpoint"
	HighWatermarkFile  = "replication-offset-checkpoint"
	CleanerOffsetFile  = "cleaner-offset-checkpoint"
)

// OffsetCheckpoint keeps an offset for each partition of a log directory, as
// OffsetCheckpointFile.
type OffsetCheckpoint struct{ file file }

// NewOffsetCheckpoint names the file; it is not looked at yet.
func NewOffsetCheckpoint(fsys vfs.FS, dir, name string) *OffsetCheckpoint {
	return &OffsetCheckpoint{file{fs: fsys, path: path.Join(dir, name)}}
}

// PartitionOffset is one line of an offset checkpoint.
type PartitionOffset struct {
	Partition topic.Partition
	Offset    int64
}

// Write replaces all offsets.
func (c *OffsetCheckpoint) Write(offsets []PartitionOffset) error {
	return c.file.write(len(offsets), func(to []byte, i int) []byte {
		to = append(append(to, offsets[i].Partition.Topic...), ' ')
		to = append(strconv.AppendInt(to, int64(offsets[i].Partition.Partition), 10), ' ')
		return strconv.AppendInt(to, offsets[i].Offset, 10)
	})
}

var errFields = errors.New("wrong number of fields")

// Read gives the offsets by partition.
func (c *OffsetCheckpoint) Read() (map[topic.Partition]int64, error) {
	offsets := map[topic.Partition]int64{}
	err := c.file.read(func(line string) error {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return errFields
		}
		partition, err := strconv.ParseInt(fields[1], 10, 32)
		if err != nil {
			return err
		}
		offset, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return err
		}
		offsets[topic.Partition{Topic: fields[0], Partition: int32(partition)}] = offset
		return nil
	})
	if err != nil {
		return nil, err
	}
	return offsets, nil
}
