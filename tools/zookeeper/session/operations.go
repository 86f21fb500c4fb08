package session

import (
	"errors"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/zkutil/jute"
	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// configPath is where an ensemble keeps its configuration, whatever the chroot.
const configPath = "/zookeeper/config"

// Error is an operation that failed, and on which node (class KeeperException).
type Error struct {
	Code zkserver.Code
	Path string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Code.Error()
	}
	return e.Code.Error() + " for " + e.Path
}

// Unwrap gives the code alone.
func (e *Error) Unwrap() error { return e.Code }

// pathCall sends a request that begins with a path.
func (s *Session) pathCall(op int32, path string, onReply func(zkserver.Code) zkserver.Code, rest func(*jute.Encoder)) (*jute.Decoder, error) {
	if err := ValidatePath(path); err != nil {
		return nil, err
	}
	return s.send(op, s.serverPath(path), path, onReply, rest)
}

// send is pathCall for a path that is not checked. Errors name path.
func (s *Session) send(op int32, serverPath, path string, onReply func(zkserver.Code) zkserver.Code, rest func(*jute.Encoder)) (*jute.Decoder, error) {
	var e jute.Encoder
	e.Text(serverPath)
	if rest != nil {
		rest(&e)
	}
	return s.call(&request{op: op, path: path, body: e.Buf, onReply: onReply})
}

// read sends a request that may leave a watch of a kind.
func (s *Session) read(op int32, path string, watch bool, kind watchKind) (*jute.Decoder, error) {
	var onReply func(zkserver.Code) zkserver.Code
	if watch {
		onReply = s.watching(path, kind)
	}
	return s.pathCall(op, path, onReply, func(e *jute.Encoder) { e.Boolean(watch) })
}

// Create makes a node and gives its path. A ttl above 0 is in milliseconds.
func (s *Session) Create(path string, data []byte, acl []zk.ACL, flags int32, ttl int64) (string, error) {
	named := path
	if flags == zk.FlagSequence || flags == zk.FlagEphemeralSequential || flags == zk.FlagPersistentSequentialWithTTL {
		named += "1" // a sequential node may be named by its number alone
	}
	if err := ValidatePath(named); err != nil {
		return "", err
	}
	op := int32(opCreate)
	switch {
	case flags == zk.FlagContainer:
		op = opCreateContainer
	case ttl > 0:
		op = opCreateTTL
	}
	d, err := s.send(op, s.serverPath(path), path, nil, func(e *jute.Encoder) {
		e.Buffer(data)
		encodeACL(e, acl)
		e.Int32(flags)
		if ttl > 0 {
			e.Int64(ttl)
		}
	})
	if err != nil {
		return "", err
	}
	return s.clientPath(d.Text()), d.Err
}

// Delete removes a node of a version, -1 for any.
func (s *Session) Delete(path string, version int32) error {
	_, err := s.pathCall(opDelete, path, nil, func(e *jute.Encoder) { e.Int32(version) })
	return err
}

// DeleteAll removes nodes, all or none.
func (s *Session) DeleteAll(paths []string) error {
	var e jute.Encoder
	for _, path := range paths {
		encodeMultiHeader(&e, opDelete, false)
		e.Text(s.serverPath(path))
		e.Int32(-1)
	}
	encodeMultiHeader(&e, -1, true)
	d, err := s.call(&request{op: opMulti, body: e.Buf})
	if err != nil {
		return err
	}
	for {
		op, done := d.Int32(), d.Boolean()
		d.Int32()
		if d.Err != nil || done {
			return d.Err
		}
		if op == -1 { // what follows is the code of an operation of a failed multi
			if code := zkserver.Code(d.Int32()); code != zkserver.CodeOK {
				return &Error{Code: code}
			}
		}
	}
}

func encodeMultiHeader(e *jute.Encoder, op int32, done bool) {
	e.Int32(op)
	e.Boolean(done)
	e.Int32(-1)
}

// Exists gives a node's metadata, nil if there is no node.
func (s *Session) Exists(path string, watch bool) (*zk.Stat, error) {
	d, err := s.read(opExists, path, watch, dataWatch|existWatch)
	if errors.Is(err, zkserver.CodeNoNode) {
		return nil, nil
	}
	return decodeStat(d, err)
}

// Get gives a node's data; nil is not the same as empty.
func (s *Session) Get(path string, watch bool) ([]byte, *zk.Stat, error) {
	return decodeData(s.read(opGetData, path, watch, dataWatch))
}

