package command

import (
	"errors"
	"fmt"

	"github.com/gregor-broker/gregor/config/logging"
)

// The classes of exceptions that the tools' own checks end with.
const (
	IllegalArgument      = "java.lang.IllegalArgumentException"
	InvalidConfiguration = "org.apache.kafka.common.errors.InvalidConfigurationException"
)

// Exception is an error that Kafka's tools throw as the Java class named.
type Exception struct {
	Class, Message string
	Cause          error
	// Suppressed are further errors that its stack trace shows.
	Suppressed []error
}

func (e *Exception) Error() string { return e.Message }

// Throw returns an [Exception].
func Throw(class, format string, args ...any) error {
	return &Exception{Class: class, Message: fmt.Sprintf(format, args...)}
}

// IsException tells whether err is an [Exception] of one of the classes.
func IsException(err error, classes ...string) bool {
	var thrown *Exception
	if !errors.As(err, &thrown) {
		return false
	}
	for _, class := range classes {
		if thrown.Class == class {
			return true
		}
	}
	return false
}

// Thrown is an error as a stack trace shows it, without the places: its text,
// what it suppressed, then its cause.
func Thrown(err error) error {
	text := ExceptionText(err)
	var thrown *Exception
	if errors.As(err, &thrown) {
		for _, suppressed := range thrown.Suppressed {
			text += "\n\tSuppressed: " + ExceptionText(suppressed)
		}
		if thrown.Cause != nil {
			text += "\nCaused by: " + ExceptionText(thrown.Cause)
		}
	}
	return errors.New(text)
}

// LogThrown logs an error with its text on lines of its own.
func LogThrown(logger, message string, err error) {
	logging.For(logger).WithError(Thrown(err)).Error(message)
}

// IsTimeout tells whether the error is a [TimeoutError].
func IsTimeout(err error) bool {
	var timeout *TimeoutError
	return errors.As(err, &timeout)
}

// ExecutionError is java.util.concurrent.ExecutionException, the cover in which
// the Java client's futures give their errors.
type ExecutionError struct{ Cause error }

func (e *ExecutionError) Error() string { return ExceptionText(e.Cause) }
func (e *ExecutionError) Unwrap() error { return e.Cause }

// Executed puts an error of a request into its [ExecutionError]; nil stays nil.
func Executed(err error) error {
	if err == nil {
		return nil
	}
	return &ExecutionError{err}
}

// ExceptionText is an error as Throwable.toString gives it: the class, then the
// message.
func ExceptionText(err error) string {
	switch typed := err.(type) {
	case *ExecutionError:
		return "java.util.concurrent.ExecutionException: " + typed.Error()
	case *Exception:
		if typed.Message == "" {
			return typed.Class
		}
		return typed.Class + ": " + typed.Message
	case *ParseError:
		return typed.Class + ": " + typed.Message
	case *ServerError:
		return typed.ExceptionName() + ": " + typed.Message
	case *TimeoutError:
		return "org.apache.kafka.common.errors.TimeoutException: " + typed.Message
	}
	return "org.apache.kafka.common.KafkaException: " + err.Error()
}
