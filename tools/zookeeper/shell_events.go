package zookeeper

import (
	"cmp"
	"fmt"

	"github.com/gregor-broker/gregor/tools/zookeeper/session"
)

// onEvent prints what happened. It runs on the session's goroutine. A single command
// ends with its connection, before Java's shell gets to say so.
func (s *shell) onEvent(event session.Event) {
	lost := event.State == "Disconnected" && event.Type == "None"
	if s.printWatches.Load() && !(lost && len(s.options.command) > 0) {
		fmt.Fprintf(s.out, "\nWATCHER::\n\nWatchedEvent state:%s type:%s path:%s\n", event.State, event.Type, cmp.Or(event.Path, "null"))
	}
}
