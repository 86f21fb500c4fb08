package vfs

import (
	"bytes"
	"math/rand/v2"
	"slices"
)

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

// tornContent is what is left of a file after a power loss: what was synced and a
// part of what was added since. Of one that was changed otherwise it is the old
// content or the new.
func tornContent(random *rand.Rand, synced, now memContent) memContent {
	if now.size < synced.size || !bytes.HasPrefix(now.written, synced.written) {
		if random.IntN(2) == 0 {
			return synced.clone()
		}
		return now.clone()
	}
	content := now.clone()
	content.written = content.written[:len(synced.written)+random.IntN(len(now.written)-len(synced.written)+1)]
	if random.IntN(2) == 0 { // else zeros follow
		content.size = max(synced.size, len(content.written))
	}
	return content
}
