package zkserver

import "fmt"

// multiRequest is a list of writes of which all happen or none.
type multiRequest struct {
	ops []multiOp
}

// multiOp is one operation of a multi; one of the requests is set.
type multiOp struct {
	op      int32
	request request
}

// multiHeader reads the header of an operation of a multi. done is the end.
func (d *decoder) multiHeader() (op int32, done bool) {
	op, done = d.Int32(), d.Boolean()
	d.Int32()
	return op, done || d.Err != nil
}

func (d *decoder) multiRequest() (request, error) {
	r := &multiRequest{}
	for {
		op, done := d.multiHeader()
		if done {
			return r, d.Err
		}
		m := multiOp{op: op}
		switch op {
		case opCreate, opCreate2, opCreateContainer, opCreateTTL:
			m.request = d.createRequest(op)
		case opDelete:
			m.request = d.deleteRequest()
		case opSetData:
			m.request = d.setDataRequest()
		case opCheck:
			m.request = d.checkRequest()
		default:
			return nil, fmt.Errorf("operation %d in a multi", op)
		}
		if d.Err != nil {
			return nil, d.Err
		}
		r.ops = append(r.ops, m)
	}
}

// execute applies one operation after the other, so that each sees the ones before
// it, and takes all back if one fails.
func (r *multiRequest) execute(s *Server, o *operation) error {
	h := s.nextHeader(o.sessionID, o.header.xid, opMulti)
	record := &txn{op: opMulti, subs: make([]txn, 0, len(r.ops))}
	bodyAt := len(o.e.Buf)
	s.tree.startRecording()
	for i := range r.ops {
		sub, err := s.checkMultiOp(o, r.ops[i].request)
		if err != nil {
			s.tree.stopRecording(true)
			o.e.Buf = o.e.Buf[:bodyAt]
			r.fail(s, o, i, err)
			return nil
		}
		s.tree.applyOne(h, sub)
		r.ops[i].result(s, o, sub)
		record.subs = append(record.subs, *sub)
	}
	o.e.multiHeader(opError, true, -1)
	s.tree.stopRecording(false)
	s.tree.lastZxid = h.zxid
	s.storage.append(h, record)
	s.fireWatches()
	return nil
}

func (s *Server) checkMultiOp(o *operation, r request) (*txn, error) {
	switch r := r.(type) {
	case *createRequest:
		return s.checkCreate(o, r)
	case *deleteRequest:
		return s.checkDelete(o, r)
	case *setDataRequest:
		return s.checkSetData(o, r)
	case *checkRequest:
		return s.checkVersion(o, r)
	}
	return nil, CodeUnimplemented
}

// result answers an operation that went well.
func (m *multiOp) result(s *Server, o *operation, sub *txn) {
	op := m.op
	if op == opCreateContainer || op == opCreateTTL {
		op = opCreate2
	}
	o.e.multiHeader(op, false, 0)
	switch op {
	case opCreate:
		o.e.Text(sub.path)
	case opCreate2:
		o.e.Text(sub.path)
		st := s.tree.lookup(sub.path).stat()
		o.e.stat(&st)
	case opSetData:
		st := s.tree.lookup(sub.path).stat()
		o.e.stat(&st)
	}
}

// fail logs and answers a multi of which operation number failed did not work.
func (r *multiRequest) fail(s *Server, o *operation, failed int, err error) {
	record := &txn{op: opMulti}
	for i := range r.ops {
		code := CodeOK
		if i == failed {
			code = codeOf(err)
		} else if i > failed {
			code = CodeRuntimeInconsistency
		}
		record.subs = append(record.subs, txn{op: opError, err: code})
		o.e.multiHeader(opError, false, int32(code))
		o.e.Int32(int32(code))
	}
	o.e.multiHeader(opError, true, -1)
	s.commit(o.sessionID, o.header.xid, record)
}

func (e *encoder) multiHeader(op int32, done bool, err int32) {
	e.Int32(op)
	e.Boolean(done)
	e.Int32(err)
}

// multiReadRequest is a list of reads, each with its own outcome.
type multiReadRequest struct {
	reads []readRequest
}

func (d *decoder) multiReadRequest() (request, error) {
	r := &multiReadRequest{}
	for {
		op, done := d.multiHeader()
		if done {
			return r, d.Err
		}
		if op != opGetData && op != opGetChildren {
			return nil, fmt.Errorf("operation %d in a multiRead", op)
		}
		read := readRequest{op: op, path: d.Path()}
		d.Boolean() // multiRead sets no watches
		if d.Err != nil {
			return nil, d.Err
		}
		r.reads = append(r.reads, read)
	}
}

func (r *multiReadRequest) execute(s *Server, o *operation) error {
	for i := range r.reads {
		at := len(o.e.Buf)
		o.e.multiHeader(r.reads[i].op, false, 0)
		if err := r.reads[i].execute(s, o); err != nil {
			o.e.Buf = o.e.Buf[:at]
			o.e.multiHeader(opError, false, int32(codeOf(err)))
			o.e.Int32(int32(codeOf(err)))
		}
		if len(o.e.Buf) > maxMultiReadReply {
			return CodeMarshallingError
		}
	}
	o.e.multiHeader(opError, true, -1)
	return nil
}

// maxMultiReadReply bounds what one small request can make the server gather.
const maxMultiReadReply = 64 << 20
