package replica

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
)

// controller records AlterIsr requests and answers them when it is told to.
type controller struct {
	mu       sync.Mutex
	requests []*kmsg.AlterPartitionRequest
	pending  func(kmsg.Response, error)
}

func (c *controller) SendRequest(request kmsg.Request, done func(kmsg.Response, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests, c.pending = append(c.requests, request.(*kmsg.AlterPartitionRequest)), done
}

func (c *controller) sent() [][]int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sent [][]int32
	for _, request := range c.requests {
		var partitions []int32
		for _, of := range request.Topics {
			for _, partition := range of.Partitions {
				partitions = append(partitions, partition.Partition)
			}
		}
		slices.Sort(partitions)
		sent = append(sent, partitions)
	}
	return sent
}

// answer gives each partition of the last request the error code, 0 by default.
func (c *controller) answer(top int16, codes map[int32]int16, leaveOut ...int32) {
	c.mu.Lock()
	request, done := c.requests[len(c.requests)-1], c.pending
	c.mu.Unlock()
	response := &kmsg.AlterPartitionResponse{ErrorCode: top}
	for _, of := range request.Topics {
		answer := kmsg.AlterPartitionResponseTopic{Topic: of.Topic}
		for _, partition := range of.Partitions {
			if !slices.Contains(leaveOut, partition.Partition) {
				answer.Partitions = append(answer.Partitions, kmsg.AlterPartitionResponseTopicPartition{
					Partition: partition.Partition, ErrorCode: codes[partition.Partition], LeaderEpoch: partition.LeaderEpoch,
					ISR: partition.NewISR, PartitionEpoch: partition.PartitionEpoch + 1,
				})
			}
		}
		response.Topics = append(response.Topics, answer)
	}
	done(response, nil)
}

func newTestAlterIsrManager() (*AlterIsrManager, *controller, func(partition int32) *[]error) {
	channel := &controller{}
	manager := NewAlterIsrManager(1, func() int64 { return 42 }, channel)
	return manager, channel, func(partition int32) *[]error {
		var outcomes []error
		manager.Submit(topic.Partition{Topic: "t", Partition: partition}, cluster.LeaderAndIsr{Leader: 1, LeaderEpoch: 3, ISR: []int32{1, 2}, ZKVersion: 7}, 5,
			func(_ cluster.LeaderAndIsr, err error) { outcomes = append(outcomes, err) })
		return &outcomes
	}
}

func TestIsrChangesAreBatchedWhileARequestIsOnItsWay(t *testing.T) {
	_, channel, submit := newTestAlterIsrManager()
	first, second, third := submit(0), submit(1), submit(2)
	if again := submit(1); len(*again) != 1 || !errors.Is((*again)[0], kerr.OperationNotAttempted) {
		t.Errorf("a second change of one partition gets %v", *again)
	}
	channel.answer(0, nil)
	channel.answer(0, map[int32]int16{2: kerr.InvalidUpdateVersion.Code})
	if sent := channel.sent(); len(sent) != 2 || !slices.Equal(sent[0], []int32{0}) || !slices.Equal(sent[1], []int32{1, 2}) {
		t.Errorf("sent %v", sent)
	}
	if request := channel.requests[1]; request.BrokerID != 1 || request.BrokerEpoch != 42 || request.Version != 0 ||
		request.Topics[0].Partitions[0].PartitionEpoch != 7 || !slices.Equal(request.Topics[0].Partitions[0].NewISR, []int32{1, 2}) {
		t.Errorf("request %+v", request)
	}
	if len(*first) != 1 || (*first)[0] != nil || len(*second) != 1 || (*second)[0] != nil || len(*third) != 1 || !errors.Is((*third)[0], kerr.InvalidUpdateVersion) {
		t.Errorf("outcomes %v %v %v", *first, *second, *third)
	}
}

func TestARequestThatFailsAsAWholeIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager, channel, submit := newTestAlterIsrManager()
		outcome := submit(0)
		channel.answer(kerr.StaleBrokerEpoch.Code, nil)
		if len(channel.sent()) != 1 {
			t.Error("no pause before the retry")
		}
		synctest.Wait()
		time.Sleep(2 * alterIsrRetryBackoff)
		synctest.Wait()
		channel.pending(nil, errors.New("connection lost"))
		time.Sleep(2 * alterIsrRetryBackoff)
		synctest.Wait()
		channel.answer(0, nil, 0) // the controller forgets the partition
		time.Sleep(2 * alterIsrRetryBackoff)
		synctest.Wait()
		channel.answer(0, nil)
		if len(channel.sent()) != 4 || len(*outcome) != 1 || (*outcome)[0] != nil {
			t.Errorf("%d requests, outcome %v", len(channel.sent()), *outcome)
		}
		manager.Close()
		if late := submit(3); len(*late) != 1 || !errors.Is((*late)[0], kerr.OperationNotAttempted) {
			t.Errorf("after Close: %v", *late)
		}
	})
}
