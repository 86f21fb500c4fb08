package checkpoint

import (
	"fmt"
	"path"
	"strings"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/vfs"
)

// PartitionMetadataFile is the name of the file with the topic id.
const PartitionMetadataFile = "partition.metadata"

// ReadPartitionMetadata reads the topic id of a partition's directory; it is an
// fs.ErrNotExist error if there is no such file.
func ReadPartitionMetadata(fsys vfs.FS, dir string) (topic.ID, error) {
	name := path.Join(dir, PartitionMetadataFile)
	content, err := vfs.ReadFile(fsys, name)
	if err != nil {
		return topic.ID{}, err
	}
	id, err := parsePartitionMetadata(string(content))
	if err != nil {
		return topic.ID{}, fmt.Errorf("%s: %w", name, err)
	}
	return id, nil
}

func parsePartitionMetadata(content string) (topic.ID, error) {
	lines := strings.Split(strings.TrimRight(content, "\n"), "\n")
	if len(lines) != 2 {
		return topic.ID{}, fmt.Errorf("%w: %d lines instead of 2", ErrMalformed, len(lines))
	}
	version, ok := strings.CutPrefix(lines[0], "version: ")
	if !ok || strings.TrimSpace(version) != "0" {
		return topic.ID{}, fmt.Errorf("%w: unrecognized version line %q", ErrMalformed, lines[0])
	}
	text, ok := strings.CutPrefix(lines[1], "topic_id: ")
	if !ok {
		return topic.ID{}, fmt.Errorf("%w: malformed line %q", ErrMalformed, lines[1])
	}
	id, err := topic.ParseID(strings.TrimSpace(text))
	if err != nil {
		return topic.ID{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if id.IsZero() {
		return topic.ID{}, fmt.Errorf("%w: invalid topic id %s", ErrMalformed, id)
	}
	return id, nil
}

// WritePartitionMetadata writes the topic id of a partition's directory.
func WritePartitionMetadata(fsys vfs.FS, dir string, id topic.ID) error {
	return replace(fsys, path.Join(dir, PartitionMetadataFile), fmt.Appendf(nil, "version: 0\ntopic_id: %s", id))
}
