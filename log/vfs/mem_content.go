package vfs

import "slices"

// memContent is what a file holds. Zeros at its end take no memory: indexes are
// files of megabytes with a few entries.
type memContent struct {
	written []byte
	// size is that of the file; zeros follow what was written.
	size int
}

func (c memContent) clone() memContent { return memContent{slices.Clone(c.written), c.size} }

// readAt reads at a position within the content.
func (c memContent) readAt(to []byte, at int) int {
	to = to[:min(len(to), c.size-at)]
	n := 0
	if at < len(c.written) {
		n = copy(to, c.written[at:])
	}
	clear(to[n:])
	return len(to)
}

func (c *memContent) writeAt(data []byte, at int) {
	c.grow(at + len(data))
	copy(c.written[at:], data)
	c.size = max(c.size, len(c.written))
}

// grow makes room for what is written up to an end.
func (c *memContent) grow(end int) {
	old := len(c.written)
	if end <= old {
		return
	}
	c.written = slices.Grow(c.written, end-old)[:end]
	clear(c.written[old:])
}

func (c *memContent) resize(size int) {
	c.written, c.size = c.written[:min(size, len(c.written))], size
}
