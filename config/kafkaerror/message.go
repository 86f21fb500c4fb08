// Package kafkaerror has what Kafka 3.1.0 says of an error code: the message that
// brokers send and that its clients' exceptions carry. It mirrors
// org.apache.kafka.common.protocol.Errors; codes and names are kerr's.
package kafkaerror

import "github.com/twmb/franz-go/pkg/kerr"

// Message returns the message of an error code, the empty one for 0.
func Message(code int16) string {
	if message, ok := messages[code]; ok {
		return message
	}
	if known := kerr.TypedErrorForCode(code); known != nil {
		return known.Description
	}
	return ""
}

// messages has the messages that differ from the descriptions of kerr;
// operators and tests of clients compare them.
var messages = map[int16]string{
	6:   "For requests intended only for the leader, this error indicates that the broker is not the current leader. For requests intended for any replica, this error indicates that the broker is not a replica of the topic partition.",
	9:   "The replica is not available for the requested topic-partition. Produce/Fetch requests and other requests intended only for the leader or follower return NOT_LEADER_OR_FOLLOWER if the broker is not a replica of the topic-partition.",
	10:  "The request included a message larger than the max message size the server will accept.",
	24:  "The configured groupId is invalid.",
	29:  "Topic authorization failed.",
	30:  "Group authorization failed.",
	47:  "Producer attempted to produce with an old epoch.",
	53:  "Transactional Id authorization failed.",
	59:  "This exception is raised by the broker if it could not locate the producer metadata associated with the producerId in question. This could happen if, for instance, the producer's records were deleted because their retention time had elapsed. Once the last records of the producerId are removed, the producer's metadata is removed from the broker, and future appends by the producer will return this exception.",
	74:  "The leader epoch in the request is older than the epoch on the broker.",
	75:  "The leader epoch in the request is newer than the epoch on the broker.",
	77:  "Broker epoch has changed.",
	78:  "The leader high watermark has not caught up from a recent leader election so the offsets cannot be guaranteed to be monotonically increasing.",
	79:  "The group member needs to have a valid member id before actually entering a consumer group.",
	80:  "The preferred leader was not available.",
	81:  "The consumer group has reached its max size.",
	83:  "Eligible topic partition leaders are not available.",
	84:  "Leader election not needed for topic partition.",
	87:  "This record has failed the validation on broker and hence will be rejected.",
	94:  "Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters",
	98:  "Requested snapshot was not found",
	103: "The log's topic ID did not match the topic ID in the request",
	104: "The clusterId in the request does not match that found on the server",
	105: "The transactionalId could not be found",
	106: "The fetch session encountered inconsistent topic ID usage",
}
