package group

import "sync/atomic"

// gather runs a function after a number of parts of an answer are there.
type gather struct {
	left atomic.Int32
	done func()
}

// newGather returns a gather of that many parts; with none it is done at once.
func newGather(parts int, done func()) *gather {
	g := &gather{done: done}
	g.left.Store(int32(parts))
	if parts == 0 {
		done()
	}
	return g
}

// part says that one part is there.
func (g *gather) part() {
	if g.left.Add(-1) == 0 {
		g.done()
	}
}
