package main

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func (c *cluster) measureCreation() error {
	began := time.Now()
	if _, err := c.create(manyTopic, c.clusterPartitions); err != nil {
		return err
	}
	c.results.add(rowClusterCreate, c.kind, milliseconds(time.Since(began)))
	return nil
}

// measureIdle takes the memory of the brokers and what they do when there is nothing
// to do.
func (c *cluster) measureIdle() error {
	idle, err := c.awaitRest()
	if err != nil {
		return err
	}
	c.results.add(rowClusterIdle, c.kind, idle)
	var bytes float64
	for _, broker := range c.live() {
		resident, err := broker.residentBytes()
		if err != nil {
			return err
		}
		bytes += resident
	}
	c.results.add(rowClusterMemory, c.kind, bytes/replicas/(1<<20))
	return nil
}

// awaitRest waits until the brokers have done what the last load left to be done:
// until their processor time falls no more from one look to the next. It gives that
// of the last look, in percent of a core.
func (c *cluster) awaitRest() (float64, error) {
	const looks = 6
	last := math.Inf(1)
	for range looks {
		before, err := c.cpuSeconds()
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err := c.wait(2 * c.settle); err != nil {
			return 0, err
		}
		after, err := c.cpuSeconds()
		if err != nil {
			return 0, err
		}
		used := 100 * (after - before) / time.Since(began).Seconds()
		if used >= 0.8*last {
			return min(used, last), nil
		}
		last = used
	}
	return last, nil
}

// measureRestart stops a broker that is not the controller in order and starts it
// again.
func (c *cluster) measureRestart() error {
	controller, err := c.controller()
	if err != nil {
		return err
	}
	id := int(controller+1) % replicas
	stopped := c.brokers[id]
	began := time.Now()
	if err := stopped.stop(c.ctx); err != nil {
		return err
	}
	c.results.add(rowClusterStop, c.kind, milliseconds(time.Since(began)))
	c.brokers[id] = nil
	if _, err := c.await(manyTopic, func(response *kmsg.MetadataResponse) bool {
		return c.led(response, c.clusterPartitions, func(p *kmsg.MetadataResponseTopicPartition) bool { return len(p.ISR) < replicas })
	}); err != nil {
		return err
	}
	began = time.Now()
	if err := c.start(id); err != nil {
		return err
	}
	in, err := c.await(manyTopic, func(response *kmsg.MetadataResponse) bool {
		return c.led(response, c.clusterPartitions, func(p *kmsg.MetadataResponseTopicPartition) bool { return len(p.ISR) == replicas })
	})
	if err != nil {
		return err
	}
	c.results.add(rowClusterReturn, c.kind, milliseconds(in.Sub(began)))
	return nil
}

// measureFailover kills the controller and takes the time from the end of its
// session until every partition has a live leader.
func (c *cluster) measureFailover() error {
	id, err := c.controller()
	if err != nil {
		return err
	}
	c.brokers[id].kill()
	c.brokers[id] = nil
	gone, err := c.awaitSessionEnd(c.setups[id])
	if err != nil {
		return err
	}
	led, err := c.await(manyTopic, func(response *kmsg.MetadataResponse) bool {
		return c.led(response, c.clusterPartitions, func(*kmsg.MetadataResponseTopicPartition) bool { return true })
	})
	if err != nil {
		return err
	}
	c.results.add(rowClusterFailover, c.kind, milliseconds(led.Sub(gone)))
	return nil
}

// awaitSessionEnd waits until ZooKeeper has no broker registered with the id of a
// killed one, and tells when that was.
func (b *bench) awaitSessionEnd(s setup) (time.Time, error) {
	client, events, err := zk.Connect([]string{b.zooKeeper.address}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		return time.Time{}, err
	}
	defer client.Close()
	go func() {
		for range events { // they are of no interest, but are to be taken
		}
	}()
	registration := fmt.Sprintf("/%s/brokers/ids/%d", s.chroot, s.id)
	for deadline := time.After(startTimeout); ; {
		exists, _, changed, err := client.ExistsW(registration)
		if err != nil {
			return time.Time{}, err
		}
		if !exists {
			return time.Now(), nil
		}
		select {
		case <-changed:
		case <-deadline:
			return time.Time{}, errors.New("the session of a killed broker does not end")
		case <-b.ctx.Done():
			return time.Time{}, b.ctx.Err()
		}
	}
}
