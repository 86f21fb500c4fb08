package zookeeper

import (
	"cmp"
	"fmt"

	"github.com/gregor-broker/gregor/tools/zookeeper/session"
)

// onEvent prints what happened. It runs on the session's goroutine.
func (s *shell) onEvent(event session.Event) {
	if s.printWatches.Load() {
		fmt.Fprintf(s.out, "\nWATCHER::\n\nWatchedEvent state:%s type:%s path:%s\n", event.State, event.Type, cmp.Or(event.Path, "null"))
	}
}
