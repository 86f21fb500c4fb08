package console

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tools/command"
)

const defaultCommitInterval = 5000

// positions are where the consumer of a group stands in each partition that it
// has: behind the last record shown. They are what is committed, so that records
// fetched and not shown come again.
type positions struct {
	commits   bool
	interval  time.Duration
	isolation int8
	ready     chan struct{}
	client    *kgo.Client // set once ready is closed

	// mu protects following fields; callbacks of the group come from the client.
	mu      sync.Mutex
	at      map[string]map[int32]kgo.EpochOffset
	changed bool
	last    time.Time
}

func newPositions(properties map[string]string, withoutGroup bool) (*positions, error) {
	interval := int64(defaultCommitInterval)
	if text, ok := properties["auto.commit.interval.ms"]; ok {
		var err error
		if interval, err = strconv.ParseInt(text, 10, 32); err != nil {
			return nil, command.Throw(command.ConfigError, "Invalid value %s for configuration auto.commit.interval.ms: Not a number of type INT", text)
		}
	}
	p := &positions{
		commits:  !withoutGroup && properties["enable.auto.commit"] != "false",
		interval: max(time.Duration(interval)*time.Millisecond, 10*time.Millisecond), last: time.Now(), at: map[string]map[int32]kgo.EpochOffset{}, ready: make(chan struct{}),
	}
	if properties["isolation.level"] == "read_committed" {
		p.isolation = 1
	}
	return p, nil
}

// options are the client options that keep the positions right.
func (p *positions) options() []kgo.Opt {
	if !p.commits {
		return nil
	}
	return []kgo.Opt{
		kgo.AdjustFetchOffsetsFn(p.adjust),
		kgo.OnPartitionsRevoked(func(ctx context.Context, client *kgo.Client, revoked map[string][]int32) {
			p.commit(ctx, client)
			p.forget(revoked)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { p.forget(lost) }),
	}
}

// started gives the positions their client, which the group's callbacks may need
// before it is there.
func (p *positions) started(client *kgo.Client) {
	p.client = client
	close(p.ready)
}

// adjust notes where the group begins, and looks that up where it never
// committed: as the Java consumer's, the first commit covers such partitions too.
func (p *positions) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	select {
	case <-p.ready:
	case <-ctx.Done():
		return offsets, nil
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.IsolationLevel = -1, p.isolation
	for topic, partitions := range offsets {
		row := kmsg.NewListOffsetsRequestTopic()
		row.Topic = topic
		for number, offset := range partitions {
			position := offset.EpochOffset()
			if position.Offset >= 0 {
				p.set(topic, number, position)
				continue
			}
			wanted := kmsg.NewListOffsetsRequestTopicPartition()
			wanted.Partition, wanted.Timestamp = number, position.Offset
			row.Partitions = append(row.Partitions, wanted)
		}
		request.Topics = append(request.Topics, row)
	}
	response, err := request.RequestWith(ctx, p.client)
	if err != nil {
		return offsets, nil // the client looks them up itself
	}
	for _, row := range response.Topics {
		for _, found := range row.Partitions {
			if found.ErrorCode == 0 && found.Offset >= 0 {
				offsets[row.Topic][found.Partition] = kgo.NewOffset().At(found.Offset)
				p.set(row.Topic, found.Partition, kgo.EpochOffset{Epoch: found.LeaderEpoch, Offset: found.Offset})
			}
		}
	}
	return offsets, nil
}

func (p *positions) forget(partitions map[string][]int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, numbers := range partitions {
		for _, number := range numbers {
			delete(p.at[topic], number)
		}
	}
}

// passed puts the position behind the record.
func (p *positions) passed(record *kgo.Record) {
	if !p.commits {
		return
	}
	p.set(record.Topic, record.Partition, kgo.EpochOffset{Epoch: record.LeaderEpoch, Offset: record.Offset + 1})
}

func (p *positions) set(topic string, partition int32, position kgo.EpochOffset) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at[topic] == nil {
		p.at[topic] = map[int32]kgo.EpochOffset{}
	}
	p.at[topic][partition] = position
	p.changed = true
}

// untilCommit is how long the next commit is away.
func (p *positions) untilCommit() time.Duration {
	if !p.commits {
		return time.Hour
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.interval-time.Since(p.last), 10*time.Millisecond)
}

func (p *positions) commitIfDue(ctx context.Context, client *kgo.Client) {
	p.mu.Lock()
	due := p.commits && time.Since(p.last) >= p.interval
	p.mu.Unlock()
	if due {
		p.commit(ctx, client)
	}
}

// commit commits the positions if one changed since the last time.
func (p *positions) commit(ctx context.Context, client *kgo.Client) {
	p.mu.Lock()
	p.last = time.Now()
	if !p.commits || !p.changed {
		p.mu.Unlock()
		return
	}
	p.changed = false
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for topic, partitions := range p.at {
		offsets[topic] = maps.Clone(partitions)
	}
	p.mu.Unlock()
	client.CommitOffsetsSync(ctx, offsets, nil)
}
