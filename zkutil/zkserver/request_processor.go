package zkserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/gregor-broker/gregor/zkutil/jute"
)

// replyHeaderSize is that of a reply's length, xid, zxid and error.
const replyHeaderSize = 20

// timeoutError is what a read past its deadline ends with.
var timeoutError = os.ErrDeadlineExceeded

// errClose ends a connection that has been told why already.
var errClose = errors.New("connection is closed by the server")

// isConnectionEnd says whether an error is only how connections usually end.
func isConnectionEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, errClose) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// operation is the execution of one request, under Server.mu.
type operation struct {
	c         *connection
	sessionID int64
	header    requestHeader
	// e takes the body of the reply; what it holds already is the header's place.
	e *encoder
	// zxid is what the reply's header says unless the operation sets another.
	zxid int64
	// end closes the connection behind the reply.
	end bool
}

// request is a decoded request. execute runs under Server.mu.
type request interface {
	execute(s *Server, o *operation) error
}

// connect answers a connection's first packet.
func (s *Server) connect(c *connection, frame []byte) error {
	started := time.Now()
	r, err := decodeConnectRequest(frame)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.lastZxidSeen > s.tree.lastZxid {
		return fmt.Errorf("Refusing session request for client %s as it has seen zxid 0x%x our last zxid is 0x%x client must try another server",
			c.remote, r.lastZxidSeen, s.tree.lastZxid)
	}
	timeoutMs := min(max(r.timeoutMs, s.minTimeoutMs), s.maxTimeoutMs)
	var session *session
	if r.sessionID == 0 {
		id := s.sessions.newSessionID()
		session = s.sessions.add(id, timeoutMs)
		s.commit(id, 0, &txn{op: opCreateSession, timeoutMs: timeoutMs})
	} else {
		session = s.reopen(&r, timeoutMs)
	}
	if session != nil {
		session.conn, c.session = c, session
	}
	c.stats.lastOp = "SESS"
	c.queue(encodeConnectResponse(&r, session), s.tree.lastZxid, started)
	if session == nil {
		s.logger("ZooKeeperServer").Infof("Invalid session 0x%x for client %s, probably expired", r.sessionID, c.remote)
		return errClose
	}
	return nil
}

// reopen finds the session that a client wants to go on with.
func (s *Server) reopen(r *connectRequest, timeoutMs int32) *session {
	session := s.sessions.byID[r.sessionID]
	if session == nil || session.closing {
		return nil
	}
	if old := session.conn; old != nil {
		s.detachLocked(old)
		old.finish()
		old.socket.Close()
	}
	if !passwordMatches(session.id, r.password) {
		return nil
	}
	session.timeoutMs = timeoutMs
	s.sessions.touch(session)
	return session
}

func encodeConnectResponse(r *connectRequest, session *session) []byte {
	e := newEncoder(make([]byte, 0, 41))
	e.Int32(0)
	e.Int32(0) // protocol version
	if session == nil {
		e.Int32(0)
		e.Int64(0)
		e.Buffer(make([]byte, 16))
	} else {
		e.Int32(session.timeoutMs)
		e.Int64(session.id)
		e.Buffer(sessionPassword(session.id))
	}
	if r.hasReadOnly {
		e.Boolean(false)
	}
	binary.BigEndian.PutUint32(e.Buf, uint32(len(e.Buf)-4))
	return e.Buf
}

