package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const recoveryTopic = "recovery"

// recoveryLoad is what the log that is recovered is filled with: many batches of the
// size that clients send by default.
var recoveryLoad = workload{recoveryTopic, "", 1000, 16 << 10}

// shortSession is a session's time-out when a broker is killed: it can be registered
// again only when that is over.
const shortSession = "zookeeper.session.timeout.ms=6000"

// measureLog measures many partitions, recovery, compaction and the reading of a backlog.
// What fails does not keep the rest from being measured.
func (b *bench) measureLog(of kind, home string) error {
	var failed []error
	for _, step := range []struct {
		name    string
		measure func(kind, string) error
	}{{"recovery", b.measureRecovery}, {"compaction", b.measureCompaction}, {"backlog", b.measureBacklog}, {"partitions", b.measureIdlePartitions}} {
		fmt.Fprintf(os.Stderr, "%s   %s\n", time.Now().Format(time.TimeOnly), step.name)
		if err := step.measure(of, home+"-"+step.name); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", step.name, err))
		}
	}
	return errors.Join(failed...)
}

// heapForPartitions is more than Kafka's scripts give: with 10,000 partitions that may
// not do.
const heapForPartitions = "KAFKA_HEAP_OPTS=-Xmx2G -Xms1G"

// measureIdlePartitions starts a broker with many partitions after a clean stop and
// takes what each of them costs in memory.
func (b *bench) measureIdlePartitions(kind kind, home string) error {
	defer os.RemoveAll(home)
	s := alone(kind, home)
	s.environment = []string{heapForPartitions}
	broker, _, err := b.startToFirstProduce(s, "first", 1)
	if err != nil {
		return err
	}
	defer func() { broker.kill() }()
	without, err := b.idleMemory(broker)
	if err != nil {
		return err
	}
	created, err := b.createMany(broker, b.logPartitions)
	if err != nil {
		return err
	}
	b.results.add(rowLogCreate, kind, milliseconds(created))
	if err := b.produceToEach(broker, b.logPartitions); err != nil {
		return err
	}
	if err := broker.stop(b.ctx); err != nil {
		return err
	}
	started, took, err := b.startToFirstProduce(s, startTopic, b.logPartitions)
	if err != nil {
		return err
	}
	broker = started
	b.results.add(rowLogStart, kind, milliseconds(took))
	with, err := b.idleMemory(broker)
	if err != nil {
		return err
	}
	b.results.add(rowLogMemory, kind, (with-without)/1024/float64(b.logPartitions))
	return broker.stop(b.ctx)
}

func (b *bench) idleMemory(broker *broker) (float64, error) {
	if err := b.wait(b.settle); err != nil {
		return 0, err
	}
	return broker.residentBytes()
}

// produceToEach sends a record to every partition of the topic, so that none has an
// empty segment.
func (b *bench) produceToEach(broker *broker, partitions int) error {
	c, err := b.connect(broker.process)
	if err != nil {
		return err
	}
	defer c.Close()
	batch := batchOf(1, 100)
	const inRequest = 500
	for first := 0; first < partitions; first += inRequest {
		request := produceRequest(startTopic, int32(first), batch)
		topic := &request.Topics[0]
		for partition := first + 1; partition < min(first+inRequest, partitions); partition++ {
			topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(partition), Records: batch})
		}
		err := b.untilServed(func() (int16, error) {
			response, err := c.ask(request)
			if err != nil {
				return 0, err
			}
			for _, result := range response.(*kmsg.ProduceResponse).Topics[0].Partitions {
				if result.ErrorCode != 0 {
					return result.ErrorCode, nil
				}
			}
			return 0, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// measureRecovery kills a broker that has flushed nothing of what it took. How long
// the next one loads its log is in its own log.
func (b *bench) measureRecovery(kind kind, home string) error {
	defer os.RemoveAll(home)
	s := alone(kind, home, shortSession)
	broker, _, err := b.startToFirstProduce(s, recoveryTopic, 1)
	if err != nil {
		return err
	}
	defer func() { broker.kill() }()
	bytes, err := b.fill(broker, recoveryLoad, b.recoveryMiB)
	if err != nil {
		return err
	}
	broker.kill()
	if _, err := b.awaitSessionEnd(s); err != nil {
		return err
	}
	began := time.Now()
	started, err := b.startBroker(s)
	if err != nil {
		return err
	}
	broker = started
	c, err := b.connect(broker.process)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := b.produceOne(c, recoveryTopic, 0, 1); err != nil {
		return err
	}
	b.results.add(rowRecoveryStart, kind, milliseconds(time.Since(began)))
	loading, err := broker.loadingTime()
	if err != nil {
		return err
	}
	b.results.add(rowRecovery, kind, float64(bytes)/1e6/loading.Seconds())
	return broker.stop(b.ctx)
}

var loadedLogs = regexp.MustCompile(`Loaded \d+ logs in (\d+)ms`)

// loadingTime is how long a broker says it loaded its logs.
func (p *process) loadingTime() (time.Duration, error) {
	printed, err := os.ReadFile(p.output)
	if err != nil {
		return 0, err
	}
	match := loadedLogs.FindSubmatch(printed)
	if match == nil {
		return 0, errors.New("a broker does not tell how long it loaded its logs")
	}
	millis, err := strconv.Atoi(string(match[1]))
	return time.Duration(max(millis, 1)) * time.Millisecond, err
}

// fill sends a load to the topic of its name, which has one record.
func (b *bench) fill(broker *broker, load workload, mib int64) (int, error) {
	c, err := b.connect(broker.process)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	batch := batchOf(load.records(), load.record)
	return b.send(c, load.topic, batch, int(mib<<20)/len(batch))
}
