package group

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/coordinator"
	"github.com/gregor-broker/gregor/server/protocol"
)

// sink takes appends and keeps nothing.
type sink struct{ next int64 }

func (s *sink) Append(_ topic.Partition, _ []byte, _ int16, _ time.Duration, done func(int64, error)) {
	s.next++
	done(s.next, nil)
}

func (s *sink) Read(topic.Partition, int64, int, []byte) (coordinator.LogChunk, error) {
	return coordinator.LogChunk{}, nil
}

func benchmarked(b *testing.B) *Coordinator {
	cfg, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "z", "group.initial.rebalance.delay.ms": "0"})
	if err != nil {
		b.Fatal(err)
	}
	c := New(config.NewCurrent(cfg), func() int32 { return 1 }, &sink{}, quiet)
	c.Start()
	b.Cleanup(c.Close)
	c.OnElection(0, 1)
	for c.runtime.Loading() {
		time.Sleep(time.Millisecond)
	}
	return c
}

func BenchmarkHeartbeat(b *testing.B) {
	c := benchmarked(b)
	join := kmsg.NewPtrJoinGroupRequest()
	join.Version, join.Group, join.ProtocolType, join.SessionTimeoutMillis = 3, "g", "consumer", 1800000
	join.RebalanceTimeoutMillis = 1800000
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	joined := make(chan string, 1)
	c.JoinGroup(&protocol.RequestContext{}, join, func(r *kmsg.JoinGroupResponse) { joined <- r.MemberID })
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 4, "g", <-joined, 1
	answered := make(chan int16, 1)
	b.ReportAllocs()
	for b.Loop() {
		c.Heartbeat(nil, req, func(r *kmsg.HeartbeatResponse) { answered <- r.ErrorCode })
		if code := <-answered; code != 0 {
			b.Fatal(code)
		}
	}
}

func BenchmarkOffsetCommit(b *testing.B) {
	for _, partitions := range []int{1, 100} {
		b.Run(strconv.Itoa(partitions), func(b *testing.B) {
			c := benchmarked(b)
			req := kmsg.NewPtrOffsetCommitRequest()
			req.Version, req.Group, req.Generation = 8, "g", -1
			req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "topic"}}
			for id := range int32(partitions) {
				p := kmsg.NewOffsetCommitRequestTopicPartition()
				p.Partition = id
				req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
			}
			answered := make(chan int16, 1)
			b.ReportAllocs()
			for b.Loop() {
				c.OffsetCommit(nil, req, func(r *kmsg.OffsetCommitResponse) { answered <- r.Topics[0].Partitions[0].ErrorCode })
				if code := <-answered; code != 0 {
					b.Fatal(code)
				}
			}
		})
	}
}
