package command

import (
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/kafkaerror"
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
	return &ServerError{known, kafkaerror.Message(code)}
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
