package apis

import (
	"encoding/binary"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/network"
)

// fetchPartition is one partition of a Fetch response; its records stay in the
// log's files until they are sent.
type fetchPartition struct {
	partition            int32
	errorCode            int16
	highWatermark        int64
	lastStableOffset     int64
	logStartOffset       int64
	diverging            *divergingEpoch
	aborted              []log.AbortedTransaction
	preferredReadReplica int32
	// records is nil when there are none; with noRecords they are written as
	// null, as Kafka does for partitions that were not looked at.
	records   fetchRecords
	noRecords bool
}

// fetchRecords are the records of one partition, which are not in memory.
type fetchRecords interface {
	Size() int
	writeTo(w *network.ResponseWriter) error
	Release()
}

// storedRecords are sent as they lie in the log.
type storedRecords struct{ *log.FileRecords }

func (r storedRecords) writeTo(w *network.ResponseWriter) error { return w.WriteRegion(r.FileRecords) }

type divergingEpoch struct {
	epoch     int32
	endOffset int64
}

type fetchTopic struct {
	name       string
	id         [16]byte
	partitions []fetchPartition
}

// fetchResponse is a Fetch response that is sent as runs of encoded bytes with
// regions of segment files between them, so that record bytes need not enter
// user space (kmsg's encoder wants them as a slice). It implements network.Send.
type fetchResponse struct {
	head    []byte
	pieces  []fetchPiece
	size    int
	records int
}

// fetchPiece is records that follow head[:end].
type fetchPiece struct {
	end     int
	records fetchRecords
}

// fetchWriter encodes the parts of a Fetch response around the records.
type fetchWriter struct {
	buffer   []byte
	version  int16
	flexible bool
	response *fetchResponse
}

// newFetchResponse encodes the body. It takes over the records' references;
// Release gives them back.
func newFetchResponse(version int16, throttleMillis int32, errorCode int16, sessionID int32, topics []fetchTopic) *fetchResponse {
	response := &fetchResponse{}
	w := &fetchWriter{buffer: make([]byte, 0, 64+fetchHeadSize(topics)), version: version, flexible: version >= 12, response: response}
	if version >= 1 {
		w.int32(throttleMillis)
	}
	if version >= 7 {
		w.int16(errorCode)
		w.int32(sessionID)
	}
	w.arrayLength(len(topics))
	for i := range topics {
		w.topic(&topics[i])
	}
	w.tags(0)
	response.head = w.buffer
	response.size = len(w.buffer) + response.records
	return response
}

func fetchHeadSize(topics []fetchTopic) int {
	size := 0
	for i := range topics {
		size += 24 + len(topics[i].name)
		for j := range topics[i].partitions {
			size += 64 + 16*len(topics[i].partitions[j].aborted)
		}
	}
	return size
}

func (w *fetchWriter) int16(value int16) {
	w.buffer = binary.BigEndian.AppendUint16(w.buffer, uint16(value))
}

func (w *fetchWriter) int32(value int32) {
	w.buffer = binary.BigEndian.AppendUint32(w.buffer, uint32(value))
}

func (w *fetchWriter) int64(value int64) {
	w.buffer = binary.BigEndian.AppendUint64(w.buffer, uint64(value))
}

func (w *fetchWriter) uvarint(value int) {
	w.buffer = binary.AppendUvarint(w.buffer, uint64(value))
}

// tags begins a tag buffer with that many fields; older versions have none.
func (w *fetchWriter) tags(count int) {
	if w.flexible {
		w.uvarint(count)
	}
}

func (w *fetchWriter) arrayLength(length int) {
	if w.flexible {
		w.uvarint(length + 1)
		return
	}
	w.int32(int32(length))
}

func (w *fetchWriter) topic(t *fetchTopic) {
	switch {
	case w.version >= 13:
		w.buffer = append(w.buffer, t.id[:]...)
	case w.flexible:
		w.uvarint(len(t.name) + 1)
		w.buffer = append(w.buffer, t.name...)
	default:
		w.int16(int16(len(t.name)))
		w.buffer = append(w.buffer, t.name...)
	}
	w.arrayLength(len(t.partitions))
	for i := range t.partitions {
		w.partition(&t.partitions[i])
	}
	w.tags(0)
}

func (w *fetchWriter) partition(p *fetchPartition) {
	w.int32(p.partition)
	w.int16(p.errorCode)
	w.int64(p.highWatermark)
	if w.version >= 4 {
		w.int64(p.lastStableOffset)
	}
	if w.version >= 5 {
		w.int64(p.logStartOffset)
	}
	if w.version >= 4 {
		w.abortedTransactions(p.aborted)
	}
	if w.version >= 11 {
		w.int32(p.preferredReadReplica)
	}
	w.recordSet(p)
	w.partitionTags(p)
}

// abortedTransactions writes nil as a null array.
func (w *fetchWriter) abortedTransactions(aborted []log.AbortedTransaction) {
	if aborted == nil {
		w.arrayLength(-1)
		return
	}
	w.arrayLength(len(aborted))
	for _, transaction := range aborted {
		w.int64(transaction.ProducerID)
		w.int64(transaction.FirstOffset)
		w.tags(0)
	}
}

func (w *fetchWriter) recordSet(p *fetchPartition) {
	switch {
	case p.noRecords:
		w.arrayLength(-1)
	case p.records == nil:
		w.arrayLength(0)
	default:
		size := p.records.Size()
		w.arrayLength(size)
		w.response.pieces = append(w.response.pieces, fetchPiece{end: len(w.buffer), records: p.records})
		w.response.records += size
	}
}

// partitionTags writes tag 0, the diverging epoch of KIP-595: a struct of epoch
// and end offset.
func (w *fetchWriter) partitionTags(p *fetchPartition) {
	if !w.flexible {
		return
	}
	if p.diverging == nil {
		w.tags(0)
		return
	}
	w.tags(1)
	w.uvarint(0)
	w.uvarint(4 + 8 + 1)
	w.int32(p.diverging.epoch)
	w.int64(p.diverging.endOffset)
	w.tags(0)
}

// Size is the length of the body in bytes.
func (r *fetchResponse) Size() int { return r.size }

// WithoutRecords is the body but for the bytes of records, for the request log.
func (r *fetchResponse) WithoutRecords() []byte { return r.head }

// WriteTo sends the body: encoded bytes from memory, records from their files.
func (r *fetchResponse) WriteTo(w *network.ResponseWriter) error {
	sent := 0
	for _, piece := range r.pieces {
		if _, err := w.Write(r.head[sent:piece.end]); err != nil {
			return err
		}
		sent = piece.end
		if err := piece.records.writeTo(w); err != nil {
			return err
		}
	}
	_, err := w.Write(r.head[sent:])
	return err
}

// Release gives the references to the files back.
func (r *fetchResponse) Release() {
	for i := range r.pieces {
		r.pieces[i].records.Release()
	}
	r.pieces = nil
}
