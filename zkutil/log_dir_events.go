package zkutil

import "github.com/gregor-broker/gregor/zkutil/zkdata"

// PropagateLogDirEvent tells the controller that a log directory of the broker failed.
func (k *KafkaZkClient) PropagateLogDirEvent(brokerID int32) error {
	path, err := k.CreateSequentialPersistentPath(zkdata.LogDirEventSequencePathPrefix, zkdata.EncodeLogDirEvent(brokerID))
	if err == nil {
		k.log.Debugf("Added %s for broker %d", path, brokerID)
	}
	return err
}

// GetAllLogDirEventNotifications lists the sequence numbers of the notifications
// and sets a watch for more.
func (k *KafkaZkClient) GetAllLogDirEventNotifications() ([]string, error) {
	return k.sequenceNumbers(zkdata.LogDirEventNotificationPath, zkdata.LogDirEventPrefix)
}

// GetBrokerIdsFromLogDirEvents reads the brokers the notifications name.
func (k *KafkaZkClient) GetBrokerIdsFromLogDirEvents(sequenceNumbers []string) ([]int32, error) {
	responses, err := k.getAll(sequencePaths(sequenceNumbers, zkdata.LogDirEventSequencePath))
	if err != nil {
		return nil, err
	}
	if err := firstError(responses, ErrNoNode); err != nil {
		return nil, err
	}
	var brokers []int32
	for _, response := range responses {
		if response.Err != nil {
			continue
		}
		id, found, err := zkdata.DecodeLogDirEvent(response.Data)
		if err != nil {
			return nil, err
		}
		if found {
			brokers = append(brokers, id)
		}
	}
	return brokers, nil
}

// DeleteAllLogDirEventNotifications deletes every notification and sets a watch.
func (k *KafkaZkClient) DeleteAllLogDirEventNotifications(expectedControllerEpochZkVersion int32) error {
	numbers, err := k.GetAllLogDirEventNotifications()
	if err != nil {
		return err
	}
	return k.DeleteLogDirEventNotifications(numbers, expectedControllerEpochZkVersion)
}

// DeleteLogDirEventNotifications deletes the notifications of those numbers.
func (k *KafkaZkClient) DeleteLogDirEventNotifications(sequenceNumbers []string, expectedControllerEpochZkVersion int32) error {
	return k.deleteFenced(sequencePaths(sequenceNumbers, zkdata.LogDirEventSequencePath), expectedControllerEpochZkVersion)
}
