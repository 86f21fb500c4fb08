package zkutil

import (
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// GetConsumerOffset reads an offset committed by OffsetCommit version 0.
func (k *KafkaZkClient) GetConsumerOffset(group string, partition topic.Partition) (offset int64, found bool, err error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.ConsumerOffsetPath(group, partition.Topic, partition.Partition)})
	if response.Err != nil {
		return 0, false, ignore(response.Err, ErrNoNode)
	}
	return zkdata.DecodeConsumerOffset(response.Data)
}

// SetOrCreateConsumerOffset writes an offset as OffsetCommit version 0 does.
func (k *KafkaZkClient) SetOrCreateConsumerOffset(group string, partition topic.Partition, offset int64) error {
	return k.setOrCreate(zkdata.ConsumerOffsetPath(group, partition.Topic, partition.Partition), zkdata.EncodeConsumerOffset(offset))
}
