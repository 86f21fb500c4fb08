package admin

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// What ListOffsets takes in place of a time.
const (
	latestTimestamp   = int64(-1)
	earliestTimestamp = int64(-2)
)

// retryPause lies between two tries of a request that found no leader.
const retryPause = 100 * time.Millisecond

// logOffsets asks the leaders for the offset of a time in each partition, as
// Admin.listOffsets: -1 where no record is that young. Topics and leaders that
// are not there yet are waited for.
func (s *groupService) logOffsets(partitions []topic.Partition, timestamp int64) (map[topic.Partition]int64, error) {
	deadline := time.Now().Add(s.admin.Timeout())
	for {
		offsets, err := s.tryLogOffsets(partitions, timestamp)
		switch {
		case err == nil:
			return offsets, nil
		case !isMetadataError(err):
			return nil, command.Executed(err)
		case time.Now().Add(retryPause).After(deadline):
			return nil, command.Executed(s.admin.Calling("metadata").TimedOut(kmsg.NewPtrMetadataRequest()))
		}
		time.Sleep(retryPause)
	}
}

// staleMetadata covers an error for which the topics' metadata is read anew.
type staleMetadata struct{ error }

func isMetadataError(err error) bool {
	var stale staleMetadata
	return errors.As(err, &stale)
}

func metadataError(code int16) error {
	err := command.ErrorOf(code, nil)
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.LeaderNotAvailable), errors.Is(err, kerr.NotLeaderForPartition),
		errors.Is(err, kerr.KafkaStorageError), errors.Is(err, kerr.ListenerNotFound), errors.Is(err, kerr.FencedLeaderEpoch),
		errors.Is(err, kerr.ReplicaNotAvailable), errors.Is(err, kerr.UnknownLeaderEpoch), errors.Is(err, kerr.OffsetNotAvailable):
		return staleMetadata{err}
	}
	return err
}

func (s *groupService) tryLogOffsets(partitions []topic.Partition, timestamp int64) (map[topic.Partition]int64, error) {
	leaders, err := s.leaders(partitions)
	if err != nil {
		return nil, err
	}
	offsets := map[topic.Partition]int64{}
	for broker, led := range leaders {
		response, err := command.DoAt[*kmsg.ListOffsetsResponse](s.admin, broker, listOffsetsRequest(led, timestamp))
		if err != nil {
			return nil, err
		}
		for _, row := range response.Topics {
			for _, partition := range row.Partitions {
				if err := metadataError(partition.ErrorCode); err != nil {
					return nil, err
				}
				offsets[topic.Partition{Topic: row.Topic, Partition: partition.Partition}] = partition.Offset
			}
		}
	}
	return offsets, nil
}

func listOffsetsRequest(partitions []topic.Partition, timestamp int64) *kmsg.ListOffsetsRequest {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	rows := map[string]int{}
	for _, partition := range partitions {
		at, ok := rows[partition.Topic]
		if !ok {
			at = len(request.Topics)
			rows[partition.Topic] = at
			row := kmsg.NewListOffsetsRequestTopic()
			row.Topic = partition.Topic
			request.Topics = append(request.Topics, row)
		}
		row := kmsg.NewListOffsetsRequestTopicPartition()
		row.Partition, row.Timestamp = partition.Partition, timestamp
		request.Topics[at].Partitions = append(request.Topics[at].Partitions, row)
	}
	return request
}

// leaders sorts the partitions by the broker that leads them.
func (s *groupService) leaders(partitions []topic.Partition) (map[int32][]topic.Partition, error) {
	leaders := map[int32][]topic.Partition{}
	if len(partitions) == 0 {
		return leaders, nil
	}
	var names []string
	seen := map[string]bool{}
	for _, partition := range partitions {
		if !seen[partition.Topic] {
			seen[partition.Topic] = true
			names = append(names, partition.Topic)
		}
	}
	metadata, err := s.admin.Calling("metadata").Topics(names)
	if err != nil {
		return nil, err
	}
	leader := map[topic.Partition]int32{}
	for _, found := range metadata.Topics {
		if err := metadataError(found.ErrorCode); err != nil {
			return nil, err
		}
		for _, partition := range found.Partitions {
			if err := metadataError(partition.ErrorCode); err != nil {
				return nil, err
			}
			leader[topic.Partition{Topic: *found.Topic, Partition: partition.Partition}] = partition.Leader
		}
	}
	for _, partition := range partitions {
		broker, ok := leader[partition]
		if !ok || broker < 0 {
			return nil, command.ErrorOf(kerr.LeaderNotAvailable.Code, nil)
		}
		leaders[broker] = append(leaders[broker], partition)
	}
	return leaders, nil
}
