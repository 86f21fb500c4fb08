package zkserver

import "fmt"

// txnHeader precedes every transaction in the log.
type txnHeader struct {
	clientID   int64
	cxid       int32
	zxid, time int64
	op         int32
}

// txn is a transaction: the outcome of a request, in a form that can be applied
// again. Which fields count depends on op.
type txn struct {
	op             int32
	path           string
	data           []byte
	acl            []aclItem
	ephemeral      bool
	parentCVersion int32
	ttl            int64
	version        int32
	timeoutMs      int32
	paths          []string
	err            Code
	subs           []txn
}

// noParentCVersion marks a creation from a log of ZooKeeper 3.3, which did not
// record the parent's version.
const noParentCVersion = -1

func (e *encoder) txnHeader(h *txnHeader) {
	e.int64(h.clientID)
	e.int32(h.cxid)
	e.int64(h.zxid)
	e.int64(h.time)
	e.int32(h.op)
}

func (d *decoder) txnHeader() txnHeader {
	return txnHeader{clientID: d.int64(), cxid: d.int32(), zxid: d.int64(), time: d.int64(), op: d.int32()}
}

// txn encodes the record that follows the header.
func (e *encoder) txn(t *txn) {
	switch t.op {
	case opCreate, opCreate2:
		e.text(t.path)
		e.buffer(t.data)
		e.acl(t.acl)
		e.boolean(t.ephemeral)
		e.int32(t.parentCVersion)
	case opCreateTTL:
		e.text(t.path)
		e.buffer(t.data)
		e.acl(t.acl)
		e.int32(t.parentCVersion)
		e.int64(t.ttl)
	case opCreateContainer:
		e.text(t.path)
		e.buffer(t.data)
		e.acl(t.acl)
		e.int32(t.parentCVersion)
	case opDelete, opDeleteContainer:
		e.text(t.path)
	case opSetData, opReconfig:
		e.text(t.path)
		e.buffer(t.data)
		e.int32(t.version)
	case opSetACL:
		e.text(t.path)
		e.acl(t.acl)
		e.int32(t.version)
	case opCheck:
		e.text(t.path)
		e.int32(t.version)
	case opCreateSession:
		e.int32(t.timeoutMs)
	case opCloseSession:
		e.strings(t.paths)
	case opError:
		e.int32(int32(t.err))
	case opMulti:
		e.multiTxn(t)
	}
}

func (e *encoder) multiTxn(t *txn) {
	e.int32(int32(len(t.subs)))
	for i := range t.subs {
		e.int32(t.subs[i].op)
		sizeAt := len(e.buf)
		e.int32(0)
		e.txn(&t.subs[i])
		size := encoder{buf: e.buf[sizeAt:sizeAt]}
		size.int32(int32(len(e.buf) - sizeAt - 4))
	}
}

// decodeTxn reads a transaction as the log holds it, with or without the digest
// of the tree after it.
func decodeTxn(payload []byte) (txnHeader, txn, error) {
	d := decoder{buf: payload}
	h := d.txnHeader()
	if d.err != nil {
		return h, txn{}, d.err
	}
	t, err := d.txn(h.op, true)
	return h, t, err
}

// txn decodes the record of a transaction of type op. Multis hold no multis.
func (d *decoder) txn(op int32, multiAllowed bool) (txn, error) {
	t := txn{op: op}
	switch op {
	case opCreate, opCreate2, opCreateTTL, opCreateContainer:
		d.createTxn(&t)
	case opDelete, opDeleteContainer:
		t.path = d.path()
	case opSetData, opReconfig:
		t.path, t.data, t.version = d.path(), d.buffer(), d.int32()
	case opSetACL:
		t.path, t.acl, t.version = d.path(), d.acl(), d.int32()
	case opCheck:
		t.path, t.version = d.path(), d.int32()
	case opCreateSession:
		t.timeoutMs = d.int32()
	case opCloseSession:
		if len(d.buf) > 0 {
			t.paths = d.strings()
		}
	case opError:
		t.err = Code(d.int32())
	case opMulti:
		if !multiAllowed {
			return t, fmt.Errorf("multi inside a multi")
		}
		return d.multiTxn()
	default:
		return t, fmt.Errorf("unsupported transaction type %d", op)
	}
	return t, d.err
}

func (d *decoder) createTxn(t *txn) {
	t.path = d.path()
	t.data = d.buffer()
	t.acl = d.acl()
	if t.op == opCreate || t.op == opCreate2 {
		t.ephemeral = d.boolean()
		if d.err == nil && len(d.buf) == 0 {
			t.parentCVersion = noParentCVersion
			return
		}
	}
	t.parentCVersion = d.int32()
	if t.op == opCreateTTL {
		t.ttl = d.int64()
	}
}

func (d *decoder) multiTxn() (txn, error) {
	t := txn{op: opMulti}
	for range d.count(8) {
		op := d.int32()
		record := decoder{buf: d.bytes()}
		if d.err != nil {
			break
		}
		sub, err := record.txn(op, false)
		if err != nil {
			return t, err
		}
		t.subs = append(t.subs, sub)
	}
	return t, d.err
}
