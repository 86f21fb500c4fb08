package protocol

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/kafkaerror"
)

// messageError is a Kafka error with a message of its own for the client.
type messageError struct {
	err     error
	message string
}

func (e *messageError) Error() string { return e.message }
func (e *messageError) Unwrap() error { return e.err }

// WithMessage gives a kerr error the message that the client is to read
// instead of the default one, as Errors.exception(String).
func WithMessage(err error, message string) error {
	return &messageError{err: err, message: message}
}

// ErrorCode returns the error code that clients see: 0 for nil, the code of
// the kerr error that err wraps, else UNKNOWN_SERVER_ERROR.
func ErrorCode(err error) int16 {
	if err == nil {
		return 0
	}
	if kafkaError, ok := errors.AsType[*kerr.Error](err); ok {
		return kafkaError.Code
	}
	return kerr.UnknownServerError.Code
}

// ErrorMessage returns the message that clients see: nil for no error, the
// message given by [WithMessage], else the default one of the error's code, as
// ApiError.messageWithFallback.
func ErrorMessage(err error) *string {
	if err == nil {
		return nil
	}
	if message := CustomMessage(err); message != nil {
		return message
	}
	return DefaultMessage(ErrorCode(err))
}

// CustomMessage returns the message given by [WithMessage] or nil, as
// ApiError.message: some responses leave generic messages out.
func CustomMessage(err error) *string {
	if withMessage, ok := errors.AsType[*messageError](err); ok {
		return &withMessage.message
	}
	return nil
}

// DefaultMessage returns 3.1.0's message of an error code, nil for 0.
func DefaultMessage(code int16) *string {
	if kerr.TypedErrorForCode(code) == nil {
		return nil
	}
	message := kafkaerror.Message(code)
	return &message
}

// ErrorName returns the name of an error code as 3.1.0 has it, NONE for 0.
func ErrorName(code int16) string {
	switch code {
	case 0:
		return "NONE"
	case kerr.NotLeaderForPartition.Code:
		return "NOT_LEADER_OR_FOLLOWER"
	}
	return kerr.TypedErrorForCode(code).Message
}
