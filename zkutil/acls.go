package zkutil

import (
	"errors"
	"fmt"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// CreateAclPaths creates the nodes of ACL storage.
func (k *KafkaZkClient) CreateAclPaths() error {
	paths := []string{zkdata.LiteralAclChangesPath, zkdata.ExtendedAclChangesPath}
	for _, pattern := range []string{zkdata.PatternLiteral, zkdata.PatternPrefixed} {
		for _, resourceType := range zkdata.AclResourceTypes {
			path, err := zkdata.AclResourceTypePath(pattern, resourceType)
			if err != nil {
				return err
			}
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		if err := k.MakeSurePersistentPathExists(path); err != nil {
			return err
		}
	}
	return nil
}

// GetVersionedAclsForResource reads a resource's ACLs and the node's version;
// without a node there are none and the version is zkdata.UnknownVersion.
func (k *KafkaZkClient) GetVersionedAclsForResource(resource zkdata.ResourcePattern) ([]zkdata.AclEntry, int32, error) {
	path, err := resource.Path()
	if err != nil {
		return nil, zkdata.UnknownVersion, err
	}
	data, version, err := k.GetDataAndVersion(path)
	if err != nil || version == zkdata.UnknownVersion {
		return nil, zkdata.UnknownVersion, err
	}
	acls, err := zkdata.DecodeAcls(data)
	return acls, version, err
}

// ConditionalSetAclsForResource writes a resource's ACLs at the expected version;
// updated is false if the node has another or is gone.
func (k *KafkaZkClient) ConditionalSetAclsForResource(resource zkdata.ResourcePattern, acls []zkdata.AclEntry, expectedVersion int32) (updated bool, version int32, err error) {
	if expectedVersion < 0 {
		return false, zkdata.UnknownVersion, fmt.Errorf("Invalid version %d provided for conditional update", expectedVersion) //nolint:staticcheck // Kafka's sentence
	}
	path, err := resource.Path()
	if err != nil {
		return false, zkdata.UnknownVersion, err
	}
	return k.ConditionalUpdatePath(path, zkdata.EncodeAcls(acls), expectedVersion, nil)
}

// CreateAclsForResourceIfNotExists creates a resource's node; created is false if
// it exists.
func (k *KafkaZkClient) CreateAclsForResourceIfNotExists(resource zkdata.ResourcePattern, acls []zkdata.AclEntry) (created bool, version int32, err error) {
	path, err := resource.Path()
	if err == nil {
		err = k.create(path, zkdata.EncodeAcls(acls))
	}
	if err != nil {
		return false, zkdata.UnknownVersion, ignore(err, ErrNodeExists)
	}
	return true, 0, nil
}

// CreateAclChangeNotification tells all brokers that a resource's ACLs changed.
func (k *KafkaZkClient) CreateAclChangeNotification(resource zkdata.ResourcePattern) error {
	path, data, err := zkdata.EncodeAclChange(resource)
	if err != nil {
		return err
	}
	_, err = k.CreateSequentialPersistentPath(path, data)
	return err
}

// GetResourceNames lists the resources of a type that have ACLs.
func (k *KafkaZkClient) GetResourceNames(patternType, resourceType string) ([]string, error) {
	path, err := zkdata.AclResourceTypePath(patternType, resourceType)
	if err != nil {
		return nil, err
	}
	return k.GetChildren(path)
}

// ConditionalDelete deletes a resource's node at the expected version; deleted is
// false if it has another. A missing node counts as deleted.
func (k *KafkaZkClient) ConditionalDelete(resource zkdata.ResourcePattern, expectedVersion int32) (deleted bool, err error) {
	path, err := resource.Path()
	if err != nil {
		return false, err
	}
	err = k.retryRequestUntilConnected(zkclient.DeleteRequest{Path: path, Version: expectedVersion}).Err
	if errors.Is(err, ErrBadVersion) {
		return false, nil
	}
	err = ignore(err, ErrNoNode)
	return err == nil, err
}
