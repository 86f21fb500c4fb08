package zkserver

// Operation codes (ZooDefs.OpCode).
const (
	opNotification         = 0
	opCreate               = 1
	opDelete               = 2
	opExists               = 3
	opGetData              = 4
	opSetData              = 5
	opGetACL               = 6
	opSetACL               = 7
	opGetChildren          = 8
	opSync                 = 9
	opPing                 = 11
	opGetChildren2         = 12
	opCheck                = 13
	opMulti                = 14
	opCreate2              = 15
	opReconfig             = 16
	opCheckWatches         = 17
	opRemoveWatches        = 18
	opCreateContainer      = 19
	opDeleteContainer      = 20
	opCreateTTL            = 21
	opMultiRead            = 22
	opAuth                 = 100
	opSetWatches           = 101
	opSASL                 = 102
	opGetEphemerals        = 103
	opGetAllChildrenNumber = 104
	opSetWatches2          = 105
	opAddWatch             = 106
	opWhoAmI               = 107
	opCreateSession        = -10
	opCloseSession         = -11
	opError                = -1
)

// Transaction ids with a meaning of their own.
const (
	xidNotification = -1
	xidPing         = -2
)

// Permission bits of an ACL entry.
const (
	permRead   = 1
	permWrite  = 2
	permCreate = 4
	permDelete = 8
	permAdmin  = 16
	permAll    = 31
)

// Flags of a create request (CreateMode).
const (
	flagPersistent           = 0
	flagEphemeral            = 1
	flagPersistentSequential = 2
	flagEphemeralSequential  = 3
	flagContainer            = 4
	flagTTL                  = 5
	flagTTLSequential        = 6
)

// authID is an identity: of a connection, or in an ACL entry.
type authID struct {
	scheme, id string
}

// aclItem is one entry of an ACL.
type aclItem struct {
	perms int32
	authID
}

// stat is the record of a node's metadata that clients see.
type stat struct {
	czxid, mzxid, ctime, mtime  int64
	version, cversion, aversion int32
	ephemeralOwner              int64
	dataLength, numChildren     int32
	pzxid                       int64
}

func (e *encoder) stat(s *stat) {
	e.Int64(s.czxid)
	e.Int64(s.mzxid)
	e.Int64(s.ctime)
	e.Int64(s.mtime)
	e.Int32(s.version)
	e.Int32(s.cversion)
	e.Int32(s.aversion)
	e.Int64(s.ephemeralOwner)
	e.Int32(s.dataLength)
	e.Int32(s.numChildren)
	e.Int64(s.pzxid)
}

func (e *encoder) acl(list []aclItem) {
	e.Int32(int32(len(list)))
	for _, item := range list {
		e.Int32(item.perms)
		e.Text(item.scheme)
		e.Text(item.id)
	}
}

func (d *decoder) acl() []aclItem {
	n := d.Count(12)
	if n == 0 {
		return nil
	}
	list := make([]aclItem, 0, n)
	for range n {
		var item aclItem
		item.perms = d.Int32()
		item.scheme = d.Text()
		item.id = d.Text()
		list = append(list, item)
	}
	return list
}

// requestHeader precedes every request but the first of a connection.
type requestHeader struct {
	xid, op int32
}

// connectRequest is the first packet of a connection.
type connectRequest struct {
	lastZxidSeen int64
	timeoutMs    int32
	sessionID    int64
	password     []byte
	// hasReadOnly says that the client knows read-only servers.
	hasReadOnly bool
}

func decodeConnectRequest(frame []byte) (connectRequest, error) {
	d := newDecoder(frame)
	var r connectRequest
	d.Int32() // protocol version, never looked at
	r.lastZxidSeen = d.Int64()
	r.timeoutMs = d.Int32()
	r.sessionID = d.Int64()
	r.password = d.Buffer()
	if d.Err == nil && len(d.Buf) > 0 {
		r.hasReadOnly = true
		d.Boolean()
	}
	return r, d.Err
}

type createRequest struct {
	op    int32
	path  string
	data  []byte
	acl   []aclItem
	flags int32
	ttl   int64
}

func (d *decoder) createRequest(op int32) *createRequest {
	r := &createRequest{op: op, ttl: -1}
	r.path = d.Path()
	r.data = d.Buffer()
	r.acl = d.acl()
	r.flags = d.Int32()
	if op == opCreateTTL {
		r.ttl = d.Int64()
	}
	return r
}

type deleteRequest struct {
	path    string
	version int32
}

func (d *decoder) deleteRequest() *deleteRequest {
	return &deleteRequest{path: d.Path(), version: d.Int32()}
}

type setDataRequest struct {
	path    string
	data    []byte
	version int32
}

func (d *decoder) setDataRequest() *setDataRequest {
	return &setDataRequest{path: d.Path(), data: d.Buffer(), version: d.Int32()}
}

type setACLRequest struct {
	path    string
	acl     []aclItem
	version int32
}

func (d *decoder) setACLRequest() *setACLRequest {
	return &setACLRequest{path: d.Path(), acl: d.acl(), version: d.Int32()}
}

// checkRequest asserts a node's version inside a multi.
type checkRequest struct {
	path    string
	version int32
}

func (d *decoder) checkRequest() *checkRequest {
	return &checkRequest{path: d.Path(), version: d.Int32()}
}

type setWatchesRequest struct {
	relativeZxid                                  int64
	data, exist, child, persistent, recursiveList []string
}

func (d *decoder) setWatchesRequest(op int32) *setWatchesRequest {
	r := &setWatchesRequest{relativeZxid: d.Int64(), data: d.Strings(), exist: d.Strings(), child: d.Strings()}
	if op == opSetWatches2 {
		r.persistent = d.Strings()
		r.recursiveList = d.Strings()
	}
	return r
}
