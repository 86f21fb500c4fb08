package zkserver

// eventType says in a notification what happened.
type eventType int32

// Types of events a server sends.
const (
	eventNodeCreated         eventType = 1
	eventNodeDeleted         eventType = 2
	eventNodeDataChanged     eventType = 3
	eventNodeChildrenChanged eventType = 4
)

// stateSyncConnected is the client state that every notification carries.
const stateSyncConnected = 3

// watchMode holds how a connection watches a path in one table.
type watchMode uint8

const (
	watchStandard watchMode = 1 << iota
	watchPersistent
)

// watchTable holds who watches which path.
type watchTable map[string]map[*connection]watchMode

func (t watchTable) add(path string, c *connection, mode watchMode) {
	watchers := t[path]
	if watchers == nil {
		watchers = map[*connection]watchMode{}
		t[path] = watchers
	}
	watchers[c] |= mode
}

// remove takes away modes of a connection's watch and says whether it had any.
func (t watchTable) remove(path string, c *connection, mode watchMode) bool {
	watchers := t[path]
	had := watchers[c]&mode != 0
	if rest := watchers[c] &^ mode; rest != 0 {
		watchers[c] = rest
	} else if delete(watchers, c); len(watchers) == 0 {
		delete(t, path)
	}
	return had
}

// watchManager holds all watches. Server.mu guards it.
type watchManager struct {
	// data is for exists and getData, child for getChildren; a persistent watch
	// is in both. recursive watches see the whole subtree.
	data, child, recursive watchTable
	// fired holds the result of a trigger; generation tells in
	// connection.firedAt who is in it already.
	fired      []*connection
	generation uint64
}

func newWatchManager() *watchManager {
	return &watchManager{data: watchTable{}, child: watchTable{}, recursive: watchTable{}}
}

func (w *watchManager) addData(path string, c *connection) {
	w.data.add(path, c, watchStandard)
	c.watched[path] = struct{}{}
}

func (w *watchManager) addChild(path string, c *connection) {
	w.child.add(path, c, watchStandard)
	c.watched[path] = struct{}{}
}

func (w *watchManager) addPersistent(path string, c *connection) {
	w.data.add(path, c, watchPersistent)
	w.child.add(path, c, watchPersistent)
	c.watched[path] = struct{}{}
}

func (w *watchManager) addRecursive(path string, c *connection) {
	w.recursive.add(path, c, watchPersistent)
	c.watched[path] = struct{}{}
}

// removeAll forgets a connection.
func (w *watchManager) removeAll(c *connection) {
	for path := range c.watched {
		w.data.remove(path, c, watchStandard|watchPersistent)
		w.child.remove(path, c, watchStandard|watchPersistent)
		w.recursive.remove(path, c, watchPersistent)
	}
	clear(c.watched)
}

// forgetUnwatched keeps connection.watched from growing with one-shot watches.
func (w *watchManager) forgetUnwatched(path string, c *connection) {
	if w.data[path][c] == 0 && w.child[path][c] == 0 && w.recursive[path][c] == 0 {
		delete(c.watched, path)
	}
}

// trigger finds who is to hear of a change, each once, and uses up their
// one-shot watches. The result is valid until the next call.
func (w *watchManager) trigger(event eventType, path string) []*connection {
	w.fired = w.fired[:0]
	w.generation++
	switch event {
	case eventNodeChildrenChanged:
		w.fire(w.child, path)
		return w.fired
	case eventNodeDeleted:
		w.fire(w.data, path)
		w.fire(w.child, path)
	default:
		w.fire(w.data, path)
	}
	if len(w.recursive) > 0 {
		w.fireRecursive(path)
	}
	return w.fired
}

func (w *watchManager) add(c *connection) {
	if c.firedAt != w.generation {
		c.firedAt = w.generation
		w.fired = append(w.fired, c)
	}
}

func (w *watchManager) fire(table watchTable, path string) {
	watchers := table[path]
	for c, mode := range watchers {
		w.add(c)
		if mode&watchStandard != 0 {
			table.remove(path, c, watchStandard)
			w.forgetUnwatched(path, c)
		}
	}
}

func (w *watchManager) fireRecursive(path string) {
	for {
		for c := range w.recursive[path] {
			w.add(c)
		}
		if path == "/" {
			return
		}
		parent, _ := splitPath(path)
		path = displayPath(parent)
	}
}

// Kinds of watches that checkWatches and removeWatches name (WatcherType).
const (
	watcherChildren            = 1
	watcherData                = 2
	watcherAny                 = 3
	watcherPersistent          = 4
	watcherPersistentRecursive = 5
)

// has says whether a connection watches a path in the way that kind names.
func (w *watchManager) has(path string, c *connection, kind int32) bool {
	switch kind {
	case watcherChildren:
		return w.child[path][c]&watchStandard != 0
	case watcherData:
		return w.data[path][c]&watchStandard != 0
	case watcherPersistent:
		return w.data[path][c]&watchPersistent != 0
	case watcherPersistentRecursive:
		return w.recursive[path][c] != 0
	}
	return w.child[path][c] != 0 || w.data[path][c] != 0 || w.recursive[path][c] != 0
}

// remove takes the watches away that kind names and says whether there were any.
func (w *watchManager) remove(path string, c *connection, kind int32) bool {
	removed := w.has(path, c, kind)
	if kind == watcherChildren || kind == watcherAny {
		w.child.remove(path, c, watchStandard)
	}
	if kind == watcherData || kind == watcherAny {
		w.data.remove(path, c, watchStandard)
	}
	if kind == watcherPersistent || kind == watcherAny {
		w.data.remove(path, c, watchPersistent)
		w.child.remove(path, c, watchPersistent)
	}
	if kind == watcherPersistentRecursive || kind == watcherAny {
		w.recursive.remove(path, c, watchPersistent)
	}
	w.forgetUnwatched(path, c)
	return removed
}

// counts gives the numbers of connections, paths and watches of the data table.
func (w *watchManager) counts() (connections, paths, watches int) {
	seen := map[*connection]struct{}{}
	for _, watchers := range w.data {
		watches += len(watchers)
		for c := range watchers {
			seen[c] = struct{}{}
		}
	}
	return len(seen), len(w.data), watches
}

// total counts the watches of all tables.
func (w *watchManager) total() int {
	count := 0
	for _, table := range []watchTable{w.data, w.child, w.recursive} {
		for _, watchers := range table {
			count += len(watchers)
		}
	}
	return count
}
