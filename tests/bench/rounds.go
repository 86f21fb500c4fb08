package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// bench is one run.
type bench struct {
	*options
	ctx       context.Context
	dir       string
	zooKeeper *process
	results   *results
}

// part is a part of the run, with a table of its own.
type part struct {
	name, title string
	rounds      func(*options) int
	measure     func(b *bench, kind kind, home string) error
}

var parts = []part{
	{"broker", "One broker", func(o *options) int { return o.rounds }, (*bench).measureBroker},
	{"log", "The log", func(o *options) int { return o.logRounds }, (*bench).measureLog},
	{"cluster", "Three brokers", func(o *options) int { return o.clusterRounds }, (*bench).measureCluster},
}

// allParts measures all parts that were asked for; what fails in one does not keep
// the others from being measured.
func (b *bench) allParts() error {
	var failed []error
	for _, part := range b.parts {
		for round := range part.rounds(b.options) {
			if err := b.round(part, round); err != nil {
				failed = append(failed, fmt.Errorf("%s, round %d: %w", part.name, round+1, err))
				break
			}
		}
	}
	return errors.Join(failed...)
}

// round measures each broker once; every other round goes the other way about, so
// that neither is always the one that comes first.
func (b *bench) round(part part, round int) error {
	order := slices.Clone(b.brokers)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, kind := range order {
		home := filepath.Join(b.dir, fmt.Sprintf("%s-%d-%s", kind.key, round, part.name))
		fmt.Fprintf(os.Stderr, "%s round %d of %d, %s: %s\n", time.Now().Format(time.TimeOnly), round+1, part.rounds(b.options), part.name, kind.name)
		if err := part.measure(b, kind, home); err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	return nil
}

// measureBroker measures one broker with one topic, then with some partitions.
func (b *bench) measureBroker(kind kind, home string) error {
	if err := b.measureLoad(kind, home); err != nil || !b.measure(measurePartitions) {
		return err
	}
	if err := b.measurePartitions(kind, home+"-partitions"); err != nil {
		return fmt.Errorf("with %d partitions: %w", b.partitions, err)
	}
	return nil
}

// measureLoad starts a broker on no data and puts the loads on it.
func (b *bench) measureLoad(kind kind, home string) error {
	defer os.RemoveAll(home)
	broker, took, err := b.startToFirstProduce(alone(kind, home), startTopic, 1)
	if err != nil {
		return err
	}
	defer broker.kill()
	b.results.add(rowStartEmpty, kind, milliseconds(took))
	if b.measure(measureStart) {
		if err := b.wait(b.settle); err != nil {
			return err
		}
		if err := b.addMemory(rowIdle, broker); err != nil {
			return err
		}
	}
	if b.measure(measureThroughput) {
		if err := b.measureThroughput(broker); err != nil {
			return err
		}
		if err := b.addMemory(rowLoaded, broker); err != nil {
			return err
		}
	}
	if b.measure(measureLatency) {
		if err := b.measureLatency(broker); err != nil {
			return err
		}
	}
	return broker.stop(b.ctx)
}

// measurePartitions starts a broker that was stopped in order and has many
// partitions.
func (b *bench) measurePartitions(kind kind, home string) error {
	defer os.RemoveAll(home)
	broker, err := b.startBroker(alone(kind, home))
	if err != nil {
		return err
	}
	defer func() { broker.kill() }()
	created, err := b.createMany(broker, b.partitions)
	if err != nil {
		return err
	}
	b.results.add(rowCreate, kind, milliseconds(created))
	if err := broker.stop(b.ctx); err != nil {
		return err
	}
	broker, took, err := b.startToFirstProduce(alone(kind, home), startTopic, b.partitions)
	if err != nil {
		return err
	}
	b.results.add(rowStartPartitions, kind, milliseconds(took))
	return broker.stop(b.ctx)
}

func (b *bench) measureThroughput(broker *broker) error {
	if err := b.transfer(broker, workloads[len(workloads)-1], b.warmUpMiB, "warm-up", false); err != nil {
		return err
	}
	for _, load := range b.loads {
		if err := b.transfer(broker, load, b.sizeMiB, load.topic, true); err != nil {
			return fmt.Errorf("%s: %w", load.name, err)
		}
	}
	return nil
}

func (b *bench) addMemory(row string, broker *broker) error {
	bytes, err := broker.residentBytes()
	if err == nil {
		b.results.add(row, broker.kind, bytes/(1<<20))
	}
	return err
}

func (b *bench) wait(d time.Duration) error {
	select {
	case <-b.ctx.Done():
		return b.ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
