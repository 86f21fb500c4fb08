package log

import (
	"errors"
	"slices"
	"sync/atomic"
)

// logSegments are the segments of a log in order of base offsets, as
// kafka.log.LogSegments. Reading takes a snapshot without a lock; changing needs
// the log's lock.
type logSegments struct{ list atomic.Pointer[[]*LogSegment] }

// values is a snapshot that must not be changed.
func (s *logSegments) values() []*LogSegment {
	if list := s.list.Load(); list != nil {
		return *list
	}
	return nil
}

func (s *logSegments) set(list []*LogSegment) { s.list.Store(&list) }

// find is the position of the first segment whose base is not below the offset.
func find(list []*LogSegment, offset int64) (int, bool) {
	return slices.BinarySearchFunc(list, offset, func(segment *LogSegment, target int64) int {
		switch {
		case segment.BaseOffset < target:
			return -1
		case segment.BaseOffset > target:
			return 1
		}
		return 0
	})
}

// add puts a segment in its place; one with the same base is replaced.
func (s *logSegments) add(segment *LogSegment) {
	list := slices.Clone(s.values())
	at, found := find(list, segment.BaseOffset)
	if found {
		list[at] = segment
	} else {
		list = slices.Insert(list, at, segment)
	}
	s.set(list)
}

func (s *logSegments) remove(removed ...*LogSegment) {
	s.set(slices.DeleteFunc(slices.Clone(s.values()), func(segment *LogSegment) bool { return slices.Contains(removed, segment) }))
}

// active is the last segment, which is appended to; nil only while loading.
func (s *logSegments) active() *LogSegment {
	list := s.values()
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

func (s *logSegments) contains(baseOffset int64) bool {
	_, found := find(s.values(), baseOffset)
	return found
}

// floor is the position in a snapshot of the last segment that does not begin
// above the offset, -1 if none.
func floor(list []*LogSegment, offset int64) int {
	at, found := find(list, offset)
	if found {
		return at
	}
	return at - 1
}

// between are the segments that may hold offsets in [from, to).
func (s *logSegments) between(from, to int64) []*LogSegment {
	list := s.values()
	first := max(floor(list, from), 0)
	last, _ := find(list, to)
	if first >= last {
		return nil
	}
	return list[first:last]
}

// sizeInBytes is the size of all segments.
func (s *logSegments) sizeInBytes() int64 {
	size := int64(0)
	for _, segment := range s.values() {
		size += int64(segment.Size())
	}
	return size
}

func (s *logSegments) baseOffsets() []int64 {
	offsets := make([]int64, 0, len(s.values()))
	for _, segment := range s.values() {
		offsets = append(offsets, segment.BaseOffset)
	}
	return offsets
}

func (s *logSegments) each(do func(*LogSegment) error) error {
	var errs error
	for _, segment := range s.values() {
		errs = errors.Join(errs, do(segment))
	}
	return errs
}
