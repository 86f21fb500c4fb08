package controller

import (
	"errors"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// stateReads is what the state nodes of partitions said.
type stateReads struct {
	found   map[topic.Partition]zkdata.LeaderAndIsr
	missing []topic.Partition // there is no node
	failed  map[topic.Partition]error
}

// readStates reads state nodes. One that a later controller wrote fails: this
// one does not know yet that it is not the controller any more.
func readStates(zkClient *zkutil.KafkaZkClient, epoch int32, partitions []topic.Partition) (stateReads, error) {
	reads := stateReads{found: map[topic.Partition]zkdata.LeaderAndIsr{}, failed: map[topic.Partition]error{}}
	responses, err := zkClient.GetTopicPartitionStatesRaw(partitions)
	if err != nil {
		return reads, err
	}
	for _, response := range responses {
		switch {
		case errors.Is(response.Err, zkutil.ErrNoNode):
			reads.missing = append(reads.missing, response.Partition)
		case response.Err != nil:
			reads.failed[response.Partition] = response.Err
		case response.State.ControllerEpoch > epoch:
			reads.failed[response.Partition] = stateChangeFailedf("Leader and isr path written by another controller. This probably "+
				"means the current controller with epoch %d went through a soft failure and another "+
				"controller was elected with epoch %d. Aborting state change by this controller",
				epoch, response.State.ControllerEpoch)
		default:
			reads.found[response.Partition] = response.State.LeaderAndIsr
		}
	}
	return reads, nil
}

// stateWrites is what became of writing state nodes.
type stateWrites struct {
	updated    map[topic.Partition]zkdata.LeaderAndIsr // at their new version
	failed     map[topic.Partition]error
	badVersion []topic.Partition // the node changed since it was read
}

// writeStates writes the states, each over the version it has. The only error is
// that the controller moved.
func writeStates(zkClient *zkutil.KafkaZkClient, context *controllerContext, states map[topic.Partition]zkdata.LeaderAndIsr) (stateWrites, error) {
	writes := stateWrites{updated: map[topic.Partition]zkdata.LeaderAndIsr{}, failed: map[topic.Partition]error{}}
	if len(states) == 0 {
		return writes, nil
	}
	result, err := zkClient.UpdateLeaderAndIsr(states, context.epoch, context.epochZkVersion)
	if err != nil {
		return writes, err
	}
	for partition, finished := range result.FinishedPartitions {
		if finished.Err != nil {
			writes.failed[partition] = finished.Err
		} else {
			writes.updated[partition] = finished.LeaderAndIsr
		}
	}
	writes.badVersion = result.PartitionsToRetry
	return writes, nil
}

// onlyControllerMoved passes that error on and swallows others, which the
// partitions concerned report.
func onlyControllerMoved(err error) error {
	if errors.Is(err, errControllerMoved) {
		return err
	}
	return nil
}
