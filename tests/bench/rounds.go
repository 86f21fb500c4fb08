package main

import (
	"context"
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

func (b *bench) allRounds() error {
	for round := range b.rounds {
		if err := b.round(round); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	return nil
}

// round measures each broker once; every other round goes the other way about, so
// that neither is always the one that comes first.
func (b *bench) round(round int) error {
	order := slices.Clone(b.brokers)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, kind := range order {
		fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, b.rounds, kind.name)
		if err := b.measureLoad(kind, round); err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		if !b.measure(measurePartitions) {
			continue
		}
		if err := b.measurePartitions(kind, round); err != nil {
			return fmt.Errorf("%s with %d partitions: %w", kind.name, b.partitions, err)
		}
	}
	return nil
}

// measureLoad starts a broker on no data and puts the loads on it.
func (b *bench) measureLoad(kind kind, round int) error {
	home := filepath.Join(b.dir, fmt.Sprintf("%s-%d", kind.key, round))
	defer os.RemoveAll(home)
	broker, took, err := b.startToFirstProduce(kind, home, 1)
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
func (b *bench) measurePartitions(kind kind, round int) error {
	home := filepath.Join(b.dir, fmt.Sprintf("%s-%d-partitions", kind.key, round))
	defer os.RemoveAll(home)
	broker, err := b.startBroker(kind, home)
	if err != nil {
		return err
	}
	defer func() { broker.kill() }()
	created, err := b.createMany(broker)
	if err != nil {
		return err
	}
	b.results.add(rowCreate, kind, milliseconds(created))
	if err := broker.stop(b.ctx); err != nil {
		return err
	}
	broker, took, err := b.startToFirstProduce(kind, home, b.partitions)
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
