package replica

import (
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
)

// noEpoch stands for a leader epoch that is not known.
const noEpoch int32 = -1

// unknownLag is the lag of a follower that did not fetch yet.
const unknownLag int64 = -1

// partitionFetchState is how far a fetcher is with one partition, as
// kafka.server.PartitionFetchState. It is guarded by its thread.
type partitionFetchState struct {
	tp                 topic.Partition
	topicID            topic.ID
	fetchOffset        int64
	lag                int64
	currentLeaderEpoch int32
	// lastFetchedEpoch is that of the last record, sent so that the leader
	// finds divergence; noEpoch before IBP 2.7.
	lastFetchedEpoch int32
	delayedUntil     time.Time
	// truncating partitions first have to find out where their log agrees with
	// the leader's; outOfRange ones where the leader's begins and ends.
	truncating bool
	outOfRange bool

	sent sentState

	prev, next *partitionFetchState // order in which to fetch
}

// sentState is what the leader's session has of a partition.
type sentState struct {
	inSession          bool
	topicID            topic.ID
	fetchOffset        int64
	logStartOffset     int64
	currentLeaderEpoch int32
	lastFetchedEpoch   int32
}

func (s *partitionFetchState) delayed(now time.Time) bool { return now.Before(s.delayedUntil) }

func (s *partitionFetchState) readyForFetch(now time.Time) bool {
	return !s.truncating && !s.outOfRange && !s.delayed(now)
}

// inSync reports whether the follower had all there was at its last fetch.
func (s *partitionFetchState) inSync() bool { return s.lag == 0 }

// truncatesOnFetch reports whether brokers of this version tell a follower in
// the fetch response where its log diverges (KIP-595).
func truncatesOnFetch(version config.ApiVersion) bool { return version >= config.IBP_2_7_IV1 }

// fetcherVersions are the request versions a fetcher uses, given by its own
// inter-broker protocol; nothing is negotiated.
type fetcherVersions struct {
	fetch             int16
	offsetForEpoch    int16
	listOffsets       int16
	epochsSupported   bool
	truncationOnFetch bool
}

// versionStep is the first inter-broker protocol that uses a request version.
type versionStep struct {
	from    config.ApiVersion
	version int16
}

var (
	fetchVersions = []versionStep{
		{config.IBP_3_1_IV0, 13}, {config.IBP_2_7_IV1, 12}, {config.IBP_2_3_IV1, 11}, {config.IBP_2_1_IV2, 10}, {config.IBP_2_0_IV1, 8},
		{config.IBP_1_1_IV0, 7}, {config.IBP_0_11_0_IV1, 5}, {config.IBP_0_11_0_IV0, 4}, {config.IBP_0_10_1_IV1, 3},
		{config.IBP_0_10_0_IV0, 2}, {config.IBP_0_9_0, 1},
	}
	offsetForEpochVersions = []versionStep{
		{config.IBP_2_8_IV0, 4}, {config.IBP_2_3_IV1, 3}, {config.IBP_2_1_IV1, 2}, {config.IBP_2_0_IV0, 1},
	}
	listOffsetsVersions = []versionStep{
		{config.IBP_3_0_IV1, 7}, {config.IBP_2_8_IV0, 6}, {config.IBP_2_2_IV1, 5}, {config.IBP_2_1_IV1, 4}, {config.IBP_2_0_IV1, 3},
		{config.IBP_0_11_0_IV0, 2}, {config.IBP_0_10_1_IV2, 1},
	}
)

func versionAt(protocol config.ApiVersion, steps []versionStep) int16 {
	for _, step := range steps {
		if protocol >= step.from {
			return step.version
		}
	}
	return 0
}

func fetcherVersionsOf(protocol config.ApiVersion) fetcherVersions {
	fetch := versionAt(protocol, fetchVersions)
	return fetcherVersions{
		fetch: fetch, offsetForEpoch: versionAt(protocol, offsetForEpochVersions), listOffsets: versionAt(protocol, listOffsetsVersions),
		epochsSupported: protocol >= config.IBP_0_11_0_IV2, truncationOnFetch: truncatesOnFetch(protocol),
	}
}
