package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"go.uber.org/goleak"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// partitionLog is one partition in memory. gate, if set, is received from
// before each read.
type partitionLog struct {
	mu      sync.Mutex
	data    []byte
	start   int64
	end     int64
	readErr error
	gate    chan struct{}
	reads   int
	appends chan func(int64, error)
}

func (l *partitionLog) add(payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	builder := record.NewBuilder(record.BuilderOptions{BaseOffset: l.end})
	builder.Append(1, []byte("k"), []byte(payload))
	l.data = append(l.data, builder.Build()...)
	l.end++
}

func (l *partitionLog) Read(_ topic.Partition, from int64, maxBytes int, buffer []byte) (LogChunk, error) {
	if l.gate != nil {
		<-l.gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	if l.readErr != nil {
		return LogChunk{}, l.readErr
	}
	out := buffer[:0]
	for batch := range record.Batches(l.data) {
		if batch.LastOffset() < max(from, l.start) {
			continue
		}
		if len(out) > 0 && len(out)+len(batch) > maxBytes {
			break
		}
		out = append(out, batch...)
	}
	return LogChunk{Batches: out, LogStartOffset: l.start, LogEndOffset: l.end}, nil
}

func (l *partitionLog) Append(_ topic.Partition, _ []byte, _ int16, _ time.Duration, done func(int64, error)) {
	if l.appends == nil {
		done(7, nil)
		return
	}
	l.appends <- done
}

// tape is a machine that notes what happens to it.
type tape struct {
	shard    *Shard
	notes    []string
	unloaded *atomic.Int32
}

func (t *tape) Replay(batch record.Batch) error {
	for r, err := range record.Records(batch) {
		if err != nil {
			return err
		}
		if string(r.Value) == "bad" {
			return errors.New("bad record")
		}
		t.notes = append(t.notes, string(r.Value))
	}
	return nil
}
func (t *tape) Loaded()   { t.notes = append(t.notes, "loaded") }
func (t *tape) Unloaded() { t.notes = append(t.notes, "unloaded"); t.unloaded.Add(1) }

func newTestRuntime(t *testing.T, log *partitionLog) (*Runtime[*tape], *atomic.Int32) {
	t.Helper()
	logger := logrus.New()
	logger.SetOutput(t.Output())
	unloaded := new(atomic.Int32)
	r := NewRuntime(Options[*tape]{
		Topic:          "__t",
		Storage:        log,
		LoadBufferSize: 100,
		NewMachine:     func(shard *Shard) *tape { return &tape{shard: shard, unloaded: unloaded} },
		Subject:        "state",
		Logger:         logrus.NewEntry(logger),
	})
	t.Cleanup(r.Close)
	return r, unloaded
}

// ask submits an event and waits for what it returns.
func ask(r *Runtime[*tape], partition int32, read func(*tape) []string) ([]string, error) {
	type answer struct {
		notes []string
		err   error
	}
	answers := make(chan answer, 1)
	r.Submit(partition, func(machine *tape, err error) {
		if err != nil {
			answers <- answer{nil, err}
			return
		}
		answers <- answer{read(machine), nil}
	})
	a := <-answers
	return a.notes, a.err
}

func notes(machine *tape) []string { return slices.Clone(machine.notes) }

func TestShardAnswersOnlyAfterItsLogIsReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &partitionLog{gate: make(chan struct{})}
		for i := range 5 {
			log.add(fmt.Sprint(i))
		}
		r, _ := newTestRuntime(t, log)
		_, err := ask(r, 3, notes)
		if err != kerr.CoordinatorNotAvailable {
			t.Fatalf("before the start: %v", err)
		}
		r.Start()
		if _, err := ask(r, 3, notes); err != kerr.NotCoordinator {
			t.Fatalf("not elected: %v", err)
		}
		r.OnElection(3, 1)
		synctest.Wait()
		if _, err := ask(r, 3, notes); err != kerr.CoordinatorLoadInProgress {
			t.Fatalf("loading: %v", err)
		}
		if !r.Loading() {
			t.Error("Loading() is false")
		}
		close(log.gate)
		synctest.Wait()
		got, err := ask(r, 3, notes)
		if want := []string{"0", "1", "2", "3", "4", "loaded"}; err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
		if log.reads < 2 {
			t.Errorf("the log was read at once, not in chunks of the buffer's size")
		}
	})
}

func TestLoadStartsAtLogStartOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &partitionLog{start: 2}
		for i := range 4 {
			log.add(fmt.Sprint(i))
		}
		r, _ := newTestRuntime(t, log)
		r.Start()
		r.OnElection(0, 1)
		synctest.Wait()
		got, _ := ask(r, 0, notes)
		if want := []string{"2", "3", "loaded"}; !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func TestPartitionIsNotServedWhenItCannotBeLoaded(t *testing.T) {
	corrupt := &partitionLog{}
	corrupt.add("x")
	corrupt.data[len(corrupt.data)-1] ^= 1
	refused := &partitionLog{}
	refused.add("bad")
	for name, log := range map[string]*partitionLog{
		"corrupt batch":   corrupt,
		"unknown record":  refused,
		"not the leader":  {readErr: kerr.NotLeaderForPartition},
		"broken log dir":  {readErr: kerr.KafkaStorageError},
		"no such replica": {readErr: kerr.UnknownTopicOrPartition},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _ := newTestRuntime(t, log)
				r.Start()
				r.OnElection(0, 1)
				synctest.Wait()
				if _, err := ask(r, 0, notes); err != kerr.NotCoordinator {
					t.Fatalf("got %v", err)
				}
				if r.Loading() {
					t.Error("still loading")
				}
			})
		})
	}
}

func TestEpochsFenceElectionsAndResignations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, unloaded := newTestRuntime(t, &partitionLog{})
		r.Start()
		status := func(want error) {
			t.Helper()
			synctest.Wait()
			if _, err := ask(r, 0, notes); err != want {
				t.Fatalf("status is %v, want %v", err, want)
			}
		}
		epoch := func(e int32) *int32 { return &e }
		r.OnElection(0, 5)
		status(nil)
		r.OnResignation(0, epoch(4))
		status(nil)
		r.OnResignation(0, epoch(5))
		status(kerr.NotCoordinator)
		r.OnElection(0, 4)
		status(kerr.NotCoordinator)
		r.OnElection(0, 6)
		status(nil)
		r.OnElection(0, 7) // still the leader, in a new epoch
		status(nil)
		got, _ := ask(r, 0, func(machine *tape) []string { return []string{fmt.Sprint(machine.shard.Epoch())} })
		if got[0] != "7" {
			t.Errorf("epoch is %s", got[0])
		}
		r.OnResignation(0, nil)
		status(kerr.NotCoordinator)
		if unloaded.Load() != 2 {
			t.Errorf("unloaded %d times, want 2", unloaded.Load())
		}
	})
}

func TestResignationCancelsLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &partitionLog{gate: make(chan struct{})}
		log.add("1")
		r, unloaded := newTestRuntime(t, log)
		r.Start()
		r.OnElection(0, 1)
		synctest.Wait()
		r.OnResignation(0, nil)
		if err := r.Status(0); err != kerr.NotCoordinator {
			t.Fatalf("got %v", err)
		}
		r.OnElection(0, 2)
		log.add("2")
		close(log.gate)
		synctest.Wait()
		got, err := ask(r, 0, notes)
		if want := []string{"1", "2", "loaded"}; err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
		if unloaded.Load() != 0 {
			t.Error("a machine that never served was unloaded")
		}
	})
}

func TestEventWaitsForTheLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &partitionLog{gate: make(chan struct{})}
		r, _ := newTestRuntime(t, log)
		r.Start()
		var got []error
		note := func(_ *tape, err error) { got = append(got, err) }
		r.SubmitLoaded(0, note) // no shard
		r.OnElection(0, 1)
		r.SubmitLoaded(0, note)
		synctest.Wait()
		r.OnResignation(0, nil) // while it loads
		synctest.Wait()
		r.OnElection(0, 2)
		r.SubmitLoaded(0, func(machine *tape, err error) {
			note(machine, err)
			if !slices.Equal(machine.notes, []string{"loaded"}) {
				t.Errorf("the event ran after %v", machine.notes)
			}
		})
		close(log.gate)
		synctest.Wait()
		r.SubmitLoaded(0, note) // loaded
		synctest.Wait()
		if want := []error{kerr.NotCoordinator, kerr.NotCoordinator, nil, nil}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestLaterElectionRestartsLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &partitionLog{gate: make(chan struct{})}
		log.add("1")
		r, _ := newTestRuntime(t, log)
		r.Start()
		r.OnElection(0, 1)
		r.OnElection(0, 1)
		r.OnElection(0, 2)
		close(log.gate)
		synctest.Wait()
		got, err := ask(r, 0, notes)
		if want := []string{"1", "loaded"}; err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
	})
}

