package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// replicas is the size of a cluster and the replication factor of its topics.
	replicas = 3
	// settleTimeout is how long a cluster may take to reach a state.
	settleTimeout = 5 * time.Minute
	manyTopic     = "many"
)

// clusterHeap is what each JVM of a cluster may have, so that three of them and what
// they write fit the memory of a small machine.
const clusterHeap = "KAFKA_HEAP_OPTS=-Xmx512m"

// cluster is three brokers of one kind.
type cluster struct {
	*bench
	kind   kind
	setups []setup
	// brokers stand at their ids; what is down is nil.
	brokers []*broker
}

// startCluster starts three brokers at once and waits until all of them know each
// other.
func (b *bench) startCluster(kind kind, home string) (*cluster, error) {
	c := &cluster{bench: b, kind: kind, brokers: make([]*broker, replicas)}
	for id := range replicas {
		s := setup{kind: kind, id: id, home: filepath.Join(home, fmt.Sprint(id)), chroot: filepath.Base(home), settings: []string{
			"zookeeper.session.timeout.ms=6000", "default.replication.factor=3", "min.insync.replicas=2", "auto.leader.rebalance.enable=false",
		}, environment: []string{clusterHeap}}
		c.setups = append(c.setups, s)
		if err := c.start(id); err != nil {
			c.kill()
			return nil, err
		}
	}
	_, err := c.await("", func(response *kmsg.MetadataResponse) bool {
		return len(response.Brokers) == replicas && response.ControllerID >= 0
	})
	if err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

func (c *cluster) start(id int) error {
	broker, err := c.startBroker(c.setups[id])
	if err == nil {
		c.brokers[id] = broker
	}
	return err
}

// kill ends all brokers that run.
func (c *cluster) kill() {
	for id, broker := range c.brokers {
		if broker != nil {
			broker.kill()
			c.brokers[id] = nil
		}
	}
}

// live gives the brokers that run.
func (c *cluster) live() []*broker {
	return slices.DeleteFunc(slices.Clone(c.brokers), func(b *broker) bool { return b == nil })
}

// cpuSeconds is what all brokers have used of the processors.
func (c *cluster) cpuSeconds() (total float64, err error) {
	for _, broker := range c.live() {
		seconds, err := broker.cpuSeconds()
		if err != nil {
			return 0, err
		}
		total += seconds
	}
	return total, nil
}

// await asks every live broker for metadata until each answers as wanted, and tells
// when that was.
func (c *cluster) await(topic string, wanted func(*kmsg.MetadataResponse) bool) (time.Time, error) {
	deadline := time.Now().Add(settleTimeout)
	for _, broker := range c.live() {
		if err := c.awaitAt(broker, topic, deadline, wanted); err != nil {
			return time.Time{}, fmt.Errorf("broker %d: %w", broker.id, err)
		}
	}
	return time.Now(), nil
}

func (c *cluster) awaitAt(broker *broker, topic string, deadline time.Time, wanted func(*kmsg.MetadataResponse) bool) error {
	connection, err := c.connect(broker.process)
	if err != nil {
		return err
	}
	defer connection.Close()
	for {
		asked := time.Now()
		response, err := connection.metadata(topic)
		if err != nil {
			return err
		}
		if wanted(response) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("metadata of %q is not as wanted after %v", topic, settleTimeout)
		}
		// Asking must not be what keeps the broker busy.
		if err := c.wait(max(2*time.Millisecond, 3*time.Since(asked))); err != nil {
			return err
		}
	}
}

// metadata asks for one topic, or for brokers alone.
func (c *connection) metadata(topic string) (*kmsg.MetadataResponse, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Version, request.Topics = metadataVersion, []kmsg.MetadataRequestTopic{}
	if topic != "" {
		request.Topics = append(request.Topics, kmsg.MetadataRequestTopic{Topic: &topic})
	}
	response, err := c.ask(request)
	if err != nil {
		return nil, err
	}
	return response.(*kmsg.MetadataResponse), nil
}

// controller tells which broker is the controller.
func (c *cluster) controller() (id int32, err error) {
	_, err = c.await("", func(response *kmsg.MetadataResponse) bool {
		id = response.ControllerID
		return id >= 0 && int(id) < replicas && c.brokers[id] != nil
	})
	return id, err
}

// create makes a topic of three replicas and waits until every broker knows a
// leader of each of its partitions, and gives the leaders.
func (c *cluster) create(topic string, partitions int) ([]int32, error) {
	id, err := c.controller()
	if err != nil {
		return nil, err
	}
	connection, err := c.connect(c.brokers[id].process)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	if err := c.createReplicated(connection, topic, partitions, replicas, nil); err != nil {
		return nil, err
	}
	leaders := make([]int32, partitions)
	_, err = c.await(topic, func(response *kmsg.MetadataResponse) bool {
		return c.led(response, partitions, func(p *kmsg.MetadataResponseTopicPartition) bool {
			leaders[p.Partition] = p.Leader
			return len(p.ISR) == replicas
		})
	})
	return leaders, err
}

// led tells whether all partitions of a topic have a live leader and are as wanted.
func (c *cluster) led(response *kmsg.MetadataResponse, partitions int, wanted func(*kmsg.MetadataResponseTopicPartition) bool) bool {
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != partitions {
		return false
	}
	for i := range response.Topics[0].Partitions {
		p := &response.Topics[0].Partitions[i]
		if p.Leader < 0 || int(p.Leader) >= replicas || c.brokers[p.Leader] == nil || kerr.IsRetriable(kerr.ErrorForCode(p.ErrorCode)) || !wanted(p) {
			return false
		}
	}
	return true
}

// measureCluster measures what three brokers of a kind do.
func (b *bench) measureCluster(kind kind, home string) error {
	defer os.RemoveAll(home)
	c, err := b.startCluster(kind, home)
	if err != nil {
		return err
	}
	defer c.kill()
	for _, step := range []struct {
		what, name string
		measure    func() error
	}{
		{measureThroughput, "produce", c.measureLoads}, {measureLatency, "latency", c.measureLatency},
		{measurePartitions, "creation", c.measureCreation}, {measurePartitions, "idle", c.measureIdle},
		{measurePartitions, "controlled shutdown", c.measureRestart}, {measurePartitions, "death of the controller", c.measureFailover},
	} {
		if !b.measure(step.what) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s   %s\n", time.Now().Format(time.TimeOnly), step.name)
		if err := step.measure(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}
