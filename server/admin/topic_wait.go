package admin

import (
	"errors"
	"time"

	"github.com/gregor-broker/gregor/server/purgatory"
	"github.com/gregor-broker/gregor/zkutil"
)

// topicWait waits until each of some topics is as it should be in the metadata,
// as DelayedCreatePartitions and DelayedDeleteTopics.
type topicWait struct {
	purgatory.DelayedOperation
	manager *ZkAdminManager
	ready   func(name string) bool
	topics  []waitedTopic
	respond func()
}

type waitedTopic struct {
	name     string
	timedOut func()
}

func newTopicWait(manager *ZkAdminManager, ready func(name string) bool) *topicWait {
	return &topicWait{manager: manager, ready: ready}
}

// add has the wait include a topic; timedOut is called if the time is over before
// it is ready.
func (w *topicWait) add(name string, timedOut func()) {
	w.topics = append(w.topics, waitedTopic{name, timedOut})
}

// start waits, or responds at once when there is no topic or no time.
func (w *topicWait) start(timeout time.Duration, respond func()) {
	w.respond = respond
	if timeout <= 0 || len(w.topics) == 0 {
		for _, topic := range w.topics {
			topic.timedOut()
		}
		respond()
		return
	}
	keys := make([]string, len(w.topics))
	for i := range w.topics {
		keys[i] = w.topics[i].name
	}
	w.Init(w, timeout)
	w.manager.delayed.TryCompleteElseWatch(w, keys...)
}

// TryComplete completes when every topic is ready.
func (w *topicWait) TryComplete() bool {
	for i := range w.topics {
		if !w.ready(w.topics[i].name) {
			return false
		}
	}
	return w.ForceComplete()
}

// OnComplete answers; a topic that is not ready has run out of time.
func (w *topicWait) OnComplete() {
	for i := range w.topics {
		if !w.ready(w.topics[i].name) {
			w.topics[i].timedOut()
		}
	}
	w.respond()
}

// OnExpiration has nothing left to do.
func (w *topicWait) OnExpiration() {}

func ignoreNodeExists(err error) error {
	if errors.Is(err, zkutil.ErrNodeExists) {
		return nil
	}
	return err
}
