package zkclient

import (
	"time"

	"github.com/go-zookeeper/zk"
)

// Stat and ACL are ZooKeeper's records.
type (
	Stat = zk.Stat
	ACL  = zk.ACL
)

// CreateMode tells what kind of node to create.
type CreateMode int32

// The kinds of nodes Kafka uses.
const (
	Persistent           CreateMode = 0
	Ephemeral            CreateMode = zk.FlagEphemeral
	PersistentSequential CreateMode = zk.FlagSequence
)

// Request is one of the requests below. A version of -1 matches any.
type Request interface{ path() string }

// CreateRequest creates a node; Data may be nil, which is not the same as empty.
type CreateRequest struct {
	Path string
	Data []byte
	ACL  []ACL
	Mode CreateMode
}

// DeleteRequest deletes a node without children.
type DeleteRequest struct {
	Path    string
	Version int32
}

// ExistsRequest asks for a node's Stat; it fails with ErrNoNode if there is none.
// It sets a data watch, also on a missing node, if a handler is registered.
type ExistsRequest struct{ Path string }

// GetDataRequest reads a node and sets a data watch if a handler is registered.
type GetDataRequest struct{ Path string }

// SetDataRequest writes a node.
type SetDataRequest struct {
	Path    string
	Data    []byte
	Version int32
}

// GetACLRequest reads a node's ACL.
type GetACLRequest struct{ Path string }

// SetACLRequest writes a node's ACL.
type SetACLRequest struct {
	Path    string
	ACL     []ACL
	Version int32
}

// GetChildrenRequest lists the names of a node's children and sets a child watch
// if RegisterWatch is true and a handler is registered.
type GetChildrenRequest struct {
	Path          string
	RegisterWatch bool
}

// SyncRequest waits until the server has seen every change made before.
type SyncRequest struct{ Path string }

// CheckOp is an operation of a MultiRequest that fails unless the node has that
// data version.
type CheckOp struct {
	Path    string
	Version int32
}

// Op is an operation of a MultiRequest: CreateRequest, DeleteRequest,
// SetDataRequest or CheckOp.
type Op interface{ path() string }

// MultiRequest does all of its operations or none.
type MultiRequest struct{ Ops []Op }

func (r CreateRequest) path() string      { return r.Path }
func (r DeleteRequest) path() string      { return r.Path }
func (r ExistsRequest) path() string      { return r.Path }
func (r GetDataRequest) path() string     { return r.Path }
func (r SetDataRequest) path() string     { return r.Path }
func (r GetACLRequest) path() string      { return r.Path }
func (r SetACLRequest) path() string      { return r.Path }
func (r GetChildrenRequest) path() string { return r.Path }
func (r SyncRequest) path() string        { return r.Path }
func (r CheckOp) path() string            { return r.Path }
func (r MultiRequest) path() string       { return "" }

// OpResult is the outcome of one operation of a MultiRequest. Of a failed one the
// operation at fault has its error, those before it none and those after it
// ErrRuntimeInconsistency.
type OpResult struct {
	Err  error
	Name string // the path created
	Stat Stat   // after SetDataRequest
}

// Response answers a request; which fields are set depends on the request.
type Response struct {
	Err      error // nil or an *Error, or ErrClosed
	Path     string
	Name     string // the path created, which has the number of a sequential node
	Data     []byte
	Stat     Stat
	Children []string
	ACL      []ACL
	Results  []OpResult // one per operation of a MultiRequest the server has seen
	Latency  time.Duration
}
