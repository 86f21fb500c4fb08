package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/log/record"
)

// inFlight is how many produce requests have no answer yet, the default of
// max.in.flight.requests.per.connection.
const inFlight = 5

// workload is a load: batches of one size full of records of one size.
type workload struct {
	topic, name       string
	record, batchSize int
}

var workloads = []workload{
	{"large-1000", "1 KB records, 1 MB batches", 1000, 1_000_000},
	{"large-100", "100 B records, 1 MB batches", 100, 1_000_000},
	{"small-100", "100 B records, 16 KB batches", 100, 16 << 10},
	{"small-1000", "1 KB records, 16 KB batches", 1000, 16 << 10},
}

// recordOverhead is the most that a record takes besides its value.
const recordOverhead = 11

func (w workload) records() int {
	return (w.batchSize - record.HeaderSize) / (w.record + recordOverhead)
}

// batchOf encodes a batch of records with values of random bytes.
func batchOf(records, size int) record.Batch {
	values := make([]byte, size)
	rand.Read(values)
	builder := record.NewBuilder(record.BuilderOptions{})
	now := time.Now().UnixMilli()
	for range records {
		builder.Append(now, nil, values)
	}
	return builder.Build()
}

func produceRequest(topic string, partition int32, batch record.Batch) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TimeoutMillis = produceVersion, 1, 30_000
	request.Topics = []kmsg.ProduceRequestTopic{{
		Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: partition, Records: batch}},
	}}
	return request
}

func produceResult(response kmsg.Response) *kmsg.ProduceResponseTopicPartition {
	return &response.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
}

// transfer sends a load to a topic of its own, then reads it.
func (b *bench) transfer(broker *broker, load workload, mib int64, topic string, measured bool) error {
	c, err := b.connect(broker.process)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := b.createTopic(c, topic, 1); err != nil {
		return err
	}
	batch := batchOf(load.records(), load.record)
	count := int(mib<<20) / len(batch)
	if err := b.produceOne(c, topic, 0, 1); err != nil {
		return err
	}
	sent, err := timed(broker, func() (int, error) { return b.send(c, topic, batch, count) })
	if err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	read, err := timed(broker, func() (int, error) { return b.receiveAgain(c, topic, batch, count) })
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	if measured {
		b.results.addTransfer("produce", load, broker.kind, sent)
		b.results.addTransfer("consume", load, broker.kind, read)
	}
	return nil
}

// cost is what moving some bytes took.
type cost struct {
	megabytes, seconds, cpuSeconds float64
}

// timed measures a transfer, which tells how many bytes it moved.
func timed(broker interface{ cpuSeconds() (float64, error) }, transfer func() (int, error)) (cost, error) {
	before, err := broker.cpuSeconds()
	if err != nil {
		return cost{}, err
	}
	began := time.Now()
	bytes, err := transfer()
	if err != nil {
		return cost{}, err
	}
	took := time.Since(began)
	after, err := broker.cpuSeconds()
	return cost{float64(bytes) / 1e6, took.Seconds(), after - before}, err
}

// send sends the same batch again and again, so that the client has nothing to
// encode.
func (b *bench) send(c *connection, topic string, batch record.Batch, count int) (int, error) {
	return b.sendRequest(c, produceRequest(topic, 0, batch), count)
}

// sendRequest sends a produce request again and again. All of its batches have the
// same number of records.
func (b *bench) sendRequest(c *connection, request *kmsg.ProduceRequest, count int) (int, error) {
	var bytes int
	var batch record.Batch
	for _, partition := range request.Topics[0].Partitions {
		batch = partition.Records
		bytes += len(batch)
	}
	frame := c.encode(request)
	room := make(chan struct{}, inFlight)
	answered := make(chan error, 1)
	go func() { answered <- c.awaitAnswers(count, batch.Count(), room) }()
	for range count {
		select {
		case room <- struct{}{}:
		case err := <-answered:
			return 0, err
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		}
		if _, err := c.Write(frame); err != nil {
			return 0, err
		}
	}
	return count * bytes, <-answered
}

