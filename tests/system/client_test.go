package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
	"github.com/gregor-broker/gregor/tests/system/history"
)

// connect makes a client that looks for a partition's new leader without pauses and
// gives up on a silent broker soon.
func connect(t testing.TB, bootstrap []string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap...), kgo.MetadataMinAge(20 * time.Millisecond), kgo.MetadataMaxAge(2 * time.Second),
		kgo.RetryTimeout(patience), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.RequestTimeoutOverhead(1500 * time.Millisecond), kgo.DialTimeout(time.Second), kgo.ProduceRequestTimeout(2 * time.Second),
		kgo.RecordRetries(1 << 30), kgo.UnknownTopicRetries(-1), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.AlwaysRetryEOF(), // or a broker that ends is taken for one that refuses
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// addresses are those of all brokers of a cluster.
func addresses(c *framework.Brokers) []string {
	var all []string
	for _, b := range c.Brokers {
		all = append(all, b.Address())
	}
	return all
}

// admin does what administrators do, again until it is done: brokers that die, and
// controllers that move, are part of these tests.
type admin struct {
	t      testing.TB
	client *kgo.Client
	// once sends a request once: whoever creates something must know whether an
	// attempt before may have done it.
	once *kgo.Client
}

func newAdmin(t testing.TB, c *framework.Brokers) *admin {
	patient := kgo.RetryTimeout(2 * time.Second)
	a := &admin{t, connect(t, addresses(c), patient), connect(t, addresses(c), patient, kgo.RequestRetries(0))}
	t.Cleanup(a.client.Close)
	t.Cleanup(a.once.Close)
	return a
}

func request[R kmsg.Response](a *admin, of interface {
	kmsg.Request
	RequestWith(context.Context, kmsg.Requestor) (R, error)
}) (R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return of.RequestWith(ctx, a.client)
}

func (a *admin) requestOnce(create *kmsg.CreateTopicsRequest) (*kmsg.CreateTopicsResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return create.RequestWith(ctx, a.once)
}

// requestTo asks one broker.
func requestTo[R kmsg.Response](a *admin, b *framework.Broker, of interface {
	kmsg.Request
	RequestWith(context.Context, kmsg.Requestor) (R, error)
}) (R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return of.RequestWith(ctx, a.client.Broker(b.ID))
}

