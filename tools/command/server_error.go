package command

import (
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ServerError is an error code of a broker's answer with the message that the
// Java client's exception carries.
type ServerError struct {
	Code    *kerr.Error
	Message string
}

func (e *ServerError) Error() string { return e.Message }
func (e *ServerError) Unwrap() error { return e.Code }

// ErrorOf makes an error of a code and of the message that came with it, if one
// did; nil for code 0.
func ErrorOf(code int16, message *string) error {
	known := kerr.TypedErrorForCode(code)
	switch {
	case known == nil:
		return nil
	case message != nil:
		return &ServerError{known, *message}
	}
	if text, ok := javaMessages[code]; ok {
		return &ServerError{known, text}
	}
	return &ServerError{known, known.Description}
}

// javaMessages are the messages in which Kafka 3.1.0's clients differ from the
// library's.
var javaMessages = map[int16]string{
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

// irregularExceptions are the Java exceptions whose names do not follow from the
// error's.
var irregularExceptions = map[int16]string{
	-1: "UnknownServerException", 2: "CorruptRecordException", 7: "TimeoutException", 10: "RecordTooLargeException",
	11: "ControllerMovedException", 12: "OffsetMetadataTooLarge", 6: "NotLeaderOrFollowerException", 17: "InvalidTopicException",
	18: "RecordBatchTooLargeException", 29: "TopicAuthorizationException", 30: "GroupAuthorizationException",
	31: "ClusterAuthorizationException", 36: "TopicExistsException", 40: "InvalidConfigurationException",
	45: "OutOfOrderSequenceException", 46: "DuplicateSequenceException", 49: "InvalidPidMappingException",
	50: "InvalidTxnTimeoutException", 53: "TransactionalIdAuthorizationException", 56: "KafkaStorageException",
	58: "SaslAuthenticationException", 61: "DelegationTokenDisabledException", 64: "UnsupportedByAuthenticationException",
	65: "DelegationTokenAuthorizationException", 68: "GroupNotEmptyException", 97: "PrincipalDeserializationException",
	106: "FetchSessionTopicIdException",
}

// ExceptionName is the Java class of an error.
func (e *ServerError) ExceptionName() string {
	const errorsPackage = "org.apache.kafka.common.errors."
	if name := irregularExceptions[e.Code.Code]; name != "" {
		return errorsPackage + name
	}
	var name strings.Builder
	for _, word := range strings.Split(e.Code.Message, "_") {
		name.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return errorsPackage + strings.TrimSuffix(name.String(), "Exception") + "Exception"
}

// ErrorName is the name of an error's code, as Errors.forException gives it.
func ErrorName(err error) string {
	var known *ServerError
	switch {
	case errors.As(err, &known):
		return known.Code.Message
	case IsTimeout(err):
		return kerr.RequestTimedOut.Message
	}
	return kerr.UnknownServerError.Message
}
