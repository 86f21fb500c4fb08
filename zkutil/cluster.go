package zkutil

import (
	"errors"
	"fmt"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// GetClusterId reads the cluster's id; found is false in a new cluster.
func (k *KafkaZkClient) GetClusterId() (id string, found bool, err error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.ClusterIDPath})
	if response.Err != nil {
		return "", false, ignore(response.Err, ErrNoNode)
	}
	id, err = zkdata.DecodeClusterID(response.Data)
	return id, err == nil, err
}

// CreateOrGetClusterId gives the cluster the proposed id unless it has one, and
// returns the id it has.
func (k *KafkaZkClient) CreateOrGetClusterId(proposed string) (string, error) {
	err := k.CreateRecursive(zkdata.ClusterIDPath, zkdata.EncodeClusterID(proposed))
	if !errors.Is(err, ErrNodeExists) {
		return proposed, err
	}
	id, found, err := k.GetClusterId()
	if err == nil && !found {
		err = fmt.Errorf("Failed to get cluster id from Zookeeper. This can happen if /cluster/id is deleted from Zookeeper.") //nolint:staticcheck // Kafka's sentence
	}
	return id, err
}
