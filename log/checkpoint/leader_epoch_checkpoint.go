package checkpoint

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/log/vfs"
)

// LeaderEpochFile is the name of the epoch checkpoint of a partition.
const LeaderEpochFile = "leader-epoch-checkpoint"

// EpochEntry says that a leader epoch begins at an offset.
type EpochEntry struct {
	Epoch       int32
	StartOffset int64
}

// String prints as Kafka's EpochEntry.
func (e EpochEntry) String() string {
	return fmt.Sprintf("EpochEntry(epoch=%d, startOffset=%d)", e.Epoch, e.StartOffset)
}

// LeaderEpochCheckpoint keeps the leader epochs of a partition, as
// LeaderEpochCheckpointFile.
type LeaderEpochCheckpoint struct{ file file }

// NewLeaderEpochCheckpoint names the file in a partition's directory.
func NewLeaderEpochCheckpoint(fsys vfs.FS, dir string) *LeaderEpochCheckpoint {
	return &LeaderEpochCheckpoint{file{fs: fsys, path: path.Join(dir, LeaderEpochFile)}}
}

// Write replaces all entries.
func (c *LeaderEpochCheckpoint) Write(entries []EpochEntry) error {
	return c.file.write(len(entries), func(to []byte, i int) []byte {
		to = append(strconv.AppendInt(to, int64(entries[i].Epoch), 10), ' ')
		return strconv.AppendInt(to, entries[i].StartOffset, 10)
	})
}

// Read gives the entries in the order of the file.
func (c *LeaderEpochCheckpoint) Read() ([]EpochEntry, error) {
	var entries []EpochEntry
	err := c.file.read(func(line string) error {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return errFields
		}
		epoch, err := strconv.ParseInt(fields[0], 10, 32)
		if err != nil {
			return err
		}
		offset, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return err
		}
		entries = append(entries, EpochEntry{int32(epoch), offset})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// SetDir tells that the directory of the partition was renamed.
func (c *LeaderEpochCheckpoint) SetDir(dir string) {
	c.file.mu.Lock()
	defer c.file.mu.Unlock()
	c.file.path = path.Join(dir, LeaderEpochFile)
}
