package zkutil

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// CreateTopLevelPaths creates the nodes that a broker relies on.
func (k *KafkaZkClient) CreateTopLevelPaths() error {
	orphans, err := k.createAll(zkdata.PersistentPaths)
	if err != nil || len(orphans) == 0 {
		return err
	}
	if _, err := k.createAll(parentsOf(orphans)); err != nil {
		return err
	}
	if orphans, err = k.createAll(orphans); err == nil && len(orphans) > 0 {
		err = fmt.Errorf("%s: %w", orphans[0], ErrNoNode)
	}
	return err
}

// createAll creates nodes without data unless they exist, in one go, since each
// alone would wait for ZooKeeper's disk. It returns those that have no parent.
func (k *KafkaZkClient) createAll(paths []string) (orphans []string, err error) {
	requests := make([]zkclient.Request, len(paths))
	for i, path := range paths {
		requests[i] = k.createRequest(path, nil)
	}
	responses, err := k.retryRequestsUntilConnected(requests)
	if err != nil {
		return nil, err
	}
	for i := range responses {
		switch err := ignore(responses[i].Err, ErrNodeExists); {
		case errors.Is(err, ErrNoNode):
			orphans = append(orphans, paths[i])
		case err != nil:
			return nil, err
		}
	}
	return orphans, nil
}

// parentsOf are the nodes right above others, each once: none of the paths that
// every broker creates is more than two deep.
func parentsOf(paths []string) []string {
	var parents []string
	for _, path := range paths {
		parent := path[:strings.LastIndexByte(path, '/')]
		if parent != "" && !slices.Contains(parents, parent) {
			parents = append(parents, parent)
		}
	}
	return parents
}

// MakeSurePersistentPathExists creates the node and its parents without data
// unless they exist.
func (k *KafkaZkClient) MakeSurePersistentPathExists(path string) error {
	return ignore(k.CreateRecursive(path, nil), ErrNodeExists)
}

// CreateRecursive creates the node with the data, and missing parents without. It
// fails with ErrNodeExists if the node exists.
func (k *KafkaZkClient) CreateRecursive(path string, data []byte) error {
	err := k.create(path, data)
	if !errors.Is(err, ErrNoNode) {
		return err
	}
	if err := k.createParents(path); err != nil {
		return err
	}
	return k.create(path, data)
}

func (k *KafkaZkClient) create(path string, data []byte) error {
	return k.retryRequestUntilConnected(k.createRequest(path, data)).Err
}

func (k *KafkaZkClient) createRequest(path string, data []byte) zkclient.CreateRequest {
	return zkclient.CreateRequest{Path: path, Data: data, ACL: k.DefaultAcls(path), Mode: zkclient.Persistent}
}

func (k *KafkaZkClient) createParents(path string) error {
	slash := strings.LastIndexByte(path, '/')
	if slash <= 0 {
		return fmt.Errorf("Invalid path %s", path) //nolint:staticcheck // Kafka's sentence
	}
	parent := path[:slash]
	err := k.create(parent, nil)
	if errors.Is(err, ErrNoNode) {
		if err := k.createParents(parent); err != nil {
			return err
		}
		err = k.create(parent, nil)
	}
	return ignore(err, ErrNodeExists)
}

// CreateSequentialPersistentPath creates a node with a number appended to the path
// and gives the path it got.
func (k *KafkaZkClient) CreateSequentialPersistentPath(path string, data []byte) (string, error) {
	response := k.retryRequestUntilConnected(zkclient.CreateRequest{
		Path: path, Data: data, ACL: k.DefaultAcls(path), Mode: zkclient.PersistentSequential,
	})
	return response.Name, response.Err
}

// PathExists reports whether there is a node at the path.
func (k *KafkaZkClient) PathExists(path string) (bool, error) {
	err := k.retryRequestUntilConnected(zkclient.ExistsRequest{Path: path}).Err
	return err == nil, ignore(err, ErrNoNode)
}

// GetChildren lists the names of the node's children; none if there is no node.
func (k *KafkaZkClient) GetChildren(path string) ([]string, error) {
	return k.getChildren(path, true)
}

func (k *KafkaZkClient) getChildren(path string, registerWatch bool) ([]string, error) {
	response := k.retryRequestUntilConnected(zkclient.GetChildrenRequest{Path: path, RegisterWatch: registerWatch})
	return response.Children, ignore(response.Err, ErrNoNode)
}

