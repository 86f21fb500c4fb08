package zkutil

import (
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// PropagateIsrChanges tells the controller that these partitions' ISRs changed.
func (k *KafkaZkClient) PropagateIsrChanges(partitions []topic.Partition) error {
	path, err := k.CreateSequentialPersistentPath(zkdata.IsrChangeSequencePathPrefix, zkdata.EncodeIsrChange(partitions))
	if err == nil {
		k.log.Debugf("Added %s for %s", path, jvm.Collection("Set", partitions))
	}
	return err
}

// GetAllIsrChangeNotifications lists the sequence numbers of the notifications and
// sets a watch for more.
func (k *KafkaZkClient) GetAllIsrChangeNotifications() ([]string, error) {
	return k.sequenceNumbers(zkdata.IsrChangeNotificationPath, zkdata.IsrChangePrefix)
}

func (k *KafkaZkClient) sequenceNumbers(path, prefix string) ([]string, error) {
	names, err := k.GetChildren(path)
	for i, name := range names {
		names[i] = zkdata.SequenceNumber(name, prefix)
	}
	return names, err
}

// GetPartitionsFromIsrChangeNotifications reads the partitions the notifications name.
func (k *KafkaZkClient) GetPartitionsFromIsrChangeNotifications(sequenceNumbers []string) ([]topic.Partition, error) {
	responses, err := k.getAll(sequencePaths(sequenceNumbers, zkdata.IsrChangeSequencePath))
	if err != nil {
		return nil, err
	}
	if err := firstError(responses, ErrNoNode); err != nil {
		return nil, err
	}
	var all []topic.Partition
	for _, response := range responses {
		if response.Err != nil {
			continue
		}
		partitions, err := zkdata.DecodeIsrChange(response.Data)
		if err != nil {
			return nil, err
		}
		all = append(all, partitions...)
	}
	return all, nil
}

func sequencePaths(sequenceNumbers []string, path func(string) string) []string {
	paths := make([]string, len(sequenceNumbers))
	for i, number := range sequenceNumbers {
		paths[i] = path(number)
	}
	return paths
}

// DeleteAllIsrChangeNotifications deletes every notification and sets a watch.
func (k *KafkaZkClient) DeleteAllIsrChangeNotifications(expectedControllerEpochZkVersion int32) error {
	numbers, err := k.GetAllIsrChangeNotifications()
	if err != nil {
		return err
	}
	return k.DeleteIsrChangeNotifications(numbers, expectedControllerEpochZkVersion)
}

// DeleteIsrChangeNotifications deletes the notifications of those numbers.
func (k *KafkaZkClient) DeleteIsrChangeNotifications(sequenceNumbers []string, expectedControllerEpochZkVersion int32) error {
	return k.deleteFenced(sequencePaths(sequenceNumbers, zkdata.IsrChangeSequencePath), expectedControllerEpochZkVersion)
}
