package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// clusterLoad is a load that is written to three replicas.
type clusterLoad struct {
	workload
	partitions int
}

var clusterLoads = []clusterLoad{
	{workload{"one-1000", "one partition, 1 KB records", 1000, 100_000}, 1},
	{workload{"one-100", "one partition, 100 B records", 100, 100_000}, 1},
	{workload{"six-1000", "six partitions, 1 KB records", 1000, 100_000}, 6},
	{workload{"six-100", "six partitions, 100 B records", 100, 100_000}, 6},
}

// measureLoads sends every load with acks=all, one connection to each leader, once
// the brokers are warm.
func (c *cluster) measureLoads() error {
	if err := c.warmUpLoads(); err != nil {
		return err
	}
	for _, load := range clusterLoads {
		sent, err := c.sendLoad(load, c.clusterMiB)
		if err != nil {
			return fmt.Errorf("%s: %w", load.name, err)
		}
		c.results.addTransfer(clusterProduce, load.workload, c.kind, sent)
	}
	return nil
}

// A virtual machine compiles for a while. So a cluster is warmed up until a round
// costs, or takes, about as much as the best before, but not for ever.
const (
	muchLess, muchMore = 0.9, 1.5
	warmUpRounds       = 3 // at least
	warmUpLimit        = 90 * time.Second
)

// warmUp runs rounds, each of which gives what it cost, and gives the least.
func (c *cluster) warmUp(unit string, run func(round int) (float64, error)) (best float64, err error) {
	began, best := time.Now(), math.Inf(1)
	for round := range c.clusterWarmUpRounds {
		now, err := run(round)
		if err != nil {
			return 0, err
		}
		fmt.Fprintf(os.Stderr, "%s     warm-up %d: %s %s\n", time.Now().Format(time.TimeOnly), round+1, number(now), unit)
		settled := round+1 >= warmUpRounds && now > muchLess*best && now < muchMore*best
		best = min(best, now)
		if settled || time.Since(began) > warmUpLimit {
			break
		}
	}
	return best, nil
}

// warmUpLoads sends loads that are not measured.
func (c *cluster) warmUpLoads() error {
	_, err := c.warmUp("CPU-seconds a GB", func(round int) (float64, error) {
		var cpuSeconds, megabytes float64
		for _, load := range []clusterLoad{clusterLoads[0], clusterLoads[len(clusterLoads)-1]} {
			load.topic = fmt.Sprintf("warm-up-%d-%s", round, load.topic)
			sent, err := c.sendLoad(load, c.clusterWarmUpMiB/2)
			if err != nil {
				return 0, err
			}
			cpuSeconds += sent.cpuSeconds
			megabytes += sent.megabytes
		}
		return 1000 * cpuSeconds / megabytes, nil
	})
	return err
}

func (c *cluster) sendLoad(load clusterLoad, mib int64) (cost, error) {
	leaders, err := c.create(load.topic, load.partitions)
	if err != nil {
		return cost{}, err
	}
	batch := batchOf(load.records(), load.record)
	count := max(int(mib<<20)/len(batch)/load.partitions, inFlight)
	requests := map[int32]*kmsg.ProduceRequest{}
	for partition, leader := range leaders {
		if requests[leader] == nil {
			requests[leader] = produceRequest(load.topic, int32(partition), batch)
			requests[leader].Acks = -1
			continue
		}
		topic := &requests[leader].Topics[0]
		topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(partition), Records: batch})
	}
	connections := map[int32]*connection{}
	for leader, request := range requests {
		connection, err := c.connect(c.brokers[leader].process)
		if err != nil {
			return cost{}, err
		}
		defer connection.Close()
		connections[leader] = connection
		for _, partition := range request.Topics[0].Partitions {
			if err := c.produceOne(connection, load.topic, partition.Partition, -1); err != nil {
				return cost{}, err
			}
		}
	}
	return timed(c, func() (int, error) { return c.sendAll(connections, requests, count) })
}

// sendAll sends to all leaders at once.
func (c *cluster) sendAll(connections map[int32]*connection, requests map[int32]*kmsg.ProduceRequest, count int) (int, error) {
	type sent struct {
		bytes int
		err   error
	}
	results := make(chan sent, len(requests))
	for leader, request := range requests {
		go func() {
			bytes, err := c.sendRequest(connections[leader], request, count)
			results <- sent{bytes, err}
		}()
	}
	var total int
	var failed []error
	for range requests {
		one := <-results
		total += one.bytes
		failed = append(failed, one.err)
	}
	return total, errors.Join(failed...)
}

// measureLatency takes the time that records take from the producer over all
// replicas to a consumer, in a round after those in which it still fell. Each round
// begins when all records of the one before have come.
func (c *cluster) measureLatency() error {
	leaders, err := c.create(latencyTopic, 1)
	if err != nil {
		return err
	}
	probe, err := c.probe(c.brokers[leaders[0]].process, -1)
	if err != nil {
		return err
	}
	defer probe.close()
	warm, err := c.warmUp("ms p99", func(int) (float64, error) {
		latencies, err := c.sendToReceive(probe, clusterRate, c.clusterLatencyWarmUp)
		return quantile(latencies, 0.99), err
	})
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		latencies, cpu, err := c.latencyRound(probe)
		if err != nil {
			return err
		}
		if median := quantile(latencies, 0.5); median > muchMore*warm && attempt < maxAttempts {
			fmt.Fprintf(os.Stderr, "%s     disturbed: %s ms p50\n", time.Now().Format(time.TimeOnly), number(median))
			continue
		}
		c.results.add(rowClusterLatencyCPU, c.kind, cpu)
		c.addPercentiles(c.kind, clusterPrefix, latencies)
		return nil
	}
}

// latencyRound also gives what the brokers used meanwhile, in percent of a core.
func (c *cluster) latencyRound(probe *probe) (latencies []time.Duration, cpu float64, err error) {
	before, err := c.cpuSeconds()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	if latencies, err = c.sendToReceive(probe, clusterRate, c.latency); err != nil {
		return nil, 0, err
	}
	after, err := c.cpuSeconds()
	return latencies, 100 * (after - before) / time.Since(began).Seconds(), err
}

// maxAttempts is how often latency is measured when half of the records take much
// longer than nearly all did before: then the machine did something else.
const maxAttempts = 3
