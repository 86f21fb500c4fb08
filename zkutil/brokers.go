package zkutil

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// RegisterBroker creates the broker's ephemeral node and gives the broker epoch,
// the node's czxid. It fails with ErrNodeExists if another session registered the
// id; a node that an earlier session of this client left behind is replaced.
func (k *KafkaZkClient) RegisterBroker(info zkdata.BrokerInfo) (int64, error) {
	path := zkdata.BrokerIDPath(info.ID)
	k.log.Infof("Creating %s (is it secure? %t)", path, k.secure)
	stat, err := k.createCheckedEphemeral(path, zkdata.EncodeBroker(info, time.Now()))
	if err != nil {
		return 0, err
	}
	k.log.Infof("Stat of the created znode at %s is: %s", path, statText(stat))
	k.log.Infof("Registered broker %d at path %s with addresses: %s, czxid (broker epoch): %d", info.ID, path, addresses(info), stat.Czxid)
	return stat.Czxid, nil
}

// statText prints as ZooKeeper's Stat.
func statText(s zkclient.Stat) string {
	return fmt.Sprintf("%d,%d,%d,%d,%d,%d,%d,%d,%d,%d,%d", s.Czxid, s.Mzxid, s.Ctime, s.Mtime, s.Version, s.Cversion, s.Aversion,
		s.EphemeralOwner, s.DataLength, s.NumChildren, s.Pzxid)
}

func addresses(info zkdata.BrokerInfo) string {
	texts := make([]string, len(info.Endpoints))
	for i, e := range info.Endpoints {
		texts[i] = e.ConnectionString()
	}
	return strings.Join(texts, ",")
}

// createCheckedEphemeral mirrors KafkaZkClient.CheckedEphemeral.
func (k *KafkaZkClient) createCheckedEphemeral(path string, data []byte) (zkclient.Stat, error) {
	for {
		response := k.retryRequestUntilConnected(zkclient.MultiRequest{Ops: []zkclient.Op{
			zkclient.CreateRequest{Path: path, ACL: k.DefaultAcls(path), Mode: zkclient.Ephemeral},
			zkclient.SetDataRequest{Path: path, Data: data, Version: 0},
		}})
		if response.Err == nil && len(response.Results) == 2 {
			k.rememberSession()
			return response.Results[1].Stat, nil
		}
		if !errors.Is(response.Err, ErrNodeExists) {
			k.log.Errorf("Error while creating ephemeral at %s with return code: %v", path, response.Err)
			return zkclient.Stat{}, fmt.Errorf("creating %s: %w", path, response.Err)
		}
		stat, again, err := k.getAfterNodeExists(path)
		if err != nil {
			return zkclient.Stat{}, err
		}
		if !again {
			k.rememberSession()
			return stat, nil
		}
	}
}

// getAfterNodeExists decides what a node that exists already means: it is ours
// (its Stat is the result), it went away or was left behind by an earlier session
// of ours (create it again), or it is another broker's (an error).
func (k *KafkaZkClient) getAfterNodeExists(path string) (stat zkclient.Stat, again bool, err error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: path})
	if errors.Is(response.Err, ErrNoNode) {
		k.log.Infof("The ephemeral node at %s went away while reading it, attempting create() again", path)
		return stat, true, nil
	}
	if response.Err != nil {
		k.log.Errorf("Error while creating ephemeral at %s as it already exists and error getting the node data due to %v", path, response.Err)
		return stat, false, response.Err
	}
	owner, session := response.Stat.EphemeralOwner, k.client.SessionID()
	k.sessionMu.Lock()
	leftBehind := owner == k.sessionID && session != k.sessionID
	k.sessionMu.Unlock()
	switch {
	case leftBehind:
		k.log.Infof("Was not possible to create the ephemeral at %s, node already exists and owner '%d' does not match current session '%d'"+
			", trying to delete and re-create it with the newest Zookeeper session", path, owner, session)
		deleted := k.retryRequestUntilConnected(zkclient.DeleteRequest{Path: path, Version: zkdata.MatchAnyVersion})
		return stat, true, ignore(deleted.Err, ErrNoNode)
	case owner != session:
		k.log.Errorf("Error while creating ephemeral at %s, node already exists and owner '%d' does not match current session '%d'", path, owner, session)
		return stat, false, &zkclient.Error{Code: ErrNodeExists.Code, Path: path}
	}
	return response.Stat, false, nil
}

