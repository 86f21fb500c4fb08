package replica

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
)

// MaybeUpdateMetadataCache applies an UpdateMetadata request unless it is of
// an old controller, and returns the partitions that are being deleted.
func (m *ReplicaManager) MaybeUpdateMetadataCache(correlationID int32, req *kmsg.UpdateMetadataRequest) ([]topic.Partition, error) {
	m.stateChangeMu.Lock()
	defer m.stateChangeMu.Unlock()
	if req.ControllerEpoch < m.controllerEpoch {
		err := fmt.Errorf("Received update metadata request with correlation id %d from an old controller %d with epoch %d. "+
			"Latest known controller epoch is %d: %w", correlationID, req.ControllerID, req.ControllerEpoch, m.controllerEpoch, kerr.StaleControllerEpoch)
		m.stateChange.Warnf("[Broker id=%d] %v", m.brokerID, err)
		return nil, err
	}
	deleted, err := m.metadataCache.UpdateMetadata(req)
	if err != nil {
		return nil, err
	}
	m.controllerEpoch = req.ControllerEpoch
	if m.options.TopicConfigs != nil {
		for _, tp := range deleted {
			if !m.metadataCache.ContainsTopic(tp.Topic) {
				m.options.TopicConfigs.RemoveTopicConfig(tp.Topic)
			}
		}
	}
	return deleted, nil
}
