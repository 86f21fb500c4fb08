package main

import (
	"time"
)

const startTopic = "start"

// startToFirstProduce starts a broker and sends to the last partition of a topic
// until a record is acknowledged. The topic is created if it is not there.
func (b *bench) startToFirstProduce(s setup, topic string, partitions int) (*broker, time.Duration, error) {
	began := time.Now()
	broker, err := b.startBroker(s)
	if err != nil {
		return nil, 0, err
	}
	if err := b.firstProduce(broker, topic, partitions); err != nil {
		broker.kill()
		return nil, 0, err
	}
	return broker, time.Since(began), nil
}

func (b *bench) firstProduce(broker *broker, topic string, partitions int) error {
	c, err := b.connect(broker.process)
	if err != nil {
		return err
	}
	defer c.Close()
	if partitions == 1 {
		if err := b.createTopic(c, topic, partitions); err != nil {
			return err
		}
	}
	return b.produceOne(c, topic, int32(partitions-1), 1)
}

// produceOne sends one record until it is acknowledged.
func (b *bench) produceOne(c *connection, topic string, partition int32, acks int16) error {
	request := produceRequest(topic, partition, batchOf(1, 100))
	request.Acks = acks
	return b.untilServed(func() (int16, error) {
		response, err := c.ask(request)
		if err != nil {
			return 0, err
		}
		return produceResult(response).ErrorCode, nil
	})
}

// createMany creates the topic with many partitions and tells how long it took
// until the last of them took a record.
func (b *bench) createMany(broker *broker, partitions int) (time.Duration, error) {
	c, err := b.connect(broker.process)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := b.createTopic(c, "first", 1); err != nil { // until the broker serves
		return 0, err
	}
	began := time.Now()
	if err := b.createTopic(c, startTopic, partitions); err != nil {
		return 0, err
	}
	err = b.produceOne(c, startTopic, int32(partitions-1), 1)
	return time.Since(began), err
}
