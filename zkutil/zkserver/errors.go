package zkserver

import (
	"errors"
	"fmt"
)

// Code is an error code of the ZooKeeper protocol (KeeperException.Code).
type Code int32

// The codes this server answers with, and CodeConnectionLoss, which is a client's.
const (
	CodeOK                      Code = 0
	CodeRuntimeInconsistency    Code = -2
	CodeConnectionLoss          Code = -4
	CodeMarshallingError        Code = -5
	CodeUnimplemented           Code = -6
	CodeBadArguments            Code = -8
	CodeNoNode                  Code = -101
	CodeNoAuth                  Code = -102
	CodeBadVersion              Code = -103
	CodeNoChildrenForEphemerals Code = -108
	CodeNodeExists              Code = -110
	CodeNotEmpty                Code = -111
	CodeSessionExpired          Code = -112
	CodeInvalidACL              Code = -114
	CodeAuthFailed              Code = -115
	CodeNoWatcher               Code = -121
	CodeReconfigDisabled        Code = -123
)

var codeNames = map[Code]string{
	CodeOK:                      "Ok",
	CodeRuntimeInconsistency:    "RuntimeInconsistency",
	CodeConnectionLoss:          "ConnectionLoss",
	CodeMarshallingError:        "MarshallingError",
	CodeUnimplemented:           "Unimplemented",
	CodeBadArguments:            "BadArguments",
	CodeNoNode:                  "NoNode",
	CodeNoAuth:                  "NoAuth",
	CodeBadVersion:              "BadVersion",
	CodeNoChildrenForEphemerals: "NoChildrenForEphemerals",
	CodeNodeExists:              "NodeExists",
	CodeNotEmpty:                "Directory not empty",
	CodeSessionExpired:          "Session expired",
	CodeInvalidACL:              "InvalidACL",
	CodeAuthFailed:              "AuthFailed",
	CodeNoWatcher:               "No such watcher",
	CodeReconfigDisabled:        "Reconfig is disabled",
}

// Error is the text that ZooKeeper's own clients print.
func (c Code) Error() string {
	if name, ok := codeNames[c]; ok {
		return "KeeperErrorCode = " + name
	}
	return fmt.Sprintf("KeeperErrorCode = %d", int32(c))
}

// codeOf maps the error of an operation to what the client is told.
func codeOf(err error) Code {
	if err == nil {
		return CodeOK
	}
	var code Code
	if errors.As(err, &code) {
		return code
	}
	return CodeMarshallingError
}

// Errors that stand for exit codes of ZooKeeper's main class.
var (
	// ErrDatadir says that a data directory cannot be used.
	ErrDatadir = errors.New("unable to access datadir")
	// ErrSnapshot says that a snapshot cannot be written.
	ErrSnapshot = errors.New("severe unrecoverable error in taking a snapshot")
	// ErrConfig says that the configuration is not valid.
	ErrConfig = errors.New("invalid config")
)
