package zkutil

import (
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// CreateFeatureZNode creates /feature. It fails with ErrNodeExists if it exists.
func (k *KafkaZkClient) CreateFeatureZNode(node zkdata.FeatureNode) error {
	return k.create(zkdata.FeaturePath, zkdata.EncodeFeatures(node))
}

// UpdateFeatureZNode writes /feature and gives its new version, the epoch of the
// finalized features.
func (k *KafkaZkClient) UpdateFeatureZNode(node zkdata.FeatureNode) (version int32, err error) {
	response := k.retryRequestUntilConnected(zkclient.SetDataRequest{
		Path: zkdata.FeaturePath, Data: zkdata.EncodeFeatures(node), Version: zkdata.MatchAnyVersion,
	})
	return response.Stat.Version, response.Err
}

// GetFeatureZNode reads /feature and its version; found is false without a node.
func (k *KafkaZkClient) GetFeatureZNode() (node zkdata.FeatureNode, version int32, found bool, err error) {
	data, stat, found, err := k.GetDataAndStat(zkdata.FeaturePath)
	if err != nil || !found {
		return zkdata.FeatureNode{}, zkdata.UnknownVersion, false, err
	}
	node, err = zkdata.DecodeFeatures(data)
	return node, stat.Version, true, err
}

// DeleteFeatureZNode deletes /feature; a missing node is no error.
func (k *KafkaZkClient) DeleteFeatureZNode() error {
	response := k.retryRequestUntilConnected(zkclient.DeleteRequest{Path: zkdata.FeaturePath, Version: zkdata.MatchAnyVersion})
	return ignore(response.Err, ErrNoNode)
}
