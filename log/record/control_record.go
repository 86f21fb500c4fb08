package record

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ControlType is the kind of a control record.
type ControlType int16

// The control records of a transaction. Other values are reserved and ignored.
const (
	ControlAbort  ControlType = 0
	ControlCommit ControlType = 1
)

// String gives the name that tools print.
func (t ControlType) String() string {
	switch t {
	case ControlAbort:
		return "ABORT"
	case ControlCommit:
		return "COMMIT"
	}
	return "UNKNOWN"
}

const (
	controlKeyVersion = 0
	endTxnVersion     = 0
)

// ParseControlKey reads the key of a control record.
func ParseControlKey(key []byte) (ControlType, error) {
	if len(key) < 4 {
		return 0, fmt.Errorf("%w: invalid value size found for control record key: must have at least 4 bytes, but found only %d",
			kerr.InvalidRecord, len(key))
	}
	if version := int16(binary.BigEndian.Uint16(key)); version < 0 {
		return 0, fmt.Errorf("%w: invalid version found for control record: %d. May indicate data corruption", kerr.InvalidRecord, version)
	}
	return ControlType(binary.BigEndian.Uint16(key[2:])), nil
}

// EndTransactionMarker is the content of a marker that ends a transaction.
type EndTransactionMarker struct {
	Type             ControlType
	CoordinatorEpoch int32
}

// ParseEndTransactionMarker reads the control record that ends a transaction.
func ParseEndTransactionMarker(key, value []byte) (EndTransactionMarker, error) {
	kind, err := ParseControlKey(key)
	if err != nil {
		return EndTransactionMarker{}, err
	}
	if kind != ControlAbort && kind != ControlCommit {
		return EndTransactionMarker{}, fmt.Errorf("%w: invalid end transaction marker type %d", kerr.InvalidRecord, kind)
	}
	if len(value) < 6 {
		return EndTransactionMarker{}, fmt.Errorf("%w: invalid value size found for end transaction marker: must have at least 6 bytes, but found only %d",
			kerr.InvalidRecord, len(value))
	}
	if version := int16(binary.BigEndian.Uint16(value)); version < 0 {
		return EndTransactionMarker{}, fmt.Errorf("%w: invalid version found for end transaction marker: %d. May indicate data corruption", kerr.InvalidRecord, version)
	}
	return EndTransactionMarker{Type: kind, CoordinatorEpoch: int32(binary.BigEndian.Uint32(value[2:]))}, nil
}

// BuildEndTransactionMarker returns the control batch that ends the open
// transaction of a producer.
func BuildEndTransactionMarker(producerID int64, producerEpoch int16, timestamp int64, marker EndTransactionMarker) []byte {
	key := binary.BigEndian.AppendUint16(make([]byte, 0, 4), controlKeyVersion)
	key = binary.BigEndian.AppendUint16(key, uint16(marker.Type))
	value := binary.BigEndian.AppendUint16(make([]byte, 0, 6), endTxnVersion)
	value = binary.BigEndian.AppendUint32(value, uint32(marker.CoordinatorEpoch))
	builder := NewBuilder(BuilderOptions{
		Transactional: true,
		Control:       true,
		ProducerID:    producerID,
		ProducerEpoch: producerEpoch,
		BaseSequence:  NoSequence,
		HasProducer:   true,
	})
	builder.Append(timestamp, key, value)
	return builder.Build()
}