// process executes the request in a frame.
func (s *Server) process(c *connection, frame []byte) error {
	started := time.Now()
	d := newDecoder(frame)
	header := requestHeader{d.Int32(), d.Int32()}
	if d.Err != nil {
		return d.Err
	}
	r, err := decodeRequest(header.op, &d)
	if err != nil {
		r = &refusedRequest{err, isWrite(header.op)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.detached || c.session.closing {
		return errClose
	}
	s.sessions.touch(c.session)
	o := &operation{c: c, sessionID: c.session.id, header: header, e: &s.scratch, zxid: -2}
	o.e.Buf = append(o.e.Buf[:0], make([]byte, replyHeaderSize)...)
	err = r.execute(s, o)
	s.reply(o, err, started)
	if o.end {
		s.detachLocked(c)
		return errClose
	}
	return nil
}

// currentZxid in operation.zxid stands for the zxid at the time of the reply.
const currentZxid = -2

func (s *Server) reply(o *operation, err error, started time.Time) {
	if err != nil {
		o.e.Buf = o.e.Buf[:replyHeaderSize]
	}
	if o.zxid == currentZxid {
		o.zxid = s.tree.lastZxid
	}
	header := newEncoder(o.e.Buf[:0])
	header.Int32(int32(len(o.e.Buf) - 4))
	header.Int32(o.header.xid)
	header.Int64(o.zxid)
	header.Int32(int32(codeOf(err)))
	o.c.noteOperation(o.header)
	o.c.queue(o.e.Buf, s.tree.lastZxid, started)
	if cap(s.scratch.Buf) > frameStep {
		s.scratch.Buf = nil
	}
}

// commit gives a transaction the next zxid, logs it, applies it and tells the
// watches.
func (s *Server) commit(clientID int64, cxid int32, record *txn) *txnHeader {
	h := s.nextHeader(clientID, cxid, record.op)
	s.storage.append(h, record)
	s.tree.apply(h, record)
	s.fireWatches()
	return h
}

func (s *Server) nextHeader(clientID int64, cxid int32, op int32) *txnHeader {
	return &txnHeader{clientID: clientID, cxid: cxid, zxid: s.tree.lastZxid + 1, time: time.Now().UnixMilli(), op: op}
}

// fireWatches notifies who watches what the last transaction changed, and the log of
// quotas that it exceeds.
func (s *Server) fireWatches() {
	for _, ch := range s.tree.changes {
		if ch.event != eventNodeChildrenChanged {
			s.warnOfQuota(ch.path)
		}
		for _, c := range s.watches.trigger(ch.event, ch.path) {
			if s.permits(c, ch.acl, permRead) {
				c.queue(encodeEvent(ch.event, ch.path), s.tree.lastZxid, time.Time{})
			}
		}
	}
	clear(s.tree.changes)
	s.tree.changes = s.tree.changes[:0]
}

func encodeEvent(event eventType, path string) []byte {
	e := newEncoder(make([]byte, 0, 32+len(path)))
	e.Int32(int32(28 + len(path)))
	e.Int32(xidNotification)
	e.Int64(-1)
	e.Int32(0)
	e.Int32(int32(event))
	e.Int32(stateSyncConnected)
	e.Text(path)
	return e.Buf
}

// permits says whether a connection may do what perm names to a node of that ACL.
func (s *Server) permits(c *connection, entry *aclEntry, perm int32) bool {
	return s.cfg.SkipACL || entry.id == openACLID || permits(entry.acl, perm, c.ids)
}

// closeSession ends a session: its ephemeral nodes go, in one transaction.
func (s *Server) closeSession(session *session, cxid int32) {
	session.closing = true
	owned := s.tree.ephemerals[session.id]
	paths := make([]string, 0, len(owned))
	for path := range owned {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	s.commit(session.id, cxid, &txn{op: opCloseSession, paths: paths})
	delete(s.sessions.byID, session.id)
}

// refusedRequest answers what could not be decoded.
type refusedRequest struct {
	err   error
	write bool
}

func (r *refusedRequest) execute(s *Server, o *operation) error {
	if errors.Is(r.err, errUnknownOperation) {
		o.zxid, o.end = -1, true
		return CodeUnimplemented
	}
	if r.write {
		s.commit(o.sessionID, o.header.xid, &txn{op: opError, err: CodeMarshallingError})
	}
	return CodeMarshallingError
}

// errUnknownOperation says that a request's operation code is none of ours.
var errUnknownOperation = errors.New("unknown operation")

func isWrite(op int32) bool {
	switch op {
	case opCreate, opCreate2, opCreateContainer, opCreateTTL, opDelete, opSetData, opSetACL, opMulti, opReconfig, opCheck:
		return true
	}
	return false
}

func decodeRequest(op int32, d *decoder) (request, error) {
	var r request
	switch op {
	case opCreate, opCreate2, opCreateContainer, opCreateTTL:
		r = d.createRequest(op)
	case opDelete:
		r = d.deleteRequest()
	case opSetData:
		r = d.setDataRequest()
	case opSetACL:
		r = d.setACLRequest()
	case opCheck:
		r = d.checkRequest()
	case opMulti:
		return d.multiRequest()
	case opMultiRead:
		return d.multiReadRequest()
	case opExists, opGetData, opGetChildren, opGetChildren2:
		r = &readRequest{op: op, path: d.Path(), watch: d.Boolean()}
	case opGetACL, opSync, opGetAllChildrenNumber:
		r = &readRequest{op: op, path: d.Path()}
	case opGetEphemerals:
		r = &readRequest{op: op, path: d.Text()}
	case opCheckWatches, opRemoveWatches:
		r = &watchRequest{op: op, path: d.Path(), kind: d.Int32()}
	case opAddWatch:
		r = &watchRequest{op: op, path: d.Path(), kind: d.Int32()}
	case opSetWatches, opSetWatches2:
		r = d.setWatchesRequest(op)
	case opAuth:
		d.Int32()
		r = &authRequest{scheme: d.Text(), auth: d.Buffer()}
	case opSASL:
		r = &saslRequest{token: d.Bytes()}
	case opPing, opWhoAmI, opCloseSession, opReconfig:
		return &plainRequest{op}, nil
	case opCreateSession, opDeleteContainer:
		return nil, jute.ErrShort
	default:
		return nil, errUnknownOperation
	}
	return r, d.Err
}
