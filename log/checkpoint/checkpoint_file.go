// Package checkpoint reads and writes the small text files of a log directory:
// offsets by partition, leader epochs, and the topic id of a partition.
//
// A file is replaced by writing a new one beside it, making that durable and
// renaming it, so that a crash leaves the old content or the new.
package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/gregor-broker/gregor/log/vfs"
)

const currentVersion = 0

// ErrMalformed says that the content of a checkpoint file cannot be read.
var ErrMalformed = errors.New("malformed checkpoint file")

// file is a checkpoint file: a version, the number of lines and the lines, as
// org.apache.kafka.server.common.CheckpointFile.
type file struct {
	fs   vfs.FS
	path string
	mu   sync.Mutex // one reader or writer at a time
}

// replace puts new content in place durably.
func replace(fsys vfs.FS, name string, content []byte) error {
	temporary := name + ".tmp"
	if err := vfs.WriteFile(fsys, temporary, content); err != nil {
		return err
	}
	if err := fsys.Rename(temporary, name); err != nil {
		return err
	}
	return fsys.SyncDir(path.Dir(name))
}

// write replaces the lines, of which appendLine appends number i.
func (f *file) write(lines int, appendLine func(to []byte, i int) []byte) error {
	content := make([]byte, 0, 8+32*lines)
	content = strconv.AppendInt(content, currentVersion, 10)
	content = append(content, '\n')
	content = strconv.AppendInt(content, int64(lines), 10)
	content = append(content, '\n')
	for i := range lines {
		content = append(appendLine(content, i), '\n')
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return replace(f.fs, f.path, content)
}

// read gives the lines to parse one by one. A missing or empty file has none.
func (f *file) read(parse func(line string) error) error {
	f.mu.Lock()
	content, err := vfs.ReadFile(f.fs, f.path)
	f.mu.Unlock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := parseLines(string(content), parse); err != nil {
		return fmt.Errorf("checkpoint file (%s): %w", f.path, err)
	}
	return nil
}

func parseLines(content string, parse func(line string) error) error {
	if content == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	version, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return fmt.Errorf("%w: malformed line 'version': %q", ErrMalformed, lines[0])
	}
	if version != currentVersion {
		return fmt.Errorf("%w: unrecognized version %d", ErrMalformed, version)
	}
	if len(lines) < 2 {
		return nil
	}
	count, err := strconv.Atoi(strings.TrimSpace(lines[1]))
	if err != nil {
		return fmt.Errorf("%w: malformed line 'expectedSize': %q", ErrMalformed, lines[1])
	}
	entries := lines[2:]
	if len(entries) != count {
		return fmt.Errorf("%w: expected %d entries in checkpoint file, but found %d", ErrMalformed, count, len(entries))
	}
	for _, line := range entries {
		if err := parse(line); err != nil {
			return fmt.Errorf("%w: malformed line %q: %v", ErrMalformed, line, err)
		}
	}
	return nil
}
