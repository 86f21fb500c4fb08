package main

import (
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

const (
	backlogTopic = "backlog"
	liveTopic    = "live"
	// liveRate is how many batches are sent a second where their latency is taken.
	liveRate = 500
)

// backlogLoad fills the backlog; liveLoad is sent while it is read.
var (
	backlogLoad = workload{backlogTopic, "", 1000, 16 << 10}
	liveLoad    = workload{liveTopic, "", 100, 16 << 10}
)

// measureBacklog takes what a producer gets of a broker alone, then while a consumer
// reads a backlog that is on the disk and not in memory.
func (b *bench) measureBacklog(kind kind, home string) error {
	defer os.RemoveAll(home)
	broker, _, err := b.startToFirstProduce(alone(kind, home), backlogTopic, 1)
	if err != nil {
		return err
	}
	defer broker.kill()
	if _, err := b.fill(broker, backlogLoad, b.backlogMiB); err != nil {
		return err
	}
	producer, err := b.connect(broker.process)
	if err != nil {
		return err
	}
	defer producer.Close()
	if err := b.createTopic(producer, liveTopic, 1); err != nil {
		return err
	}
	if err := b.produceOne(producer, liveTopic, 0, 1); err != nil {
		return err
	}
	if _, err := b.produceLive(producer); err != nil { // warm-up
		return err
	}
	before, err := b.produceLive(producer)
	if err != nil {
		return err
	}
	var stop atomic.Bool
	read := make(chan backlogRead, 1)
	go func() { read <- b.readBacklog(broker, filepath.Join(home, "data", backlogTopic+"-0"), &stop) }()
	with, err := b.produceLive(producer)
	stop.Store(true)
	reading := <-read
	if err == nil {
		err = reading.err
	}
	if err != nil {
		return err
	}
	b.results.add(rowLiveAlone, kind, before.rate)
	b.results.add(rowLiveWith, kind, with.rate)
	b.results.add(rowLiveKept, kind, 100*with.rate/before.rate)
	b.results.add(rowLiveP99Alone, kind, before.p99)
	b.results.add(rowLiveP99With, kind, with.p99)
	b.results.add(rowBacklogRead, kind, reading.rate)
	return broker.stop(b.ctx)
}

// live is what a producer got: MB/s as fast as it goes, and the 99th percentile of the
// answers at a fixed rate in milliseconds.
type live struct{ rate, p99 float64 }

func (b *bench) produceLive(c *connection) (live, error) {
	batch := batchOf(liveLoad.records(), liveLoad.record)
	frame := c.encode(produceRequest(liveTopic, 0, batch))
	began := time.Now()
	sent, err := b.sendFor(c, frame, 0, b.backlogTime)
	if err != nil {
		return live{}, err
	}
	rate := float64(len(sent)*len(batch)) / 1e6 / time.Since(began).Seconds()
	sent, err = b.sendFor(c, frame, liveRate, b.backlogTime)
	return live{rate, quantile(sent, 0.99)}, err
}

// sendFor sends a produce request again and again and gives how long each took: at a
// rate from the moment at which it was due, or without one as fast as answers come.
func (b *bench) sendFor(c *connection, frame []byte, rate int, during time.Duration) ([]time.Duration, error) {
	runtime.LockOSThread() // for a clock finer than the runtime's timers
	defer runtime.UnlockOSThread()
	room := inFlight
	if rate > 0 {
		room = int(during.Seconds()) * rate
	}
	moments := make(chan time.Duration, room)
	type answers struct {
		took []time.Duration
		err  error
	}
	answered := make(chan answers, 1)
	go func() {
		took, err := c.awaitEach(moments)
		for range moments { // an error leaves those that are not awaited
		}
		answered <- answers{took, err}
	}()
	err := func() error {
		defer close(moments)
		began := time.Since(clockStart)
		for i := 0; b.ctx.Err() == nil; i++ {
			moment := time.Since(clockStart)
			if rate > 0 {
				moment = began + time.Duration(i)*time.Second/time.Duration(rate)
				if wait := moment - time.Since(clockStart); wait > 0 {
					pause := unix.NsecToTimespec(int64(wait))
					_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &pause, nil) // woken early is no harm
				}
			}
			if moment-began >= during {
				return nil
			}
			moments <- moment
			if _, err := c.Write(frame); err != nil {
				return err
			}
		}
		return b.ctx.Err()
	}()
	got := <-answered
	if err == nil {
		err = got.err
	}
	return got.took, err
}

// awaitEach reads an answer for each moment at which a request was sent.
func (c *connection) awaitEach(moments <-chan time.Duration) ([]time.Duration, error) {
	var took []time.Duration
	for moment := range moments {
		frame, err := c.readFrame()
		if err != nil {
			return took, err
		}
		response := kmsg.ProduceResponse{Version: produceVersion}
		if err := response.ReadFrom(frame); err != nil {
			return took, err
		}
		if code := produceResult(&response).ErrorCode; code != 0 {
			return took, kerr.ErrorForCode(code)
		}
		took = append(took, time.Since(clockStart)-moment)
	}
	return took, nil
}

// backlogRead is the rate in MB/s at which a backlog was read.
type backlogRead struct {
	rate float64
	err  error
}

// readBacklog reads a backlog from the disk, again and again until it is stopped.
func (b *bench) readBacklog(broker *broker, dir string, stop *atomic.Bool) backlogRead {
	c, err := b.connect(broker.process)
	if err != nil {
		return backlogRead{err: err}
	}
	defer c.Close()
	batch := batchOf(backlogLoad.records(), backlogLoad.record)
	began, total := time.Now(), 0
	for total == 0 || !stop.Load() {
		if err := evict(dir); err != nil {
			return backlogRead{err: err}
		}
		bytes, err := b.receive(c, backlogTopic, batch, int(b.backlogMiB<<20)/len(batch))
		if err != nil {
			return backlogRead{err: err}
		}
		total += bytes
	}
	return backlogRead{rate: float64(total) / 1e6 / time.Since(began).Seconds()}
}

// evict has the segments of a partition leave the page cache.
func evict(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		err = file.Sync() // what is not on the disk stays
		if err == nil {
			err = unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
		}
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
