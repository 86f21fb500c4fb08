package zookeeper

import (
	"fmt"

	"github.com/go-zookeeper/zk"
)

// watchKind is what a watch waits for.
type watchKind int

const (
	dataWatch watchKind = 1 << iota
	childWatch
)

// watchedPaths holds the watches that were set and not taken away again. Those
// taken away stay with the server; their events are not shown.
type watchedPaths map[string]watchKind

var eventNames = map[zk.EventType]string{
	zk.EventNodeCreated:         "NodeCreated",
	zk.EventNodeDeleted:         "NodeDeleted",
	zk.EventNodeDataChanged:     "NodeDataChanged",
	zk.EventNodeChildrenChanged: "NodeChildrenChanged",
}

// onEvent prints what the client library learns. It runs on the library's goroutine.
func (s *shell) onEvent(event zk.Event) {
	if event.Type != zk.EventSession {
		s.onNodeEvent(event)
		return
	}
	s.mu.Lock()
	was, alive := s.connected, s.alive
	switch event.State {
	case zk.StateHasSession:
		s.connected = true
	case zk.StateDisconnected:
		s.connected = false
	case zk.StateExpired:
		s.alive, s.connected = false, false
	}
	s.mu.Unlock()
	switch {
	case !alive:
	case event.State == zk.StateHasSession:
		s.printEvent("SyncConnected", "None", "null")
	case event.State == zk.StateDisconnected && was:
		s.printEvent("Disconnected", "None", "null")
	case event.State == zk.StateExpired:
		s.printEvent("Expired", "None", "null")
	}
}

func (s *shell) onNodeEvent(event zk.Event) {
	path := s.clientPath(event.Path)
	kinds := map[zk.EventType]watchKind{
		zk.EventNodeCreated: dataWatch, zk.EventNodeDataChanged: dataWatch,
		zk.EventNodeChildrenChanged: childWatch, zk.EventNodeDeleted: dataWatch | childWatch,
	}
	if s.forget(path, kinds[event.Type]) {
		s.printEvent("SyncConnected", eventNames[event.Type], path)
	}
}

// forget takes watches away and says whether there were any.
func (s *shell) forget(path string, kind watchKind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := s.watches[path]&kind != 0
	if s.watches[path] &^= kind; s.watches[path] == 0 {
		delete(s.watches, path)
	}
	return had
}

func (s *shell) watched(path string, kind watchKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watches[path] |= kind
}

func (s *shell) printEvent(state, event, path string) {
	s.mu.Lock()
	print := s.printWatches
	s.mu.Unlock()
	if print {
		fmt.Fprintf(s.out, "\nWATCHER::\n\nWatchedEvent state:%s type:%s path:%s\n", state, event, path)
	}
}
