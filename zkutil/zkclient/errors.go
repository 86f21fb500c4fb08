package zkclient

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-zookeeper/zk"
)

// Error is a failed operation: KeeperException. Compare with errors.Is against
// the Err values below, which match whatever the path.
type Error struct {
	Code string // the name in KeeperException.Code as its message has it, such as NodeExists
	Path string
}

// Error gives KeeperException's message.
func (e *Error) Error() string {
	if e.Path == "" {
		return "KeeperErrorCode = " + e.Code
	}
	return "KeeperErrorCode = " + e.Code + " for " + e.Path
}

// Is matches an error of the same code; a target with a path must have the same.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Path == "" || t.Path == e.Path)
}

// What may go wrong with a request.
var (
	ErrNoNode                  = &Error{Code: "NoNode"}
	ErrNodeExists              = &Error{Code: "NodeExists"}
	ErrBadVersion              = &Error{Code: "BadVersion"}
	ErrNotEmpty                = &Error{Code: "Directory not empty"}
	ErrNoAuth                  = &Error{Code: "NoAuth"}
	ErrInvalidACL              = &Error{Code: "InvalidACL"}
	ErrAuthFailed              = &Error{Code: "AuthFailed"}
	ErrNoChildrenForEphemerals = &Error{Code: "NoChildrenForEphemerals"}
	ErrSessionExpired          = &Error{Code: "Session expired"}
	ErrSessionMoved            = &Error{Code: "Session moved"}
	ErrConnectionLoss          = &Error{Code: "ConnectionLoss"}
	ErrBadArguments            = &Error{Code: "BadArguments"}
	ErrRuntimeInconsistency    = &Error{Code: "RuntimeInconsistency"}
)

// What may go wrong with a client as a whole.
var (
	// ErrTimeout: no connection within the time allowed (ZooKeeperClientTimeoutException).
	ErrTimeout = errors.New("ZooKeeperClientTimeoutException")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("ZooKeeper client is closed")
)

// timeoutError carries Kafka's sentence and matches ErrTimeout.
type timeoutError struct{ state State }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("Timed out waiting for connection while in state: %s", e.state)
}

func (e *timeoutError) Unwrap() error { return ErrTimeout }

var keeperErrors = map[error]*Error{
	zk.ErrNoNode:                  ErrNoNode,
	zk.ErrNodeExists:              ErrNodeExists,
	zk.ErrBadVersion:              ErrBadVersion,
	zk.ErrNotEmpty:                ErrNotEmpty,
	zk.ErrNoAuth:                  ErrNoAuth,
	zk.ErrInvalidACL:              ErrInvalidACL,
	zk.ErrAuthFailed:              ErrAuthFailed,
	zk.ErrNoChildrenForEphemerals: ErrNoChildrenForEphemerals,
	zk.ErrSessionExpired:          ErrSessionExpired,
	zk.ErrSessionMoved:            ErrSessionMoved,
	zk.ErrBadArguments:            ErrBadArguments,
	zk.ErrInvalidPath:             ErrBadArguments,
	zk.ErrInvalidFlags:            ErrBadArguments,
	zk.ErrShortBuffer:             {Code: "MarshallingError"},
	zk.ErrAPIError:                {Code: "APIError"},
}

// keeperError turns an error of go-zookeeper into one of ours. What it does not
// name is a broken connection, except the codes it has no name for.
func keeperError(err error, path string) error {
	if err == nil {
		return nil
	}
	known, ok := keeperErrors[err]
	switch {
	case ok:
	case strings.HasPrefix(err.Error(), unnamedCode):
		code := strings.TrimPrefix(err.Error(), unnamedCode)
		if known = serverErrors[code]; known == nil {
			known = &Error{Code: "Unknown error " + code}
		}
	default:
		known = ErrConnectionLoss
	}
	return &Error{Code: known.Code, Path: path}
}

// unnamedCode begins go-zookeeper's text for a code without a name of its own.
const unnamedCode = "unknown error: "

// serverErrors are codes that go-zookeeper gives as numbers.
var serverErrors = map[string]*Error{
	"-1":   {Code: "SystemError"},
	"-2":   ErrRuntimeInconsistency,
	"-3":   {Code: "DataInconsistency"},
	"-4":   ErrConnectionLoss,
	"-5":   {Code: "MarshallingError"},
	"-6":   {Code: "Unimplemented"},
	"-7":   {Code: "OperationTimeout"},
	"-8":   ErrBadArguments,
	"-119": {Code: "NotReadOnly"},
}
