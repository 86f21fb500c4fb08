package zkutil

import (
	"errors"
	"fmt"
	"time"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// RegisterControllerAndIncrementControllerEpoch makes the broker the controller
// and gives the new controller epoch and the data version of /controller_epoch. It
// fails with ErrControllerMoved if another broker is or becomes controller.
func (k *KafkaZkClient) RegisterControllerAndIncrementControllerEpoch(controllerID int32) (epoch, epochZkVersion int32, err error) {
	now := time.Now().UnixMilli()
	current, version, err := k.currentControllerEpoch()
	if err != nil {
		return 0, 0, err
	}
	epoch = current + 1
	k.log.Debugf("Try to create %s and increment controller epoch to %d with expected controller epoch zkVersion %d", zkdata.ControllerPath, epoch, version)
	response := k.retryRequestUntilConnected(zkclient.MultiRequest{Ops: []zkclient.Op{
		zkclient.CreateRequest{
			Path: zkdata.ControllerPath,
			Data: zkdata.EncodeController(controllerID, now),
			ACL:  k.DefaultAcls(zkdata.ControllerPath),
			Mode: zkclient.Ephemeral,
		},
		zkclient.SetDataRequest{Path: zkdata.ControllerEpochPath, Data: zkdata.EncodeControllerEpoch(epoch), Version: version},
	}})
	switch {
	case response.Err == nil && len(response.Results) == 2:
		return epoch, response.Results[1].Stat.Version, nil
	case errors.Is(response.Err, ErrNodeExists) || errors.Is(response.Err, ErrBadVersion):
		return k.checkControllerAndEpoch(controllerID, epoch)
	}
	return 0, 0, response.Err
}

// currentControllerEpoch reads /controller_epoch, creating it in a new cluster.
func (k *KafkaZkClient) currentControllerEpoch() (epoch, version int32, err error) {
	epoch, version, found, err := k.GetControllerEpoch()
	if err != nil || found {
		return epoch, version, err
	}
	err = k.create(zkdata.ControllerEpochPath, zkdata.EncodeControllerEpoch(zkdata.InitialControllerEpoch))
	if err == nil {
		k.log.Infof("Successfully created %s with initial epoch %d", zkdata.ControllerEpochPath, zkdata.InitialControllerEpoch)
		return zkdata.InitialControllerEpoch, zkdata.InitialControllerEpochZkVersion, nil
	}
	if !errors.Is(err, ErrNodeExists) {
		return 0, 0, err
	}
	return k.existingControllerEpoch()
}

func (k *KafkaZkClient) existingControllerEpoch() (epoch, version int32, err error) {
	epoch, version, found, err := k.GetControllerEpoch()
	if err == nil && !found {
		err = fmt.Errorf("%s existed before but goes away while trying to read it: %w", zkdata.ControllerEpochPath, ErrNoNode)
	}
	return epoch, version, err
}

// checkControllerAndEpoch finds out whether a registration that failed was ours
// after all: the answer to the first attempt may have been lost.
func (k *KafkaZkClient) checkControllerAndEpoch(controllerID, newEpoch int32) (epoch, version int32, err error) {
	current, found, err := k.GetControllerId()
	if err != nil {
		return 0, 0, err
	}
	if !found {
		return 0, 0, fmt.Errorf("%w: The ephemeral node at %s went away while checking whether the controller election succeeds. Aborting controller startup procedure", ErrControllerMoved, zkdata.ControllerPath)
	}
	if current == controllerID {
		epoch, version, err := k.existingControllerEpoch()
		if err != nil {
			return 0, 0, err
		}
		if epoch == newEpoch {
			return epoch, version, nil
		}
	}
	return 0, 0, fmt.Errorf("%w: Controller moved to another broker. Aborting controller startup procedure", ErrControllerMoved)
}

// GetControllerId reads the id of the active controller; found is false if there
// is none.
func (k *KafkaZkClient) GetControllerId() (id int32, found bool, err error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.ControllerPath})
	if response.Err != nil {
		return 0, false, ignore(response.Err, ErrNoNode)
	}
	return zkdata.DecodeController(response.Data)
}

// DeleteController deletes /controller so that the brokers elect another.
func (k *KafkaZkClient) DeleteController(expectedControllerEpochZkVersion int32) error {
	return k.deleteFenced([]string{zkdata.ControllerPath}, expectedControllerEpochZkVersion)
}

// GetControllerEpoch reads the controller epoch and its node's data version.
func (k *KafkaZkClient) GetControllerEpoch() (epoch, version int32, found bool, err error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.ControllerEpochPath})
	if response.Err != nil {
		return 0, 0, false, ignore(response.Err, ErrNoNode)
	}
	epoch, err = zkdata.DecodeControllerEpoch(response.Data)
	return epoch, response.Stat.Version, err == nil, err
}
