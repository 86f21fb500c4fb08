package session

import (
	"slices"
	"strings"

	"github.com/gregor-broker/gregor/zkutil/jute"
	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// watchKind is a set of the ways in which a path can be watched.
type watchKind uint8

const (
	dataWatch watchKind = 1 << iota
	existWatch
	childWatch
	persistentWatch
	recursiveWatch

	lastingWatches = persistentWatch | recursiveWatch
)

// watches holds which paths are watched (class ZKWatchManager).
type watches map[string]watchKind

// take removes kinds of watches from a path and gives those that there were.
func (w watches) take(path string, kinds watchKind) watchKind {
	had := w[path] & kinds
	if w[path] &^= kinds; w[path] == 0 {
		delete(w, path)
	}
	return had
}

// events are the types of a notification, and the one-shot watches that each uses up.
var events = map[int32]struct {
	name  string
	kinds watchKind
}{
	1: {"NodeCreated", dataWatch | existWatch},
	2: {"NodeDeleted", dataWatch | existWatch | childWatch},
	3: {"NodeDataChanged", dataWatch | existWatch},
	4: {"NodeChildrenChanged", childWatch},
}

// fire uses up the watches for an event and says whether there were any.
func (w watches) fire(path string, kinds watchKind) bool {
	fired := w.take(path, kinds) != 0 || w[path]&persistentWatch != 0
	for {
		fired = fired || w[path]&recursiveWatch != 0
		slash := strings.LastIndexByte(path, '/')
		if fired || slash < 0 || path == "/" {
			return fired
		}
		path = path[:max(slash, 1)]
	}
}

// notify passes on an event that somebody watches for.
func (s *Session) notify(d *jute.Decoder) error {
	kind, _, path := d.Int32(), d.Int32(), s.clientPath(d.Text())
	event, known := events[kind]
	if d.Err != nil || !known {
		return errProtocol
	}
	s.mu.Lock()
	fired := s.watches.fire(path, event.kinds)
	s.mu.Unlock()
	if fired {
		s.options.OnEvent(Event{"SyncConnected", event.name, path})
	}
	return nil
}

// watching gives an onReply that notes a watch which the servers have taken.
func (s *Session) watching(path string, kind watchKind) func(zkserver.Code) zkserver.Code {
	return func(code zkserver.Code) zkserver.Code {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case code == zkserver.CodeOK:
			s.watches[path] |= kind
		case code == zkserver.CodeNoNode && kind == dataWatch|existWatch:
			s.watches[path] |= existWatch
		}
		return code
	}
}

// setWatches encodes all watches for another connection. The caller holds mu.
func (s *Session) setWatches() []byte {
	var e jute.Encoder
	e.Int64(s.lastZxid)
	for _, kind := range []watchKind{dataWatch, existWatch, childWatch, persistentWatch, recursiveWatch} {
		var paths []string
		for path, kinds := range s.watches {
			if kinds&kind != 0 {
				paths = append(paths, s.serverPath(path))
			}
		}
		slices.Sort(paths)
		e.Strings(paths)
	}
	return e.Buf
}

// AddWatchMode is what a persistent watch covers: a node and the names of its
// children, or all that is below it too (enum AddWatchMode).
type AddWatchMode int32

// The modes of a persistent watch.
const (
	Persistent          AddWatchMode = 0
	PersistentRecursive AddWatchMode = 1
)

// AddWatch watches a path until the watch is removed.
func (s *Session) AddWatch(path string, mode AddWatchMode) error {
	kind := persistentWatch
	if mode == PersistentRecursive {
		kind = recursiveWatch
	}
	_, err := s.pathCall(opAddWatch, path, s.watching(path, kind), func(e *jute.Encoder) { e.Int32(int32(mode)) })
	return err
}

// WatcherType names the watches that RemoveWatches takes away (Watcher.WatcherType).
type WatcherType int32

// The types of watches. Only ChildrenOrData takes persistent ones too.
const (
	Children       WatcherType = 1
	Data           WatcherType = 2
	ChildrenOrData WatcherType = 3
)

var removedKinds = map[WatcherType]watchKind{
	Children:       childWatch,
	Data:           dataWatch | existWatch,
	ChildrenOrData: childWatch | dataWatch | existWatch | lastingWatches,
}

// RemoveWatches takes all watches of a type from a path; local does so even if the
// servers do not answer.
func (s *Session) RemoveWatches(path string, kind WatcherType, local bool) error {
	_, err := s.pathCall(opRemoveWatches, path, func(code zkserver.Code) zkserver.Code {
		return s.watchesRemoved(path, removedKinds[kind], code, local)
	}, func(e *jute.Encoder) { e.Int32(int32(kind)) })
	return err
}

// watchesRemoved forgets watches when the servers have, and tells of each.
func (s *Session) watchesRemoved(path string, kinds watchKind, code zkserver.Code, local bool) zkserver.Code {
	s.mu.Lock()
	known := s.watches[path]&(kinds|lastingWatches) != 0
	forget := known && (local || code == zkserver.CodeOK)
	if forget {
		kinds = s.watches.take(path, kinds)
	}
	s.mu.Unlock()
	switch {
	case !known || forget && kinds == 0:
		return zkserver.CodeNoWatcher
	case !forget:
		return code
	}
	state := "SyncConnected"
	if code == zkserver.CodeConnectionLoss || code == zkserver.CodeSessionExpired {
		state = "Disconnected"
	}
	for _, removed := range []struct {
		kinds watchKind
		name  string
	}{{childWatch, "ChildWatchRemoved"}, {dataWatch | existWatch, "DataWatchRemoved"}, {lastingWatches, "PersistentWatchRemoved"}} {
		if kinds&removed.kinds != 0 {
			s.options.OnEvent(Event{state, removed.name, path})
		}
	}
	return zkserver.CodeOK
}
