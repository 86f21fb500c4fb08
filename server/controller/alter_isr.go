package controller

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// AlterIsr changes ISRs at the request of their leaders (key 56, KIP-497). Each
// partition's answer is its own error, or its state as it is now.
func (c *KafkaController) AlterIsr(request *kmsg.AlterPartitionRequest, respond func(*kmsg.AlterPartitionResponse)) {
	response := request.ResponseKind().(*kmsg.AlterPartitionResponse)
	fail := func(err error) {
		response.ErrorCode = protocol.ErrorCode(err)
		respond(response)
	}
	c.putRequest("AlterIsr", stateIsrChange, func() { fail(kerr.NotController) }, func() error {
		if err := c.checkBrokerEpoch("AlterIsr", request.BrokerID, request.BrokerEpoch, kerr.StaleBrokerEpoch); err != nil {
			fail(err)
			return nil
		}
		results, err := c.alterIsrs(wantedIsrs(request))
		if err != nil {
			c.log.withError(err).errorf("Error when processing AlterIsr")
			fail(requestError(err))
			return err
		}
		response.Topics = alterIsrTopics(results)
		respond(response)
		return c.completeReassignmentsAfter(results)
	})
}

// checkBrokerEpoch refuses brokers that are not registered with that epoch.
func (c *KafkaController) checkBrokerEpoch(api string, id int32, epoch int64, unknown error) error {
	known, registered := c.context.liveBrokerEpochs[id]
	switch {
	case !registered:
		c.log.infof("Ignoring %s due to unknown broker %d", api, id)
		return unknown
	case known != epoch:
		c.log.infof("Ignoring %s due to stale broker epoch %d and local broker epoch %d for broker %d", api, epoch, known, id)
		return kerr.StaleBrokerEpoch
	}
	return nil
}

func wantedIsrs(request *kmsg.AlterPartitionRequest) map[topic.Partition]zkdata.LeaderAndIsr {
	wanted := map[topic.Partition]zkdata.LeaderAndIsr{}
	for _, ofTopic := range request.Topics {
		for _, change := range ofTopic.Partitions {
			wanted[topic.Partition{Topic: ofTopic.Topic, Partition: change.Partition}] = zkdata.LeaderAndIsr{
				Leader: request.BrokerID, LeaderEpoch: change.LeaderEpoch, Isr: slices.Clone(change.NewISR), ZkVersion: change.PartitionEpoch,
			}
		}
	}
	return wanted
}

// alterIsrs writes what is acceptable and tells all brokers how every partition
// named stands.
func (c *KafkaController) alterIsrs(wanted map[topic.Partition]zkdata.LeaderAndIsr) (electionOutcomes, error) {
	results := electionOutcomes{}
	accepted := map[topic.Partition]zkdata.LeaderAndIsr{}
	for partition, change := range wanted {
		current, known := c.context.leadership[partition]
		switch err := c.checkIsrChange(partition, change, current.LeaderAndIsr, known); {
		case err != nil:
			results[partition] = electionOutcome{err: err}
		case change.EqualsIgnoreZkVersion(current.LeaderAndIsr):
			results[partition] = electionOutcome{leaderAndIsr: current.LeaderAndIsr} // a repeated request
		default:
			accepted[partition] = change
		}
	}
	written, err := writeStates(c.zkClient, c.context, accepted)
	if err != nil {
		return nil, err
	}
	for partition, updated := range written.updated {
		c.log.debugf("ISR for partition %s updated to [%s] and zkVersion updated to [%d]", partition, joined(updated.Isr), updated.ZkVersion)
		results[partition] = electionOutcome{leaderAndIsr: updated}
		c.context.putLeadership(partition, zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: updated, ControllerEpoch: c.context.epoch})
	}
	for partition, failure := range written.failed {
		c.log.withError(failure).errorf("Failed to update ISR for partition %s", partition)
		results[partition] = electionOutcome{err: failure}
	}
	if err := c.resolveBadVersions(written.badVersion, accepted, results); err != nil {
		return nil, err
	}
	c.sendUpdateMetadata(sortedPartitions(wanted))
	return results, nil
}

