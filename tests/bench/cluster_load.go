package main

import (
	"errors"
	"fmt"
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

// measureLoads sends every load with acks=all, one connection to each leader, after
// one that is not measured.
func (c *cluster) measureLoads() error {
	warmUp := clusterLoads[len(clusterLoads)-1]
	warmUp.topic = "warm-up"
	if _, err := c.sendLoad(warmUp, c.clusterWarmUpMiB); err != nil {
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
// replicas to a consumer.
func (c *cluster) measureLatency() error {
	leaders, err := c.create(latencyTopic, 1)
	if err != nil {
		return err
	}
	before, err := c.cpuSeconds()
	if err != nil {
		return err
	}
	began := time.Now()
	latencies, err := c.sendToReceive(c.brokers[leaders[0]].process, clusterRate, -1, c.clusterLatencyWarmUp)
	if err != nil {
		return err
	}
	after, err := c.cpuSeconds()
	if err != nil {
		return err
	}
	c.results.add(rowClusterLatencyCPU, c.kind, 100*(after-before)/time.Since(began).Seconds())
	c.addPercentiles(c.kind, clusterPrefix, latencies)
	return nil
}
