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
	e.Int64(h.clientID)
	e.Int32(h.cxid)
	e.Int64(h.zxid)
	e.Int64(h.time)
	e.Int32(h.op)
}

func (d *decoder) txnHeader() txnHeader {
	return txnHeader{clientID: d.Int64(), cxid: d.Int32(), zxid: d.Int64(), time: d.Int64(), op: d.Int32()}
}

// txn encodes the record that follows the header.
func (e *encoder) txn(t *txn) {
	switch t.op {
	case opCreate, opCreate2:
		e.Text(t.path)
		e.Buffer(t.data)
		e.acl(t.acl)
		e.Boolean(t.ephemeral)
		e.Int32(t.parentCVersion)
	case opCreateTTL:
		e.Text(t.path)
		e.Buffer(t.data)
		e.acl(t.acl)
		e.Int32(t.parentCVersion)
		e.Int64(t.ttl)
	case opCreateContainer:
		e.Text(t.path)
		e.Buffer(t.data)
		e.acl(t.acl)
		e.Int32(t.parentCVersion)
	case opDelete, opDeleteContainer:
		e.Text(t.path)
	case opSetData, opReconfig:
		e.Text(t.path)
		e.Buffer(t.data)
		e.Int32(t.version)
	case opSetACL:
		e.Text(t.path)
		e.acl(t.acl)
		e.Int32(t.version)
	case opCheck:
		e.Text(t.path)
		e.Int32(t.version)
	case opCreateSession:
		e.Int32(t.timeoutMs)
	case opCloseSession:
		e.Strings(t.paths)
	case opError:
		e.Int32(int32(t.err))
	case opMulti:
		e.multiTxn(t)
	}
}

func (e *encoder) multiTxn(t *txn) {
	e.Int32(int32(len(t.subs)))
	for i := range t.subs {
		e.Int32(t.subs[i].op)
		sizeAt := len(e.Buf)
		e.Int32(0)
		e.txn(&t.subs[i])
		size := newEncoder(e.Buf[sizeAt:sizeAt])
		size.Int32(int32(len(e.Buf) - sizeAt - 4))
	}
}

// decodeTxn reads a transaction as the log holds it, with or without the digest
// of the tree after it.
func decodeTxn(payload []byte) (txnHeader, txn, error) {
	d := newDecoder(payload)
	h := d.txnHeader()
	if d.Err != nil {
		return h, txn{}, d.Err
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
		t.path = d.Path()
	case opSetData, opReconfig:
		t.path, t.data, t.version = d.Path(), d.Buffer(), d.Int32()
	case opSetACL:
		t.path, t.acl, t.version = d.Path(), d.acl(), d.Int32()
	case opCheck:
		t.path, t.version = d.Path(), d.Int32()
	case opCreateSession:
		t.timeoutMs = d.Int32()
	case opCloseSession:
		if len(d.Buf) > 0 {
			t.paths = d.Strings()
		}
	case opError:
		t.err = Code(d.Int32())
	case opMulti:
		if !multiAllowed {
			return t, fmt.Errorf("multi inside a multi")
		}
		return d.multiTxn()
	default:
		return t, fmt.Errorf("unsupported transaction type %d", op)
	}
	return t, d.Err
}

func (d *decoder) createTxn(t *txn) {
	t.path = d.Path()
	t.data = d.Buffer()
	t.acl = d.acl()
	if t.op == opCreate || t.op == opCreate2 {
		t.ephemeral = d.Boolean()
		if d.Err == nil && len(d.Buf) == 0 {
			t.parentCVersion = noParentCVersion
			return
		}
	}
	t.parentCVersion = d.Int32()
	if t.op == opCreateTTL {
		t.ttl = d.Int64()
	}
}

func (d *decoder) multiTxn() (txn, error) {
	t := txn{op: opMulti}
	for range d.Count(8) {
		op := d.Int32()
		record := newDecoder(d.Bytes())
		if d.Err != nil {
			break
		}
		sub, err := record.txn(op, false)
		if err != nil {
			return t, err
		}
		t.subs = append(t.subs, sub)
	}
	return t, d.Err
}
