package zkutil

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

// TestConcurrentRequestsThroughRestartAndExpiry: whatever happens to server and
// session, every request comes back, at worst with ErrSessionExpired, and what
// came back is true.
func TestConcurrentRequestsThroughRestartAndExpiry(t *testing.T) {
	server := zktest.Start(t)
	k := connectTo(t, server.Addr())
	check(t, k.CreateTopLevelPaths())
	renewed := make(chan struct{}, 10)
	k.RegisterStateChangeHandler(zkclient.StateChangeHandler{Name: "test", AfterInitializingSession: func() { renewed <- struct{}{} }})
	stop := make(chan struct{})
	var mu sync.Mutex
	given := map[int32]bool{}
	var workers sync.WaitGroup
	for range 20 {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				id, err := k.GenerateBrokerSequenceId()
				if errors.Is(err, ErrSessionExpired) {
					time.Sleep(time.Millisecond) // until there is a new session
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if given[id] {
					t.Errorf("id %d was given twice", id)
				}
				given[id] = true
				mu.Unlock()
			}
		})
	}
	progress := func() {
		t.Helper()
		mu.Lock()
		before := len(given)
		mu.Unlock()
		for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			mu.Lock()
			now := len(given)
			mu.Unlock()
			if now > before+20 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("requests are stuck")
			}
		}
	}
	progress()
	server.Restart()
	progress()
	for range 2 {
		server.ExpireSession(k.client.SessionID())
		receive(t, renewed, "new session")
		progress()
	}
	close(stop)
	workers.Wait()
}
