package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"github.com/gregor-broker/gregor/log/record"
)

const (
	latencyTopic  = "latency"
	latencyRate   = 2000 // records a second, each in a request of its own
	clusterRate   = 1000 // the same for a cluster
	latencyRecord = 100
	// latencyWarmUp is how long records are sent before any is counted.
	latencyWarmUp = 3 * time.Second
)

// measureLatency takes the time that records take through one broker.
func (b *bench) measureLatency(broker *broker) error {
	c, err := b.connect(broker.process)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := b.createTopic(c, latencyTopic, 1); err != nil {
		return err
	}
	probe, err := b.probe(broker.process, 1)
	if err != nil {
		return err
	}
	defer probe.close()
	before, err := broker.cpuSeconds()
	if err != nil {
		return err
	}
	began := time.Now()
	latencies, err := b.sendToReceive(probe, latencyRate, latencyWarmUp+b.latency)
	if err != nil {
		return err
	}
	after, err := broker.cpuSeconds()
	if err != nil {
		return err
	}
	b.results.add(rowLatencyCPU, broker.kind, 100*(after-before)/time.Since(began).Seconds())
	b.addPercentiles(broker.kind, "", latencies[int(latencyWarmUp.Seconds()*latencyRate):])
	return nil
}

// probe sends records to the topic for latencies and receives them again.
type probe struct {
	producer, consumer *connection
	acks               int16
	next               int64 // offset of the next record
}

// probe connects to the leader of the topic and waits until it takes records.
func (b *bench) probe(leader *process, acks int16) (*probe, error) {
	p := &probe{acks: acks, next: firstOffset}
	var err error
	if p.producer, err = b.connect(leader); err != nil {
		return nil, err
	}
	if p.consumer, err = b.connect(leader); err == nil {
		if err = b.produceOne(p.producer, latencyTopic, 0, acks); err == nil {
			return p, nil
		}
	}
	p.close()
	return nil, err
}

func (p *probe) close() {
	_ = p.producer.Close()
	if p.consumer != nil {
		_ = p.consumer.Close()
	}
}

// sendToReceive sends records at a fixed rate for a while, whether or not the
// broker keeps up, and takes the time until a consumer has each.
func (b *bench) sendToReceive(p *probe, rate int, during time.Duration) ([]time.Duration, error) {
	count := int(during.Seconds() * float64(rate))
	first := p.next
	p.next += int64(count)
	failed := make(chan error, 2)
	go func() { failed <- p.producer.sendAtRate(count, rate, p.acks) }()
	go func() { failed <- p.producer.awaitOffsets(first, count) }()
	return b.consumeAtRate(p.consumer, first, count, failed)
}

// awaitOffsets reads the answers to produce requests of one record each, in whose
// offsets none may be missing.
func (c *connection) awaitOffsets(first int64, count int) error {
	for i := range int64(count) {
		frame, err := c.readFrame()
		if err != nil {
			return err
		}
		response := kmsg.ProduceResponse{Version: produceVersion}
		if err := response.ReadFrom(frame); err != nil {
			return err
		}
		result := produceResult(&response)
		if result.ErrorCode != 0 {
			return kerr.ErrorForCode(result.ErrorCode)
		}
		if result.BaseOffset != first+i {
			return fmt.Errorf("a record got offset %d instead of %d", result.BaseOffset, first+i)
		}
	}
	return nil
}

// addPercentiles adds to the three rows whose names begin with prefix.
func (b *bench) addPercentiles(kind kind, prefix string, latencies []time.Duration) {
	for _, row := range []struct {
		name     string
		quantile float64
	}{{rowP50, 0.5}, {rowP99, 0.99}, {rowP999, 0.999}} {
		b.results.add(prefix+row.name, kind, quantile(latencies, row.quantile))
	}
}

// quantile is in milliseconds. It sorts what it is given.
func quantile(latencies []time.Duration, q float64) float64 {
	if len(latencies) == 0 {
		return math.NaN()
	}
	slices.Sort(latencies)
	return milliseconds(latencies[int(q*float64(len(latencies)-1))])
}

var clockStart = time.Now()

// sendAtRate sends records when they are due. Each carries the moment of its
// sending, or that at which it was due when the one before held it up.
func (c *connection) sendAtRate(count, rate int, acks int16) error {
	runtime.LockOSThread() // for a clock finer than the runtime's timers
	defer runtime.UnlockOSThread()
	value := make([]byte, latencyRecord)
	began := time.Since(clockStart)
	for i := range count {
		moment := began + time.Duration(i)*time.Second/time.Duration(rate)
		if wait := moment - time.Since(clockStart); wait > 0 {
			pause := unix.NsecToTimespec(int64(wait))
			if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &pause, nil); err != nil && !errors.Is(err, unix.EINTR) {
				return err
			}
			moment = time.Since(clockStart)
		}
		binary.BigEndian.PutUint64(value, uint64(moment))
		builder := record.NewBuilder(record.BuilderOptions{})
		builder.Append(time.Now().UnixMilli(), nil, value)
		request := produceRequest(latencyTopic, 0, builder.Build())
		request.Acks = acks
		if _, err := c.Write(c.encode(request)); err != nil {
			return err
		}
	}
	return nil
}

// consumeAtRate fetches from an offset on until all records came and gives the time
// each took. A failure of the producer ends it.
func (b *bench) consumeAtRate(c *connection, first int64, count int, failed <-chan error) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, count)
	ends := 0
	for len(latencies) < count {
		select {
		case err := <-failed:
			if ends++; err != nil {
				return nil, err
			}
		case <-b.ctx.Done():
			return nil, b.ctx.Err()
		default:
		}
		response, err := c.ask(fetchRequest(latencyTopic, first+int64(len(latencies))))
		if err != nil {
			return nil, err
		}
		received := time.Since(clockStart)
		partition := &response.(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if partition.ErrorCode != 0 {
			return nil, kerr.ErrorForCode(partition.ErrorCode)
		}
		for sent, err := range sendingTimes(partition.RecordBatches) {
			if err != nil {
				return nil, err
			}
			latencies = append(latencies, received-sent)
		}
	}
	for ; ends < cap(failed); ends++ {
		select {
		case err := <-failed:
			if err != nil {
				return nil, err
			}
		case <-b.ctx.Done():
			return nil, b.ctx.Err()
		}
	}
	return latencies, nil
}

// sendingTimes walks the records of a fetch.
func sendingTimes(batches []byte) func(yield func(time.Duration, error) bool) {
	return func(yield func(time.Duration, error) bool) {
		for batch, err := range record.Batches(batches) {
			if err != nil {
				yield(0, fmt.Errorf("fetched batch: %w", err))
				return
			}
			for one, err := range record.Records(batch) {
				if err != nil || len(one.Value) != latencyRecord {
					yield(0, errors.Join(errors.New("a fetched record is not one that was sent"), err))
					return
				}
				if !yield(time.Duration(binary.BigEndian.Uint64(one.Value)), nil) {
					return
				}
			}
		}
	}
}
