package transaction

import (
	"errors"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// blocks is a controller that answers when told to.
type blocks struct {
	mu      sync.Mutex
	size    int32
	next    int64
	pending []func(kmsg.Response, error)
}

func (b *blocks) SendRequest(_ kmsg.Request, done func(kmsg.Response, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(b.pending, done)
}

func (b *blocks) answer(t *testing.T, err error) {
	t.Helper()
	b.mu.Lock()
	if len(b.pending) != 1 {
		t.Fatalf("%d requests are under way, want 1", len(b.pending))
	}
	done := b.pending[0]
	b.pending = nil
	response := kmsg.NewPtrAllocateProducerIDsResponse()
	response.ProducerIDStart, response.ProducerIDLen = b.next, b.size
	b.next += int64(b.size)
	b.mu.Unlock()
	if err != nil {
		done(nil, err)
		return
	}
	done(response, nil)
}

func (b *blocks) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pending)
}

func TestIdsAreGivenOnceAndTheNextBlockIsAskedForEarly(t *testing.T) {
	controller := &blocks{size: 10, next: 1000}
	manager := NewProducerIDManager(0, func() int64 { return 7 }, controller)
	var got []int64
	take := func() {
		manager.Generate(func(id int64, err error) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, id)
		})
	}
	take()
	take()
	if len(got) != 0 {
		t.Fatal("an id was given before there was a block")
	}
	controller.answer(t, nil)
	for range 6 {
		take()
	}
	if controller.asked() != 0 {
		t.Error("the next block was asked for too early")
	}
	take()
	if controller.asked() != 1 {
		t.Error("the next block was not asked for at nine tenths")
	}
	controller.answer(t, nil)
	for range 3 {
		take()
	}
	for i, id := range got {
		if id != 1000+int64(i) {
			t.Fatalf("ids %v", got)
		}
	}
}

func TestAFailingControllerTimesProducersOut(t *testing.T) {
	controller := &blocks{size: 10}
	manager := NewProducerIDManager(0, func() int64 { return 7 }, controller)
	var failed error
	manager.Generate(func(_ int64, err error) { failed = err })
	controller.answer(t, errors.New("gone"))
	if !errors.Is(failed, kerr.RequestTimedOut) {
		t.Error(failed)
	}
	manager.Generate(func(id int64, err error) { failed = err })
	controller.answer(t, nil)
	if failed != nil {
		t.Error(failed)
	}
}
