package zkutil

import (
	"errors"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// GetLogConfigs reads the overrides of the topics; a topic without a config node
// has none. What could not be read is in failed.
func (k *KafkaZkClient) GetLogConfigs(topics []string) (overrides map[string]map[string]string, failed map[string]error) {
	overrides, failed = map[string]map[string]string{}, map[string]error{}
	paths := make([]string, len(topics))
	for i, name := range topics {
		paths[i] = zkdata.ConfigEntityPath(zkdata.ConfigTypeTopic, name)
	}
	responses, err := k.getAll(paths)
	if err != nil {
		for _, name := range topics {
			failed[name] = err
		}
		return overrides, failed
	}
	for i, response := range responses {
		settings, err := configOf(response)
		if err != nil {
			failed[topics[i]] = err
		} else {
			overrides[topics[i]] = settings
		}
	}
	return overrides, failed
}

func configOf(response zkclient.Response) (map[string]string, error) {
	if errors.Is(response.Err, ErrNoNode) {
		return map[string]string{}, nil
	}
	if response.Err != nil {
		return nil, response.Err
	}
	return zkdata.DecodeConfig(response.Data)
}

// GetEntityConfigs reads an entity's settings; none if it has no node. The type
// may be nested, as in users/alice/clients.
func (k *KafkaZkClient) GetEntityConfigs(rootEntityType, sanitizedEntityName string) (map[string]string, error) {
	return configOf(k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.ConfigEntityPath(rootEntityType, sanitizedEntityName)}))
}

// SetOrCreateEntityConfigs writes all settings of an entity; the last writer wins.
func (k *KafkaZkClient) SetOrCreateEntityConfigs(rootEntityType, sanitizedEntityName string, settings map[string]string) error {
	return k.setOrCreate(zkdata.ConfigEntityPath(rootEntityType, sanitizedEntityName), zkdata.EncodeConfig(settings))
}

// GetAllEntitiesWithConfig lists the sanitized names of the type's entities.
func (k *KafkaZkClient) GetAllEntitiesWithConfig(entityType string) ([]string, error) {
	return k.GetChildren(zkdata.ConfigEntityTypePath(entityType))
}

// CreateConfigChangeNotification tells all brokers that the settings of the entity
// at that path below /config changed, such as topics/orders.
func (k *KafkaZkClient) CreateConfigChangeNotification(sanitizedEntityPath string) error {
	if err := k.MakeSurePersistentPathExists(zkdata.ConfigChangesPath); err != nil {
		return err
	}
	_, err := k.CreateSequentialPersistentPath(zkdata.ConfigChangeSequencePath, zkdata.EncodeConfigChange(sanitizedEntityPath))
	return err
}
