package zkutil

import (
	"errors"
	"fmt"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// fencedRequests sends writes of a controller, each of them with a check that no
// other controller was elected.
func (k *KafkaZkClient) fencedRequests(writes []zkclient.Op, expectedControllerEpochZkVersion int32) ([]zkclient.Response, error) {
	requests := make([]zkclient.Request, len(writes))
	switch {
	case expectedControllerEpochZkVersion == zkdata.MatchAnyVersion:
		for i, write := range writes {
			requests[i] = write
		}
		return k.retryRequestsUntilConnected(requests)
	case expectedControllerEpochZkVersion < 0:
		return nil, fmt.Errorf("Expected controller epoch zkVersion %d should be non-negative or equal to %d", //nolint:staticcheck // Kafka's sentence
			expectedControllerEpochZkVersion, zkdata.MatchAnyVersion)
	}
	check := zkclient.CheckOp{Path: zkdata.ControllerEpochPath, Version: expectedControllerEpochZkVersion}
	for i, write := range writes {
		requests[i] = zkclient.MultiRequest{Ops: []zkclient.Op{check, write}}
	}
	responses, err := k.retryRequestsUntilConnected(requests)
	if err != nil {
		return nil, err
	}
	for i := range responses {
		if responses[i], err = unwrapFenced(responses[i], check.Version); err != nil {
			return nil, err
		}
	}
	return responses, nil
}

// unwrapFenced turns the response of a fenced write into that of the write.
func unwrapFenced(response zkclient.Response, expectedVersion int32) (zkclient.Response, error) {
	if len(response.Results) != 2 {
		if response.Err == nil {
			response.Err = zkclient.ErrRuntimeInconsistency
		}
		return response, response.Err
	}
	check, write := response.Results[0], response.Results[1]
	if errors.Is(check.Err, ErrBadVersion) {
		return response, fmt.Errorf("%w: Controller epoch zkVersion check fails. Expected zkVersion = %d", ErrControllerMoved, expectedVersion)
	}
	if check.Err != nil {
		return response, check.Err
	}
	response.Err = write.Err
	response.Name = write.Name
	response.Stat = write.Stat
	return response, nil
}

// fencedRequest sends one write of a controller; all errors are in the response.
func (k *KafkaZkClient) fencedRequest(write zkclient.Op, expectedControllerEpochZkVersion int32) zkclient.Response {
	responses, err := k.fencedRequests([]zkclient.Op{write}, expectedControllerEpochZkVersion)
	if err != nil {
		return zkclient.Response{Err: err}
	}
	return responses[0]
}

// deleteFenced deletes nodes at any version; what went wrong with single nodes,
// as when they are gone already, is left aside as in Kafka.
func (k *KafkaZkClient) deleteFenced(paths []string, expectedControllerEpochZkVersion int32) error {
	deletes := make([]zkclient.Op, len(paths))
	for i, path := range paths {
		deletes[i] = zkclient.DeleteRequest{Path: path, Version: zkdata.MatchAnyVersion}
	}
	_, err := k.fencedRequests(deletes, expectedControllerEpochZkVersion)
	return err
}
