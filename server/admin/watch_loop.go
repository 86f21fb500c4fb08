package admin

import "sync"

// watchLoop works in a goroutine of its own each time it is woken, as by a watch
// of ZooKeeper. Being woken several times before it looks counts as once.
type watchLoop struct {
	woken   chan struct{}
	stopped chan struct{} // closed by close
	once    sync.Once
	running sync.WaitGroup
}

func newWatchLoop() *watchLoop {
	return &watchLoop{woken: make(chan struct{}, 1), stopped: make(chan struct{})}
}

func (l *watchLoop) start(work func()) {
	l.running.Go(func() {
		for {
			select {
			case <-l.stopped:
				return
			case <-l.woken:
				work()
			}
		}
	})
}

func (l *watchLoop) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// close waits for the work under way.
func (l *watchLoop) close() {
	l.once.Do(func() { close(l.stopped) })
	l.running.Wait()
}
