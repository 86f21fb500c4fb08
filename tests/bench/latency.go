package main

import (
	"encoding/binary"
	"errors"
	"fmt"
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
	before, err := broker.cpuSeconds()
	if err != nil {
		return err
	}
	began := time.Now()
	latencies, err := b.sendToReceive(broker.process, latencyRate, 1, latencyWarmUp)
	if err != nil {
		return err
	}
	after, err := broker.cpuSeconds()
	if err != nil {
		return err
	}
	b.results.add(rowLatencyCPU, broker.kind, 100*(after-before)/time.Since(began).Seconds())
	b.addPercentiles(broker.kind, "", latencies)
	return nil
}

// sendToReceive sends records at a fixed rate to the leader of the topic for it,
// whether or not the broker keeps up, and takes the time until a consumer has each.
// It gives those after the warm-up.
func (b *bench) sendToReceive(leader *process, rate int, acks int16, warmUp time.Duration) ([]time.Duration, error) {
	producer, err := b.connect(leader)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	consumer, err := b.connect(leader)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	if err := b.produceOne(producer, latencyTopic, 0, acks); err != nil {
		return nil, err
	}
	count := int((warmUp + b.latency).Seconds() * float64(rate))
	failed := make(chan error, 2)
	go func() { failed <- producer.sendAtRate(count, rate, acks) }()
	go func() { failed <- producer.awaitAnswers(count, 1, nil) }()
	latencies, err := b.consumeAtRate(consumer, count, failed)
	if err != nil {
		return nil, err
	}
	return latencies[int(warmUp.Seconds()*float64(rate)):], nil
}

// addPercentiles adds to the three rows whose names begin with prefix.
func (b *bench) addPercentiles(kind kind, prefix string, latencies []time.Duration) {
	slices.Sort(latencies)
	for _, row := range []struct {
		name     string
		quantile float64
	}{{rowP50, 0.5}, {rowP99, 0.99}, {rowP999, 0.999}} {
		b.results.add(prefix+row.name, kind, milliseconds(latencies[int(row.quantile*float64(len(latencies)-1))]))
	}
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

// consumeAtRate fetches until all records came and gives the time each took. A
// failure of the producer ends it.
func (b *bench) consumeAtRate(c *connection, count int, failed <-chan error) ([]time.Duration, error) {
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
		response, err := c.ask(fetchRequest(latencyTopic, firstOffset+int64(len(latencies))))
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
