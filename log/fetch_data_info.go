package log

// FetchIsolation is the upper bound of a read.
type FetchIsolation int

// The isolations: followers read to the log end, consumers to the high
// watermark, read_committed consumers to the last stable offset.
const (
	FetchLogEnd FetchIsolation = iota
	FetchHighWatermark
	FetchTxnCommitted
)

// AbortedTransaction is a transaction whose records a read_committed consumer
// must drop from FirstOffset on until the producer's abort marker.
type AbortedTransaction struct {
	ProducerID  int64
	FirstOffset int64
}

// FetchDataInfo is the outcome of a read. The receiver owns Records, which is
// nil when there are none, and must release them.
type FetchDataInfo struct {
	FetchOffsetMetadata OffsetMetadata
	Records             *FileRecords
	// FirstEntryIncomplete says that the first batch did not fit.
	FirstEntryIncomplete bool
	// AbortedTransactions is set, perhaps empty, for FetchTxnCommitted only.
	AbortedTransactions []AbortedTransaction
}

// Size is the number of bytes read.
func (i *FetchDataInfo) Size() int {
	if i.Records == nil {
		return 0
	}
	return i.Records.Size()
}

// Release gives the records back, if there are any.
func (i *FetchDataInfo) Release() {
	if i.Records != nil {
		i.Records.Release()
		i.Records = nil
	}
}

// TimestampAndOffset is the answer to a search by time. LeaderEpoch is -1 if
// unknown.
type TimestampAndOffset struct {
	Timestamp   int64
	Offset      int64
	LeaderEpoch int32
}

// OffsetAndEpoch is where a leader epoch ends.
type OffsetAndEpoch struct {
	Offset      int64
	LeaderEpoch int32
}

// ActiveProducer is the state of one producer, as DescribeProducers shows it.
type ActiveProducer struct {
	ProducerID       int64
	ProducerEpoch    int16
	LastSequence     int32
	LastTimestamp    int64
	CoordinatorEpoch int32
	// CurrentTxnStartOffset is -1 if no transaction is open.
	CurrentTxnStartOffset int64
}

// Special timestamps of a search by time, as in ListOffsets.
const (
	LatestTimestamp   = int64(-1)
	EarliestTimestamp = int64(-2)
	MaxTimestamp      = int64(-3)
)

// ReadAll copies the records into memory and walks nothing; it is for
// coordinators, which load a whole partition.
func (i *FetchDataInfo) ReadAll(buffer []byte) ([]byte, error) {
	if i.Records == nil {
		return buffer[:0], nil
	}
	size := i.Records.Size()
	if cap(buffer) < size {
		buffer = make([]byte, size)
	}
	buffer = buffer[:size]
	_, err := i.Records.ReadAt(buffer, 0)
	return buffer, err
}