// Config gives the configuration of the ensemble.
func (s *Session) Config(watch bool) ([]byte, *zk.Stat, error) {
	var onReply func(zkserver.Code) zkserver.Code
	if watch {
		onReply = s.watching(configPath, dataWatch)
	}
	return decodeData(s.send(opGetData, configPath, configPath, onReply, func(e *jute.Encoder) { e.Boolean(watch) }))
}

// Set writes a node's data if it has a version, -1 for any.
func (s *Session) Set(path string, data []byte, version int32) (*zk.Stat, error) {
	return decodeStat(s.pathCall(opSetData, path, nil, func(e *jute.Encoder) {
		e.Buffer(data)
		e.Int32(version)
	}))
}

// GetACL gives who may do what with a node.
func (s *Session) GetACL(path string) ([]zk.ACL, *zk.Stat, error) {
	d, err := s.pathCall(opGetACL, path, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	acl := make([]zk.ACL, d.Count(12))
	for i := range acl {
		acl[i] = zk.ACL{Perms: d.Int32(), Scheme: d.Text(), ID: d.Text()}
	}
	stat, err := decodeStat(d, nil)
	return acl, stat, err
}

// SetACL says who may do what with a node whose ACL has a version, -1 for any.
func (s *Session) SetACL(path string, acl []zk.ACL, version int32) (*zk.Stat, error) {
	return decodeStat(s.pathCall(opSetACL, path, nil, func(e *jute.Encoder) {
		encodeACL(e, acl)
		e.Int32(version)
	}))
}

// Children gives the names below a node in the servers' order.
func (s *Session) Children(path string, watch bool) ([]string, *zk.Stat, error) {
	d, err := s.read(opGetChildren2, path, watch, childWatch)
	if err != nil {
		return nil, nil, err
	}
	names := d.Strings()
	stat, err := decodeStat(d, nil)
	return names, stat, err
}

// AllChildrenNumber counts the nodes below a node.
func (s *Session) AllChildrenNumber(path string) (int32, error) {
	d, err := s.pathCall(opGetAllChildrenNumber, path, nil, nil)
	if err != nil {
		return 0, err
	}
	return d.Int32(), d.Err
}

// Ephemerals gives the session's ephemeral nodes whose full path begins with prefix.
func (s *Session) Ephemerals(prefix string) ([]string, error) {
	if err := ValidatePath(prefix); err != nil {
		return nil, err
	}
	d, err := s.send(opGetEphemerals, prefix, "", nil, nil)
	if err != nil {
		return nil, err
	}
	return d.Strings(), d.Err
}

// Sync waits until the server has what the ensemble had agreed on before.
func (s *Session) Sync(path string) error {
	_, err := s.pathCall(opSync, path, nil, nil)
	return err
}

// Reconfig changes the ensemble, by servers that join and leave or to new members.
func (s *Session) Reconfig(joining, leaving, members *string, version int64) (*zk.Stat, error) {
	var e jute.Encoder
	for _, list := range []*string{joining, leaving, members} {
		if list == nil {
			e.Buffer(nil)
		} else {
			e.Text(*list)
		}
	}
	e.Int64(version)
	_, stat, err := decodeData(s.call(&request{op: opReconfig, body: e.Buf}))
	return stat, err
}

// AddAuth says who the user is, now and on every later connection. What the servers
// think of it comes as an event.
func (s *Session) AddAuth(scheme string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := auth{scheme, data}
	s.auths = append(s.auths, a)
	if s.conn != nil {
		s.write(xidAuth, opAuth, a.encode())
	}
}

func (a auth) encode() []byte {
	var e jute.Encoder
	e.Int32(0) // the only type there is
	e.Text(a.scheme)
	e.Buffer(a.data)
	return e.Buf
}

func encodeACL(e *jute.Encoder, acl []zk.ACL) {
	e.Int32(int32(len(acl)))
	for _, item := range acl {
		e.Int32(item.Perms)
		e.Text(item.Scheme)
		e.Text(item.ID)
	}
}

func decodeData(d *jute.Decoder, err error) ([]byte, *zk.Stat, error) {
	if err != nil {
		return nil, nil, err
	}
	data := d.Bytes()
	stat, err := decodeStat(d, nil)
	return data, stat, err
}

func decodeStat(d *jute.Decoder, err error) (*zk.Stat, error) {
	if err != nil {
		return nil, err
	}
	return &zk.Stat{
		Czxid: d.Int64(), Mzxid: d.Int64(), Ctime: d.Int64(), Mtime: d.Int64(),
		Version: d.Int32(), Cversion: d.Int32(), Aversion: d.Int32(), EphemeralOwner: d.Int64(),
		DataLength: d.Int32(), NumChildren: d.Int32(), Pzxid: d.Int64(),
	}, d.Err
}
