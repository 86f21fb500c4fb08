package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tools/command"
)

// debuggingConsumer is the replica id with which followers serve reads.
const debuggingConsumer = -2

// replicaVerifier compares replicas in rounds: a fetch from every broker, then the
// comparison of what came.
type replicaVerifier struct {
	admin      *command.Admin
	partitions []*comparedPartition
	byBroker   map[int32][]*comparedPartition
	settings   verificationSettings
	stdout     io.Writer
	reported   time.Time
	lag        verificationLag
}

// verificationLag is the partition whose comparison is furthest behind; what it was
// in earlier rounds stays where a round finds none.
type verificationLag struct {
	lag, offset int64
	partition   string
}

// fetchedReplica is what a replica answered; nothing when its broker did not.
type fetchedReplica struct {
	id            int32
	highWatermark int64
	records       []byte
}

func newReplicaVerifier(admin *command.Admin, partitions []*comparedPartition, settings verificationSettings, stdout io.Writer) *replicaVerifier {
	v := &replicaVerifier{
		admin: admin, settings: settings, stdout: stdout, byBroker: map[int32][]*comparedPartition{}, reported: time.Now(),
		lag: verificationLag{-1, -1, "null"},
	}
	v.partitions = jvm.ScalaMutableMapOrder(partitions, func(p *comparedPartition) int32 { return command.PartitionHash(p.Partition) })
	for _, partition := range partitions {
		for _, id := range partition.replicas {
			v.byBroker[id] = append(v.byBroker[id], partition)
		}
	}
	return v
}

// run takes rounds until the context is done or replicas have different offsets,
// which ends the tool with code 1.
func (v *replicaVerifier) run(ctx context.Context) (code int) {
	for ctx.Err() == nil {
		fetched := v.fetchAll(ctx)
		for _, partition := range v.partitions {
			if len(fetched[partition.Partition]) != len(partition.replicas) {
				logging.For("kafka.tools.ReplicaFetcher").Errorf("Error due to java.lang.AssertionError: assertion failed: fetched %d replicas for %s, but expected %d replicas",
					len(fetched[partition.Partition]), partition, len(partition.replicas))
				return 1
			}
		}
		if !v.compareAll(fetched) {
			return 1
		}
	}
	return 0
}

// fetchAll asks all brokers at the same time.
func (v *replicaVerifier) fetchAll(ctx context.Context) map[topic.Partition][]fetchedReplica {
	var mu sync.Mutex // protects fetched
	fetched := map[topic.Partition][]fetchedReplica{}
	var asked sync.WaitGroup
	for broker, partitions := range v.byBroker {
		asked.Go(func() {
			answers := v.fetch(ctx, broker, partitions)
			mu.Lock()
			defer mu.Unlock()
			for partition, answer := range answers {
				fetched[partition] = append(fetched[partition], answer)
			}
		})
	}
	asked.Wait()
	return fetched
}

// fetch asks one broker; without an answer all its replicas have nothing.
func (v *replicaVerifier) fetch(ctx context.Context, broker int32, partitions []*comparedPartition) map[topic.Partition]fetchedReplica {
	answers := map[topic.Partition]fetchedReplica{}
	response, err := v.askBroker(ctx, broker, v.fetchRequest(partitions))
	if err != nil {
		for _, partition := range partitions {
			answers[partition.Partition] = fetchedReplica{id: broker, highWatermark: -1}
		}
		return answers
	}
	names := map[[16]byte]string{}
	for _, partition := range partitions {
		names[partition.topicID] = partition.Topic
	}
	for _, answered := range response.Topics {
		name := answered.Topic
		if name == "" {
			name = names[answered.TopicID]
		}
		for _, row := range answered.Partitions {
			answers[topic.Partition{Topic: name, Partition: row.Partition}] = fetchedReplica{broker, row.HighWatermark, row.RecordBatches}
		}
	}
	return answers
}

// brokerAwayPause keeps rounds apart while a broker cannot be reached.
const brokerAwayPause = 500 * time.Millisecond

