package controller

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func newTestEventManager(processed func(event, error)) *eventManager {
	return newEventManager(newControllerMetrics(nil), prefixed("test", ""), processed)
}

func TestEventsAreProcessedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		failure := errors.New("failed")
		var failed []string
		m := newTestEventManager(func(e event, err error) {
			if err == failure {
				failed = append(failed, e.name)
			}
		})
		for _, name := range []string{"a", "b", "c"} {
			m.put(event{name: name, process: func() error {
				order = append(order, name)
				if name == "b" {
					return failure
				}
				return nil
			}})
		}
		m.start()
		synctest.Wait()
		m.close()
		if !slices.Equal(order, []string{"a", "b", "c"}) || !slices.Equal(failed, []string{"b"}) {
			t.Fatal(order, failed)
		}
	})
}

func TestClearAndPutPreemptsAndWaitsForTheEventUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newTestEventManager(func(event, error) {})
		m.start()
		defer m.close()
		finished := false
		m.put(event{name: "long", process: func() error { time.Sleep(time.Minute); finished = true; return nil }})
		synctest.Wait()
		preempted := 0
		m.put(event{name: "waiting", process: func() error { t.Error("was dropped"); return nil }, preempt: func() { preempted++ }})
		m.put(event{name: "nobody waits", process: func() error { t.Error("was dropped"); return nil }})
		<-m.clearAndPut(event{name: "expire", process: func() error { return nil }})
		if !finished || preempted != 1 {
			t.Fatal(finished, preempted)
		}
	})
}

func TestClosedManagerPreempts(t *testing.T) {
	m := newTestEventManager(func(event, error) {})
	m.start()
	m.close()
	m.close()
	preempted := false
	m.put(event{name: "late", process: func() error { t.Error("was closed"); return nil }, preempt: func() { preempted = true }})
	<-m.clearAndPut(event{name: "expire", process: func() error { t.Error("was closed"); return nil }})
	if !preempted {
		t.Fatal("nobody was told")
	}
}