func (k *KafkaZkClient) rememberSession() {
	k.sessionMu.Lock()
	defer k.sessionMu.Unlock()
	k.sessionID = k.client.SessionID()
}

// UpdateBrokerInfo rewrites the broker's registration; the broker epoch stays.
func (k *KafkaZkClient) UpdateBrokerInfo(info zkdata.BrokerInfo) error {
	path := zkdata.BrokerIDPath(info.ID)
	if err := k.set(path, zkdata.EncodeBroker(info, time.Now())); err != nil {
		return err
	}
	k.log.Infof("Updated broker %d at path %s with addresses: %s", info.ID, path, addresses(info))
	return nil
}

// GetAllBrokersInCluster reads the registered brokers with their epochs, in the
// order of ids. It is also getAllBrokerAndEpochsInCluster.
func (k *KafkaZkClient) GetAllBrokersInCluster() ([]zkdata.Broker, error) {
	ids, err := k.GetSortedBrokerList()
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(ids))
	for i, id := range ids {
		paths[i] = zkdata.BrokerIDPath(id)
	}
	responses, err := k.getAll(paths)
	if err != nil {
		return nil, err
	}
	brokers := make([]zkdata.Broker, 0, len(ids))
	for i, response := range responses {
		broker, found, err := brokerOf(ids[i], response)
		if err != nil {
			return nil, err
		}
		if found {
			brokers = append(brokers, broker)
		}
	}
	return brokers, nil
}

// GetBroker reads one broker; found is false if it is not registered.
func (k *KafkaZkClient) GetBroker(id int32) (broker zkdata.Broker, found bool, err error) {
	return brokerOf(id, k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.BrokerIDPath(id)}))
}

func brokerOf(id int32, response zkclient.Response) (broker zkdata.Broker, found bool, err error) {
	if response.Err != nil {
		return zkdata.Broker{}, false, ignore(response.Err, ErrNoNode)
	}
	info, err := zkdata.DecodeBroker(id, response.Data)
	if err != nil {
		return zkdata.Broker{}, false, err
	}
	info.Epoch = response.Stat.Czxid
	return info.Broker, true, nil
}

// GetSortedBrokerList lists the ids of the registered brokers.
func (k *KafkaZkClient) GetSortedBrokerList() ([]int32, error) {
	names, err := k.GetChildren(zkdata.BrokerIDsPath)
	if err != nil {
		return nil, err
	}
	ids, err := numbers(names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", zkdata.BrokerIDsPath, err)
	}
	return ids, nil
}

// numbers reads and sorts names that are decimal numbers.
func numbers(names []string) ([]int32, error) {
	result := make([]int32, len(names))
	for i, name := range names {
		n, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: %q is no number", zkdata.ErrMalformed, name)
		}
		result[i] = int32(n)
	}
	slices.Sort(result)
	return result, nil
}

// GenerateBrokerSequenceId gives a number that no broker got before, from 1 on.
func (k *KafkaZkClient) GenerateBrokerSequenceId() (int32, error) {
	write := zkclient.SetDataRequest{Path: zkdata.BrokerSequenceIDPath, Data: []byte{}, Version: zkdata.MatchAnyVersion}
	for {
		response := k.retryRequestUntilConnected(write)
		if !errors.Is(response.Err, ErrNoNode) {
			return response.Stat.Version, response.Err
		}
		if err := ignore(k.CreateRecursive(write.Path, write.Data), ErrNodeExists); err != nil {
			return 0, err
		}
	}
}