// until repeats an attempt until it succeeds.
func (a *admin) until(what string, attempt func() error) {
	a.t.Helper()
	var last error
	deadline := time.Now().Add(patience)
	for {
		if last = attempt(); last == nil {
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("%s: not within %v: %v", what, patience, last)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// requestTopic asks for a topic of the given replicas, a list for each partition,
// and takes whatever comes.
func (a *admin) requestTopic(name string, replicas [][]int32) {
	_, _ = request(a, createTopicRequest(name, replicas, nil))
}

func createTopicRequest(name string, replicas [][]int32, settings map[string]string) *kmsg.CreateTopicsRequest {
	create := kmsg.NewPtrCreateTopicsRequest()
	create.TimeoutMillis = 3000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for partition, brokers := range replicas {
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(partition), Replicas: brokers})
	}
	for key, value := range settings {
		topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
	}
	create.Topics = append(create.Topics, topic)
	return create
}

// createTopic makes a topic and waits until a broker knows its leaders.
func (a *admin) createTopic(name string, replicas [][]int32, settings map[string]string) {
	a.t.Helper()
	create, inDoubt := createTopicRequest(name, replicas, settings), false
	a.until("create "+name, func() error {
		response, err := a.requestOnce(create)
		if err == nil {
			err = kerr.ErrorForCode(response.Topics[0].ErrorCode)
		}
		if inDoubt && errors.Is(err, kerr.TopicAlreadyExists) { // by an attempt before
			return nil
		}
		inDoubt = inDoubt || !errors.Is(err, kerr.TopicAlreadyExists) // else it is still being deleted
		return err
	})
	a.until("leaders of "+name, func() error {
		partitions, err := a.partitions(name)
		if err == nil && len(partitions) != len(replicas) {
			err = fmt.Errorf("%d partitions", len(partitions))
		}
		return err
	})
}

func (a *admin) deleteTopic(name string) {
	a.t.Helper()
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TimeoutMillis, remove.TopicNames = 3000, []string{name}
	remove.Topics = append(remove.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	a.until("delete "+name, func() error {
		response, err := request(a, remove)
		if err != nil {
			return err
		}
		err = kerr.ErrorForCode(response.Topics[0].ErrorCode)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			return nil
		}
		return err
	})
}

// described gives what a client is told of a topic, by whichever broker answers.
func described(client *kgo.Client, name string) (kmsg.MetadataResponseTopic, error) {
	ask := kmsg.NewPtrMetadataRequest()
	ask.Topics = append(ask.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	response, err := ask.RequestWith(ctx, client)
	if err != nil {
		return kmsg.MetadataResponseTopic{}, err
	}
	topic := response.Topics[0]
	slices.SortFunc(topic.Partitions, func(x, y kmsg.MetadataResponseTopicPartition) int { return int(x.Partition - y.Partition) })
	return topic, kerr.ErrorForCode(topic.ErrorCode)
}

// awaitAgreement waits until brokers tell the same of topics.
func (a *admin) awaitAgreement(brokers []*framework.Broker, topics ...string) {
	a.t.Helper()
	for _, name := range topics {
		a.until("the brokers tell the same of "+name, func() error {
			var first kmsg.MetadataResponseTopic
			for i, b := range brokers {
				client := connect(a.t, []string{b.Address()}, kgo.RetryTimeout(time.Second))
				topic, err := described(client, name)
				client.Close()
				if err != nil {
					return err
				}
				if i == 0 {
					first = topic
				} else if one, other := fmt.Sprint(first.Partitions), fmt.Sprint(topic.Partitions); one != other {
					return fmt.Errorf("broker %d tells %s, broker %d tells %s", brokers[0].ID, one, b.ID, other)
				}
			}
			return nil
		})
	}
}

// partitions describes a topic; an error says that one has no leader.
func (a *admin) partitions(name string) ([]kmsg.MetadataResponseTopicPartition, error) {
	topic, err := described(a.client, name)
	if err != nil {
		return nil, err
	}
	for _, partition := range topic.Partitions {
		if partition.Leader < 0 {
			return topic.Partitions, fmt.Errorf("partition %d: %w", partition.Partition, kerr.LeaderNotAvailable)
		}
	}
	return topic.Partitions, nil
}

// await waits until a topic's partitions are as the condition wants them.
func (a *admin) await(what, name string, holds func(kmsg.MetadataResponseTopicPartition) bool) {
	a.t.Helper()
	a.until(what, func() error {
		partitions, err := a.partitions(name)
		if err != nil && !errors.Is(err, kerr.LeaderNotAvailable) {
			return err
		}
		for _, partition := range partitions {
			if !holds(partition) {
				return fmt.Errorf("%s-%d has leader %d, replicas %d, in sync %d", name, partition.Partition, partition.Leader, partition.Replicas, partition.ISR)
			}
		}
		return nil
	})
}

// awaitInSync waits until every replica of a topic is in sync.
func (a *admin) awaitInSync(name string) {
	a.t.Helper()
	a.await("all replicas of "+name+" are in sync", name, func(p kmsg.MetadataResponseTopicPartition) bool {
		return p.Leader >= 0 && len(p.ISR) == len(p.Replicas)
	})
}

// leader is the leader of a partition.
func (a *admin) leader(name string, partition int32) int {
	a.t.Helper()
	leader := -1
	a.until(fmt.Sprintf("the leader of %s-%d is known", name, partition), func() error {
		partitions, err := a.partitions(name)
		if err == nil && int(partition) < len(partitions) {
			leader = int(partitions[partition].Leader)
		}
		return err
	})
	return leader
}

// reassign asks for other replicas of a partition; nil cancels what was asked before.
func (a *admin) reassign(name string, partition int32, replicas []int32) {
	a.t.Helper()
	alter := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	alter.TimeoutMillis = 3000
	alter.Topics = append(alter.Topics, kmsg.AlterPartitionAssignmentsRequestTopic{Topic: name,
		Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: partition, Replicas: replicas}}})
	a.until(fmt.Sprintf("reassign %s-%d to %d", name, partition, replicas), func() error {
		response, err := request(a, alter)
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
			return err
		}
		err = kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode)
		if replicas == nil && errors.Is(err, kerr.NoReassignmentInProgress) {
			return nil
		}
		return err
	})
}

// reassignments lists the partitions that are being moved.
func (a *admin) reassignments() (moving []history.Partition, err error) {
	response, err := request(a, kmsg.NewPtrListPartitionReassignmentsRequest())
	if err != nil {
		return nil, err
	}
	for _, topic := range response.Topics {
		for _, partition := range topic.Partitions {
			moving = append(moving, history.Partition{Topic: topic.Topic, Index: partition.Partition})
		}
	}
	return moving, kerr.ErrorForCode(response.ErrorCode)
}

// awaitReassigned waits until nothing is being moved.
func (a *admin) awaitReassigned() {
	a.t.Helper()
	a.until("the reassignments end", func() error {
		moving, err := a.reassignments()
		if err == nil && len(moving) > 0 {
			err = fmt.Errorf("%v are being moved", moving)
		}
		return err
	})
}

// electLeaders elects the leader of one partition, 0 the preferred one, 1 an unclean
// one, and gives the partition's error.
func (a *admin) electLeaders(kind int8, name string, partition int32) (result error) {
	a.t.Helper()
	elect := kmsg.NewPtrElectLeadersRequest()
	elect.ElectionType, elect.TimeoutMillis = kind, 3000
	elect.Topics = append(elect.Topics, kmsg.ElectLeadersRequestTopic{Topic: name, Partitions: []int32{partition}})
	a.until("elect a leader of "+name, func() error {
		response, err := request(a, elect)
		if err != nil {
			return err
		}
		for _, topic := range response.Topics {
			for _, answer := range topic.Partitions {
				result = kerr.ErrorForCode(answer.ErrorCode)
			}
		}
		if errors.Is(result, kerr.NotController) {
			return result
		}
		return kerr.ErrorForCode(response.ErrorCode)
	})
	return result
}

// setTopicConfig changes one setting of a topic.
func (a *admin) setTopicConfig(name, key, value string) {
	a.t.Helper()
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	alter.Resources = append(alter.Resources, kmsg.IncrementalAlterConfigsRequestResource{
		ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name,
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: key, Value: &value}},
	})
	a.until("set "+key, func() error {
		response, err := request(a, alter)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(response.Resources[0].ErrorCode)
	})
}
