package controller

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
)

// unknownBrokerEpoch is the epoch of brokers that know none, before KIP-380.
const unknownBrokerEpoch = -1

// ControlledShutdown moves leaders away from a broker that is about to stop and
// takes its replicas out of the ISRs (key 7). The answer names the partitions
// that it still leads.
func (c *KafkaController) ControlledShutdown(request *kmsg.ControlledShutdownRequest, respond func(*kmsg.ControlledShutdownResponse)) {
	response := request.ResponseKind().(*kmsg.ControlledShutdownResponse)
	refuse := func() {
		response.ErrorCode = kerr.StaleControllerEpoch.Code // ControllerMovedException
		respond(response)
	}
	epoch := request.BrokerEpoch
	if request.Version < 2 {
		epoch = unknownBrokerEpoch
	}
	c.putRequest("ControlledShutdown", stateControlledShutdown, refuse, func() error {
		remaining, err := c.shutDown(request.BrokerID, epoch)
		switch {
		case errors.Is(err, errControllerMoved):
			refuse()
			return err
		case err != nil:
			response.ErrorCode = protocol.ErrorCode(err)
		}
		for _, partition := range remaining {
			response.PartitionsRemaining = append(response.PartitionsRemaining,
				kmsg.ControlledShutdownResponsePartitionsRemaining{Topic: partition.Topic, Partition: partition.Partition})
		}
		respond(response)
		return nil
	})
}

// shutDown marks a broker as shutting down and empties it as far as others can
// take over.
func (c *KafkaController) shutDown(id int32, brokerEpoch int64) (remaining []topic.Partition, err error) {
	known, registered := c.context.liveBrokerEpochs[id]
	switch {
	case brokerEpoch != unknownBrokerEpoch && !registered:
		return nil, fmt.Errorf("key not found: %d: %w", id, kerr.UnknownServerError)
	case brokerEpoch != unknownBrokerEpoch && brokerEpoch < known:
		c.log.infof("Received controlled shutdown request from an old broker epoch %d for broker %d. Current broker epoch is %d.", brokerEpoch, id, known)
		return nil, kerr.StaleBrokerEpoch
	}
	c.log.infof("Shutting down broker %d", id)
	if !registered {
		return nil, fmt.Errorf("Broker id %d does not exist.: %w", id, kerr.BrokerNotAvailable) //nolint:staticcheck // Kafka's sentence
	}
	c.context.shuttingDownBrokerIDs.add(id)
	c.log.debugf("All shutting down brokers: %s", joined(sortedKeys(c.context.shuttingDownBrokerIDs)))
	c.log.debugf("Live brokers: %s", joined(c.context.liveBrokerIDs()))

	led, followed := c.partitionsToMove(id)
	if _, err := c.partitions.handleStateChanges(led, onlinePartition, controlledShutdownElection); err != nil {
		return nil, err
	}
	for _, partition := range followed {
		c.batch.addStopReplica([]int32{id}, partition, false)
	}
	c.batch.send()
	replicas := make([]partitionAndReplica, 0, len(followed))
	for _, partition := range followed {
		replicas = append(replicas, partitionAndReplica{partition, id})
	}
	if err := c.replicas.handleStateChanges(replicas, offlineReplica); err != nil {
		return nil, err
	}
	return c.context.partitionLeadersOnBroker(id), nil
}

// partitionsToMove are those a broker hosts and others do too.
func (c *KafkaController) partitionsToMove(id int32) (led, followed []topic.Partition) {
	for _, partition := range c.context.partitionsOnBroker(id) {
		info, hasLeader := c.context.leadership[partition]
		switch {
		case !hasLeader || len(c.context.replicas(partition)) <= 1 || c.context.isTopicQueuedUpForDeletion(partition.Topic):
		case info.Leader == id:
			led = append(led, partition)
		default:
			followed = append(followed, partition)
		}
	}
	return led, followed
}