// awaitAnswers reads the answers to produce requests, in which no offset may be
// missing, and makes room for further ones.
func (c *connection) awaitAnswers(count int, records int32, room chan struct{}) error {
	for i := range count {
		frame, err := c.readFrame()
		if err != nil {
			return err
		}
		response := kmsg.ProduceResponse{Version: produceVersion}
		if err := response.ReadFrom(frame); err != nil {
			return err
		}
		for _, result := range response.Topics[0].Partitions {
			if result.ErrorCode != 0 {
				return kerr.ErrorForCode(result.ErrorCode)
			}
			if wanted := firstOffset + int64(i)*int64(records); result.BaseOffset != wanted {
				return fmt.Errorf("a batch got offset %d instead of %d", result.BaseOffset, wanted)
			}
		}
		if room != nil {
			<-room
		}
	}
	return nil
}

// firstOffset is where the load begins in its topic, after one record.
const firstOffset = 1

func fetchRequest(topic string, offset int64) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.ReplicaID, request.SessionEpoch = fetchVersion, -1, -1
	// The defaults of Kafka's consumer.
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes = 500, 1, 50<<20
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.FetchOffset, partition.PartitionMaxBytes = offset, 1<<20
	request.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{partition}}}
	return request
}

// readings is how often a load is read: once is soon over, and the processor time
// of a process is told in hundredths of a second.
const readings = 4

func (b *bench) receiveAgain(c *connection, topic string, batch record.Batch, count int) (total int, err error) {
	for range readings {
		bytes, err := b.receive(c, topic, batch, count)
		if err != nil {
			return 0, err
		}
		total += bytes
	}
	return total, nil
}

// receive reads a load and throws it away. Batches have one size, so that their
// number tells the next offset.
func (b *bench) receive(c *connection, topic string, batch record.Batch, count int) (int, error) {
	discarded := make([]byte, 256<<10)
	for got := 0; got < count; {
		if err := b.ctx.Err(); err != nil {
			return 0, err
		}
		offset := firstOffset + int64(got)*int64(batch.Count())
		if _, err := c.Write(c.encode(fetchRequest(topic, offset))); err != nil {
			return 0, err
		}
		size, err := c.discardFetch(topic, discarded)
		if err != nil {
			return 0, err
		}
		if size < len(batch) {
			return 0, fmt.Errorf("%d bytes of %d batches were given at offset %d", size, count, offset)
		}
		got += size / len(batch)
	}
	return count * len(batch), nil
}

// discardFetch reads the answer to a fetch of one partition and tells how many
// bytes of records it had.
func (c *connection) discardFetch(topic string, into []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(requestTimeout)); err != nil {
		return 0, err
	}
	// Length, correlation id, throttle time, error, session, topics; name,
	// partitions; partition, error, three offsets, aborted transactions, preferred
	// replica and the length of the records.
	const beforeName, errorAt, afterName = 24, 8, 4 + 4 + 2 + 3*8 + 4 + 4 + 4
	head := make([]byte, beforeName+len(topic)+afterName)
	if _, err := io.ReadFull(c, head); err != nil {
		return 0, err
	}
	code := int16(binary.BigEndian.Uint16(head[beforeName+len(topic)+errorAt:]))
	if code != 0 {
		return 0, kerr.ErrorForCode(code)
	}
	records := int(int32(binary.BigEndian.Uint32(head[len(head)-4:])))
	left := int(binary.BigEndian.Uint32(head)) + 4 - len(head)
	if records != left {
		return 0, errors.New("the answer to a fetch is not laid out as expected")
	}
	for left > 0 {
		n, err := c.Read(into[:min(len(into), left)])
		left -= n
		if err != nil {
			return 0, err
		}
	}
	return records, nil
}