// GetDataAndVersion reads a node; without a node the data is nil and the version
// zkdata.UnknownVersion.
func (k *KafkaZkClient) GetDataAndVersion(path string) ([]byte, int32, error) {
	data, stat, found, err := k.GetDataAndStat(path)
	if err != nil || !found {
		return nil, zkdata.UnknownVersion, err
	}
	return data, stat.Version, nil
}

// GetDataAndStat reads a node and its Stat; found is false without a node.
func (k *KafkaZkClient) GetDataAndStat(path string) (data []byte, stat zkclient.Stat, found bool, err error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: path})
	if response.Err != nil {
		return nil, zkclient.Stat{}, false, ignore(response.Err, ErrNoNode)
	}
	return response.Data, response.Stat, true, nil
}

// getAll reads several nodes at once, in the order of the paths.
func (k *KafkaZkClient) getAll(paths []string) ([]zkclient.Response, error) {
	requests := make([]zkclient.Request, len(paths))
	for i, path := range paths {
		requests[i] = zkclient.GetDataRequest{Path: path}
	}
	return k.retryRequestsUntilConnected(requests)
}

// setOrCreate writes a node at any version, or creates it with its parents.
func (k *KafkaZkClient) setOrCreate(path string, data []byte) error {
	err := k.set(path, data)
	if !errors.Is(err, ErrNoNode) {
		return err
	}
	if err = k.CreateRecursive(path, data); errors.Is(err, ErrNodeExists) {
		return k.set(path, data)
	}
	return err
}

func (k *KafkaZkClient) set(path string, data []byte) error {
	return k.retryRequestUntilConnected(zkclient.SetDataRequest{Path: path, Data: data, Version: zkdata.MatchAnyVersion}).Err
}

// ConditionalUpdatePath writes a node that has the expected version and gives its
// new version; updated is false if it has another, or is gone. A write whose
// answer was lost is sent again and then finds a newer version: checker, unless
// nil, is asked whether the node is as this write would have left it.
func (k *KafkaZkClient) ConditionalUpdatePath(path string, data []byte, expectedVersion int32,
	checker func(path string, data []byte) (updated bool, version int32, err error),
) (updated bool, version int32, err error) {
	response := k.retryRequestUntilConnected(zkclient.SetDataRequest{Path: path, Data: data, Version: expectedVersion})
	switch {
	case response.Err == nil:
		return true, response.Stat.Version, nil
	case errors.Is(response.Err, ErrBadVersion) && checker != nil:
		return checker(path, data)
	}
	k.log.Debugf("Conditional update of path %s with data %s and expected version %d failed due to %v", path, data, expectedVersion, response.Err)
	return false, zkdata.UnknownVersion, ignore(response.Err, ErrBadVersion, ErrNoNode)
}

// DeletePath deletes the node and all below it; a missing node is no error.
func (k *KafkaZkClient) DeletePath(path string, expectedControllerEpochZkVersion int32) error {
	_, err := k.DeleteRecursive(path, expectedControllerEpochZkVersion)
	return err
}

// DeleteRecursive deletes the node and all below it and reports whether it existed.
func (k *KafkaZkClient) DeleteRecursive(path string, expectedControllerEpochZkVersion int32) (bool, error) {
	response := k.retryRequestUntilConnected(zkclient.GetChildrenRequest{Path: path, RegisterWatch: true})
	if response.Err != nil {
		return false, ignore(response.Err, ErrNoNode)
	}
	for _, child := range response.Children {
		if _, err := k.DeleteRecursive(path+"/"+child, expectedControllerEpochZkVersion); err != nil {
			return false, err
		}
	}
	err := k.fencedRequest(zkclient.DeleteRequest{Path: path, Version: zkdata.MatchAnyVersion}, expectedControllerEpochZkVersion).Err
	return true, ignore(err, ErrNoNode)
}

// GetAcl reads a node's ACL.
func (k *KafkaZkClient) GetAcl(path string) ([]zkclient.ACL, error) {
	response := k.retryRequestUntilConnected(zkclient.GetACLRequest{Path: path})
	return response.ACL, response.Err
}

// SetAcl writes a node's ACL.
func (k *KafkaZkClient) SetAcl(path string, acl []zkclient.ACL) error {
	return k.retryRequestUntilConnected(zkclient.SetACLRequest{Path: path, ACL: acl, Version: zkdata.MatchAnyVersion}).Err
}