func TestAppendCompletesOnceEvenAfterUnloadAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &partitionLog{appends: make(chan func(int64, error), 3)}
		r, _ := newTestRuntime(t, log)
		r.Start()
		r.OnElection(0, 1)
		synctest.Wait()
		var completed []string
		for i := range 3 {
			r.Submit(0, func(machine *tape, _ error) {
				machine.shard.Append(nil, -1, time.Second, func(offset int64, err error) {
					completed = append(completed, fmt.Sprint(i, offset, err))
				})
			})
		}
		synctest.Wait()
		(<-log.appends)(10, nil)
		synctest.Wait()
		r.OnResignation(0, nil)
		synctest.Wait()
		(<-log.appends)(11, nil)
		synctest.Wait()
		r.Close()
		(<-log.appends)(0, kerr.NotLeaderForPartition) // on this goroutine, none is left
		want := []string{"0 10 <nil>", "1 11 <nil>", "2 0 " + kerr.NotLeaderForPartition.Error()}
		if !slices.Equal(completed, want) {
			t.Fatalf("got %q, want %q", completed, want)
		}
	})
}

func TestEventsOfAShardRunOneAtATimeInOrder(t *testing.T) {
	r, _ := newTestRuntime(t, &partitionLog{})
	r.Start()
	r.OnElection(0, 1)
	for r.Status(0) != nil {
		time.Sleep(time.Millisecond)
	}
	const senders, each = 8, 500
	last := make([]int, senders) // owned by the shard
	var done sync.WaitGroup
	done.Add(senders * each)
	for sender := range senders {
		go func() {
			for i := 1; i <= each; i++ {
				r.Submit(0, func(*tape, error) {
					defer done.Done()
					if last[sender] != i-1 {
						t.Errorf("event %d of sender %d came after %d", i, sender, last[sender])
					}
					last[sender] = i
				})
			}
		}()
	}
	done.Wait()
}

func TestEachVisitsLoadedShardsThenIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newTestRuntime(t, &partitionLog{})
		r.Start()
		r.Each(func(*tape) { t.Error("no shard yet") }, func() {})
		for partition := range int32(3) {
			r.OnElection(partition, 1)
		}
		synctest.Wait()
		var visits, dones atomic.Int32
		r.Each(func(*tape) { visits.Add(1) }, func() { dones.Add(1) })
		synctest.Wait()
		if visits.Load() != 3 || dones.Load() != 1 {
			t.Errorf("%d visits, done %d times", visits.Load(), dones.Load())
		}
	})
}

func TestSubmittedEventIsRefusedWhenTheShardResignsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newTestRuntime(t, &partitionLog{})
		r.Start()
		r.OnElection(0, 1)
		synctest.Wait()
		h, _ := r.lookUp(0)
		release := make(chan struct{})
		r.Submit(0, func(*tape, error) { <-release })
		var got error
		h.shard.queue.push(func() {
			// The resignation is in the queue before what is submitted here.
			r.mu.Lock()
			r.releaseLocked(h)
			r.mu.Unlock()
			r.Submit(0, func(_ *tape, err error) { got = err })
		})
		close(release)
		synctest.Wait()
		if got != kerr.NotCoordinator {
			t.Fatalf("got %v", got)
		}
	})
}

func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newTestRuntime(t, &partitionLog{})
		r.Start()
		r.OnElection(0, 1)
		synctest.Wait()
		start := time.Now()
		var fired []time.Duration
		var timer *Timer
		in := func(event func()) {
			r.Submit(0, func(*tape, error) { event() })
			synctest.Wait()
		}
		in(func() { timer.Stop() }) // a nil timer
		r.Submit(0, func(machine *tape, _ error) {
			timer = machine.shard.NewTimer(func() { fired = append(fired, time.Since(start)) })
			timer.Start(10 * time.Second)
		})
		time.Sleep(5 * time.Second)
		in(func() { timer.Start(10 * time.Second) })
		time.Sleep(9 * time.Second)
		in(func() {
			if len(fired) != 0 {
				t.Errorf("fired at %v although restarted", fired)
			}
		})
		time.Sleep(2 * time.Second)
		in(func() { timer.Start(time.Second) })
		time.Sleep(time.Second / 2)
		in(func() { timer.Stop() })
		time.Sleep(time.Minute)
		in(func() { timer.Start(time.Second) })
		// It expires, but the event that stops it comes first.
		blocked := make(chan struct{})
		r.Submit(0, func(*tape, error) { <-blocked; timer.Stop() })
		time.Sleep(2 * time.Second)
		close(blocked)
		synctest.Wait()
		in(func() { timer.Start(time.Second) })
		r.OnResignation(0, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []time.Duration{15 * time.Second}; !slices.Equal(fired, want) {
			t.Fatalf("fired at %v, want %v", fired, want)
		}
	})
}
