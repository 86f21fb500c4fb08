package zkserver

import (
	"fmt"
	"strings"
)

// write commits what a check produced, or the failure: that takes a zxid too.
func (s *Server) write(o *operation, record *txn, err error) error {
	if err != nil {
		s.commit(o.sessionID, o.header.xid, &txn{op: opError, err: codeOf(err)})
		return err
	}
	s.commit(o.sessionID, o.header.xid, record)
	return nil
}

func (r *createRequest) execute(s *Server, o *operation) error {
	record, err := s.checkCreate(o, r)
	if err := s.write(o, record, err); err != nil {
		return err
	}
	o.e.Text(record.path)
	if r.op != opCreate {
		st := s.tree.lookup(record.path).stat()
		o.e.stat(&st)
	}
	return nil
}

func (r *deleteRequest) execute(s *Server, o *operation) error {
	record, err := s.checkDelete(o, r)
	return s.write(o, record, err)
}

func (r *setDataRequest) execute(s *Server, o *operation) error {
	record, err := s.checkSetData(o, r)
	if err := s.write(o, record, err); err != nil {
		return err
	}
	st := s.tree.lookup(r.path).stat()
	o.e.stat(&st)
	return nil
}

func (r *setACLRequest) execute(s *Server, o *operation) error {
	record, err := s.checkSetACL(o, r)
	if err := s.write(o, record, err); err != nil {
		return err
	}
	st := s.tree.lookup(r.path).stat()
	o.e.stat(&st)
	return nil
}

// execute refuses a check of its own: it means something inside a multi only.
func (r *checkRequest) execute(s *Server, o *operation) error {
	return s.write(o, nil, CodeUnimplemented)
}

// checkCreate finds out whether a node may be created and gives the transaction.
func (s *Server) checkCreate(o *operation, r *createRequest) (*txn, error) {
	record, sequential, err := s.createKind(r)
	if err != nil {
		return nil, err
	}
	if !usablePath(r.path) {
		return nil, CodeBadArguments
	}
	if record.acl, err = fixupACL(r.acl, o.c.ids); err != nil {
		return nil, err
	}
	parentPath, _ := splitPath(r.path)
	parent := s.tree.lookup(parentPath)
	if parent == nil {
		return nil, CodeNoNode
	}
	if !s.permits(o.c, parent.acl, permCreate) {
		return nil, CodeNoAuth
	}
	record.path = r.path
	if sequential {
		record.path += sequenceSuffix(parent.cversion)
	}
	switch {
	case !validPath(record.path):
		return nil, CodeBadArguments
	case s.tree.lookup(record.path) != nil:
		return nil, CodeNodeExists
	case isEphemeral(parent.ephemeralOwner):
		return nil, CodeNoChildrenForEphemerals
	}
	record.data = r.data
	record.parentCVersion = parent.cversion + 1
	return record, nil
}

// createKind turns operation code and flags into a kind of transaction.
func (s *Server) createKind(r *createRequest) (record *txn, sequential bool, err error) {
	record = &txn{op: r.op}
	if r.op == opCreate2 {
		record.op = opCreate2
	}
	switch r.flags {
	case flagPersistent:
	case flagEphemeral:
		record.ephemeral = true
	case flagPersistentSequential:
		sequential = true
	case flagEphemeralSequential:
		record.ephemeral, sequential = true, true
	case flagContainer:
		record.op = opCreateContainer
	case flagTTL, flagTTLSequential:
		sequential = r.flags == flagTTLSequential
		if !s.cfg.ExtendedTypesEnabled {
			return nil, false, CodeUnimplemented
		}
		if r.op != opCreateTTL || r.ttl < 1 || r.ttl > maxTTLMs {
			return nil, false, CodeBadArguments
		}
		record.ttl = r.ttl
		return record, sequential, nil
	default:
		return nil, false, CodeBadArguments
	}
	if r.op == opCreateTTL {
		return nil, false, CodeBadArguments
	}
	if record.op == opCreateContainer {
		record.ephemeral = false
	}
	return record, sequential, nil
}

// sequenceSuffix is what the name of a sequential node ends with.
func sequenceSuffix(parentCVersion int32) string {
	return fmt.Sprintf("%010d", parentCVersion)
}

func (s *Server) checkDelete(o *operation, r *deleteRequest) (*txn, error) {
	if !usablePath(r.path) || isFixed(r.path) {
		return nil, CodeBadArguments
	}
	parentPath, name := splitPath(r.path)
	parent := s.tree.lookup(parentPath)
	if parent == nil {
		return nil, CodeNoNode
	}
	if !s.permits(o.c, parent.acl, permDelete) {
		return nil, CodeNoAuth
	}
	n := parent.children.get(name)
	switch {
	case n == nil:
		return nil, CodeNoNode
	case r.version != anyVersion && r.version != n.version:
		return nil, CodeBadVersion
	case n.children.len() > 0:
		return nil, CodeNotEmpty
	}
	return &txn{op: opDelete, path: r.path}, nil
}

// anyVersion in a request leaves the version unchecked.
const anyVersion = -1

func (s *Server) checkSetData(o *operation, r *setDataRequest) (*txn, error) {
	n, err := s.checkNode(o, r.path, permWrite)
	if err != nil {
		return nil, err
	}
	if r.version != anyVersion && r.version != n.version {
		return nil, CodeBadVersion
	}
	return &txn{op: opSetData, path: r.path, data: r.data, version: n.version + 1}, nil
}

func (s *Server) checkSetACL(o *operation, r *setACLRequest) (*txn, error) {
	if !validPath(r.path) {
		return nil, CodeBadArguments
	}
	acl, err := fixupACL(r.acl, o.c.ids)
	if err != nil {
		return nil, err
	}
	n, err := s.checkNode(o, r.path, permAdmin)
	if err != nil {
		return nil, err
	}
	if r.version != anyVersion && r.version != n.aversion {
		return nil, CodeBadVersion
	}
	return &txn{op: opSetACL, path: r.path, acl: acl, version: n.aversion + 1}, nil
}

func (s *Server) checkVersion(o *operation, r *checkRequest) (*txn, error) {
	n, err := s.checkNode(o, r.path, permRead)
	if err != nil {
		return nil, err
	}
	if r.version != anyVersion && r.version != n.version {
		return nil, CodeBadVersion
	}
	return &txn{op: opCheck, path: r.path, version: n.version}, nil
}

// checkNode finds a node that is to be changed.
func (s *Server) checkNode(o *operation, path string, perm int32) (*node, error) {
	if !validPath(path) {
		return nil, CodeBadArguments
	}
	n := s.tree.lookup(path)
	if n == nil {
		return nil, CodeNoNode
	}
	if !s.permits(o.c, n.acl, perm) {
		return nil, CodeNoAuth
	}
	return n, nil
}

// plainRequest is an operation without fields.
type plainRequest struct {
	op int32
}

func (r *plainRequest) execute(s *Server, o *operation) error {
	switch r.op {
	case opPing:
		o.header.xid = xidPing
	case opCloseSession:
		s.closeSession(o.c.session, o.header.xid)
		o.end = true
	case opReconfig:
		return s.write(o, nil, CodeReconfigDisabled)
	case opWhoAmI:
		o.e.Int32(int32(len(o.c.ids)))
		for _, id := range o.c.ids {
			user, _, _ := strings.Cut(id.id, ":")
			if id.scheme != schemeDigest {
				user = id.id
			}
			o.e.Text(id.scheme)
			o.e.Text(user)
		}
	}
	return nil
}