// resolveBadVersions looks at the nodes that had another version. A node that
// says what was wanted is this very write, whose answer was lost with the
// connection; a refusal would make the leader give up on a change that holds.
func (c *KafkaController) resolveBadVersions(partitions []topic.Partition, accepted map[topic.Partition]zkdata.LeaderAndIsr, results electionOutcomes) error {
	if len(partitions) == 0 {
		return nil
	}
	if err := c.refreshLeadership(partitions); err != nil {
		return err
	}
	for _, partition := range partitions {
		if current := c.context.leadership[partition].LeaderAndIsr; current.EqualsIgnoreZkVersion(accepted[partition]) {
			results[partition] = electionOutcome{leaderAndIsr: current}
			continue
		}
		c.log.infof("Failed to update ISR to %s for partition %s, bad ZK version.", accepted[partition], partition)
		results[partition] = electionOutcome{err: kerr.InvalidUpdateVersion}
	}
	return nil
}

// checkIsrChange refuses changes of an earlier leader, and replicas that are
// offline or shutting down as new members (KAFKA-14140): the leader tries again.
func (c *KafkaController) checkIsrChange(partition topic.Partition, change, current zkdata.LeaderAndIsr, known bool) error {
	switch {
	case !known:
		return kerr.UnknownTopicOrPartition
	case change.LeaderEpoch < current.LeaderEpoch:
		return kerr.FencedLeaderEpoch
	}
	for _, id := range without(change.Isr, current.Isr) {
		if !c.context.isReplicaOnline(id, partition) {
			c.log.infof("Refusing replica %d of partition %s as a member of the ISR since it is offline or shutting down", id, partition)
			return kerr.OperationNotAttempted
		}
	}
	return nil
}

func alterIsrTopics(results electionOutcomes) []kmsg.AlterPartitionResponseTopic {
	var topics []kmsg.AlterPartitionResponseTopic
	for _, partition := range sortedPartitions(results) {
		if last := len(topics) - 1; last < 0 || topics[last].Topic != partition.Topic {
			topics = append(topics, kmsg.AlterPartitionResponseTopic{Topic: partition.Topic})
		}
		ofTopic := &topics[len(topics)-1]
		outcome := results[partition]
		if outcome.err != nil {
			ofTopic.Partitions = append(ofTopic.Partitions, kmsg.AlterPartitionResponseTopicPartition{
				Partition: partition.Partition, ErrorCode: protocol.ErrorCode(outcome.err),
			})
			continue
		}
		ofTopic.Partitions = append(ofTopic.Partitions, kmsg.AlterPartitionResponseTopicPartition{
			Partition: partition.Partition, LeaderID: outcome.leaderAndIsr.Leader, LeaderEpoch: outcome.leaderAndIsr.LeaderEpoch,
			ISR: outcome.leaderAndIsr.Isr, PartitionEpoch: outcome.leaderAndIsr.ZkVersion,
		})
	}
	return topics
}

// completeReassignmentsAfter looks whether ISRs that grew complete a reassignment.
func (c *KafkaController) completeReassignmentsAfter(results electionOutcomes) error {
	for _, partition := range sortedPartitions(results) {
		if results[partition].err != nil {
			continue
		}
		if err := c.maybeCompleteReassignment(partition); err != nil {
			return err
		}
	}
	return nil
}

// processIsrChangeNotification reads partition states that leaders of an old
// protocol wrote themselves, and tells all brokers.
func (c *KafkaController) processIsrChangeNotification() error {
	sequence, err := c.zkClient.GetAllIsrChangeNotifications()
	if err != nil {
		return err
	}
	err = c.applyIsrChanges(sequence)
	// Processed or not, they must not come again.
	return errors.Join(err, c.zkClient.DeleteIsrChangeNotifications(sequence, c.context.epochZkVersion))
}

func (c *KafkaController) applyIsrChanges(sequence []string) error {
	partitions, err := c.zkClient.GetPartitionsFromIsrChangeNotifications(sequence)
	if err != nil || len(partitions) == 0 {
		return err
	}
	if err := c.refreshLeadership(partitions); err != nil {
		return err
	}
	c.sendUpdateMetadata(partitions)
	for _, partition := range partitions {
		if err := c.maybeCompleteReassignment(partition); err != nil {
			return err
		}
	}
	return nil
}
