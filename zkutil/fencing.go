package zkutil

import (
	"errors"
	"fmt"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// fencedRequests sends writes of a controller, none of which is done if another
// controller was elected. Each succeeds or fails by itself, in any order.
func (k *KafkaZkClient) fencedRequests(writes []zkclient.Op, expectedControllerEpochZkVersion int32) ([]zkclient.Response, error) {
	switch {
	case expectedControllerEpochZkVersion == zkdata.MatchAnyVersion:
		requests := make([]zkclient.Request, len(writes))
		for i, write := range writes {
			requests[i] = write
		}
		return k.retryRequestsUntilConnected(requests)
	case expectedControllerEpochZkVersion < 0:
		return nil, fmt.Errorf("Expected controller epoch zkVersion %d should be non-negative or equal to %d", //nolint:staticcheck // Kafka's sentence
			expectedControllerEpochZkVersion, zkdata.MatchAnyVersion)
	}
	return k.fencedGroups(writes, zkclient.CheckOp{Path: zkdata.ControllerEpochPath, Version: expectedControllerEpochZkVersion})
}

// What one transaction of grouped writes has at most; a server takes a megabyte.
const (
	maxGroupWrites = 64
	maxGroupBytes  = 128 << 10
)

// fencedGroups writes in transactions. When there are more writes than may be under
// way at once, as after the death of a broker with many partitions, each transaction
// has several: so the server syncs and answers less often. If one of these cannot be
// done none of its group is, and each is then sent again in a transaction of its own.
func (k *KafkaZkClient) fencedGroups(writes []zkclient.Op, check zkclient.CheckOp) ([]zkclient.Response, error) {
	size := min(maxGroupWrites, (len(writes)+k.client.MaxInFlightRequests()-1)/k.client.MaxInFlightRequests())
	groups := groupsOf(writes, size)
	requests := make([]zkclient.Request, len(groups))
	for i, group := range groups {
		requests[i] = zkclient.MultiRequest{Ops: append([]zkclient.Op{check}, group...)}
	}
	answers, err := k.retryRequestsUntilConnected(requests)
	if err != nil {
		return nil, err
	}
	responses := make([]zkclient.Response, 0, len(writes))
	var failed []int
	for i, group := range groups {
		unwrapped, done, err := unwrapFenced(answers[i], len(group), check.Version)
		if err != nil {
			return nil, err
		}
		for j := range unwrapped {
			if !done && len(group) > 1 {
				failed = append(failed, len(responses)+j)
			}
		}
		responses = append(responses, unwrapped...)
	}
	return responses, k.writeAlone(writes, failed, check, responses)
}

// groupsOf cuts writes into groups of at most that many.
func groupsOf(writes []zkclient.Op, size int) (groups [][]zkclient.Op) {
	for begin := 0; begin < len(writes); {
		end, bytes := begin, 0
		for end < len(writes) && end-begin < size {
			bytes += bytesOf(writes[end])
			if end > begin && bytes > maxGroupBytes {
				break
			}
			end++
		}
		groups = append(groups, writes[begin:end:end])
		begin = end
	}
	return groups
}

func bytesOf(write zkclient.Op) int {
	switch w := write.(type) {
	case zkclient.CreateRequest:
		return len(w.Path) + len(w.Data)
	case zkclient.SetDataRequest:
		return len(w.Path) + len(w.Data)
	default:
		return 0
	}
}

// writeAlone sends those writes again whose groups failed.
func (k *KafkaZkClient) writeAlone(writes []zkclient.Op, failed []int, check zkclient.CheckOp, responses []zkclient.Response) error {
	requests := make([]zkclient.Request, len(failed))
	for i, at := range failed {
		requests[i] = zkclient.MultiRequest{Ops: []zkclient.Op{check, writes[at]}}
	}
	answers, err := k.retryRequestsUntilConnected(requests)
	if err != nil {
		return err
	}
	for i, at := range failed {
		unwrapped, _, err := unwrapFenced(answers[i], 1, check.Version)
		if err != nil {
			return err
		}
		responses[at] = unwrapped[0]
	}
	return nil
}

// unwrapFenced turns the response to a fenced transaction into those to its writes,
// and reports whether they were done.
func unwrapFenced(response zkclient.Response, writes int, expectedVersion int32) (unwrapped []zkclient.Response, done bool, err error) {
	if len(response.Results) != 1+writes {
		if response.Err == nil {
			response.Err = zkclient.ErrRuntimeInconsistency
		}
		return nil, false, response.Err
	}
	check := response.Results[0]
	if errors.Is(check.Err, ErrBadVersion) {
		return nil, false, fmt.Errorf("%w: Controller epoch zkVersion check fails. Expected zkVersion = %d", ErrControllerMoved, expectedVersion)
	}
	if check.Err != nil {
		return nil, false, check.Err
	}
	done = true
	unwrapped = make([]zkclient.Response, writes)
	for i, write := range response.Results[1:] {
		unwrapped[i] = zkclient.Response{Err: write.Err, Name: write.Name, Stat: write.Stat, Latency: response.Latency}
		done = done && write.Err == nil
	}
	return unwrapped, done, nil
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
