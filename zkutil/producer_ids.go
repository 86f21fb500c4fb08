package zkutil

import (
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// GetNewProducerIdBlock reserves the next block of producer ids for the broker. It
// mirrors ZkProducerIdManager.getNewProducerIdBlock.
func (k *KafkaZkClient) GetNewProducerIdBlock(brokerID int32) (zkdata.ProducerIDBlock, error) {
	for {
		data, version, err := k.GetDataAndVersion(zkdata.ProducerIDBlockPath)
		if err != nil {
			return zkdata.ProducerIDBlock{}, err
		}
		block, err := nextProducerIDBlock(brokerID, data)
		if err != nil {
			return zkdata.ProducerIDBlock{}, err
		}
		updated, newVersion, err := k.ConditionalUpdatePath(zkdata.ProducerIDBlockPath, zkdata.EncodeProducerIDBlock(block), version, k.checkWritten)
		if err != nil {
			return zkdata.ProducerIDBlock{}, err
		}
		if updated {
			k.log.Infof("Acquired new producerId block %s by writing to Zk with path version %d", block, newVersion)
			return block, nil
		}
		if version == zkdata.UnknownVersion {
			if err := k.MakeSurePersistentPathExists(zkdata.ProducerIDBlockPath); err != nil {
				return zkdata.ProducerIDBlock{}, err
			}
		}
	}
}

// nextProducerIDBlock gives the block after the one in the node; no data mean none
// was given out yet.
func nextProducerIDBlock(brokerID int32, data []byte) (zkdata.ProducerIDBlock, error) {
	next := zkdata.ProducerIDBlock{BrokerID: brokerID, Size: zkdata.ProducerIDBlockSize}
	if data == nil {
		return next, nil
	}
	current, err := zkdata.DecodeProducerIDBlock(data)
	if err != nil {
		return next, err
	}
	if current.End() > math.MaxInt64-zkdata.ProducerIDBlockSize-1 {
		return next, fmt.Errorf("Have exhausted all producerIds as the next block's end producerId has exceeded long type limit: %w", kerr.UnknownServerError) //nolint:staticcheck // Kafka's sentence
	}
	next.Start = current.End() + 1
	return next, nil
}