// askBroker tries once: the next round tries again.
func (v *replicaVerifier) askBroker(ctx context.Context, broker int32, request *kmsg.FetchRequest) (*kmsg.FetchResponse, error) {
	response, err := command.AskOnce[*kmsg.FetchResponse](ctx, v.admin, broker, request)
	if err != nil {
		select {
		case <-ctx.Done():
		case <-time.After(brokerAwayPause):
		}
	}
	return response, err
}

func (v *replicaVerifier) fetchRequest(partitions []*comparedPartition) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.ReplicaID, request.MinBytes, request.MaxBytes = debuggingConsumer, 1, math.MaxInt32
	request.MaxWaitMillis, request.SessionEpoch = v.settings.maxWait, -1
	at := map[string]int{}
	for _, partition := range partitions {
		i, ok := at[partition.Topic]
		if !ok {
			i = len(request.Topics)
			at[partition.Topic] = i
			added := kmsg.NewFetchRequestTopic()
			added.Topic, added.TopicID = partition.Topic, partition.topicID
			request.Topics = append(request.Topics, added)
		}
		row := kmsg.NewFetchRequestTopicPartition()
		row.Partition, row.FetchOffset, row.LogStartOffset = partition.Partition.Partition, partition.offset, 0
		row.PartitionMaxBytes = v.settings.fetchSize
		request.Topics[i].Partitions = append(request.Topics[i].Partitions, row)
	}
	return request
}

// compareAll compares the replicas of each partition and reports; false when
// replicas have different offsets.
func (v *replicaVerifier) compareAll(fetched map[topic.Partition][]fetchedReplica) bool {
	v.lag.lag = -1
	for _, partition := range v.partitions {
		replicas := fetched[partition.Partition]
		slices.SortFunc(replicas, func(a, b fetchedReplica) int { return int(a.id) - int(b.id) })
		if !v.compare(partition, replicas) {
			return false
		}
		highest := int64(math.MinInt64)
		for _, replica := range replicas {
			highest = max(highest, replica.highWatermark)
		}
		if lag := highest - partition.offset; lag > v.lag.lag {
			v.lag = verificationLag{lag, partition.offset, partition.String()}
		}
	}
	if now := time.Now(); now.Sub(v.reported) > v.settings.reportInterval {
		v.println("max lag is %d for partition %s at offset %d among %d partitions", v.lag.lag, v.lag.partition, v.lag.offset, len(v.partitions))
		v.reported = now
	}
	return true
}

// compare walks the batches of all replicas side by side, up to the high watermark
// or where one of them has no more.
func (v *replicaVerifier) compare(partition *comparedPartition, replicas []fetchedReplica) bool {
	rest := make([][]byte, len(replicas))
	for i, replica := range replicas {
		rest[i] = replica.records
	}
	for {
		var first record.Batch
		firstID, inAll := int32(-1), true
		for i, replica := range replicas {
			batch, behind, err := record.Next(rest[i])
			if err != nil && !errors.Is(err, record.ErrIncomplete) {
				command.LogThrown("kafka.tools.ReplicaFetcher", "Error due to", &command.Exception{Class: "java.lang.RuntimeException", Cause: err,
					Message: fmt.Sprintf("Error in processing replica %d in partition %s at offset %d.", replica.id, partition, partition.offset)})
				return false
			}
			rest[i] = behind
			switch {
			case err != nil || batch.LastOffset() >= replica.highWatermark:
				inAll = false
			case first == nil:
				first, firstID = batch, replica.id
			case !v.same(partition, first, firstID, batch, replica.id):
				return false
			}
		}
		if !inAll {
			return true
		}
		partition.offset = first.NextOffset()
	}
}

// same prints how two batches differ; false when it is in their offsets.
func (v *replicaVerifier) same(partition *comparedPartition, first record.Batch, firstID int32, batch record.Batch, id int32) bool {
	if first.LastOffset() != batch.LastOffset() {
		v.println("partition %s: replica %d's offset %d doesn't match replica %d's offset %d", partition, firstID, first.LastOffset(), id, batch.LastOffset())
		return false
	}
	if first.Checksum() != batch.Checksum() {
		v.println("partition %s has unmatched checksum at offset %d; replica %d's checksum %d; replica %d's checksum %d",
			partition, batch.LastOffset(), firstID, first.Checksum(), id, batch.Checksum())
	}
	return true
}
