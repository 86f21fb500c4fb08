package zkdata

import (
	"fmt"
	"math"
	"strconv"
)

// ProducerIDBlockPath is the last block of producer ids given to a broker.
const ProducerIDBlockPath = "/latest_producer_id_block"

// ProducerIDBlockSize is the number of ids in a block (ProducerIdsBlock).
const ProducerIDBlockSize = 1000

// ProducerIDBlock is a block of producer ids and the broker it belongs to.
type ProducerIDBlock struct {
	BrokerID int32
	Start    int64
	Size     int32
}

// String prints as Kafka's ProducerIdsBlock.
func (b ProducerIDBlock) String() string {
	return fmt.Sprintf("ProducerIdsBlock{brokerId=%d, producerIdStart=%d, producerIdLen=%d}", b.BrokerID, b.Start, b.Size)
}

// End is the last id of the block.
func (b ProducerIDBlock) End() int64 { return b.Start + int64(b.Size) - 1 }

// EncodeProducerIDBlock gives the value of the node.
func EncodeProducerIDBlock(b ProducerIDBlock) []byte {
	return object{
		{"version", 1},
		{"broker", b.BrokerID},
		{"block_start", strconv.FormatInt(b.Start, 10)},
		{"block_end", strconv.FormatInt(b.End(), 10)},
	}.encode()
}

// DecodeProducerIDBlock reads the node.
func DecodeProducerIDBlock(data []byte) (ProducerIDBlock, error) {
	block, err := readProducerIDBlock(data)
	if err != nil {
		return ProducerIDBlock{}, fmt.Errorf("Failed to parse the producerId block json %s: %w", clip(data), err) //nolint:staticcheck // Kafka's sentence
	}
	return block, nil
}

func readProducerIDBlock(data []byte) (block ProducerIDBlock, err error) {
	f, err := parseObject(data)
	if err != nil {
		return block, err
	}
	if block.BrokerID, err = f.int32("broker"); err != nil {
		return block, err
	}
	if block.Start, err = number(f, "block_start"); err != nil {
		return block, err
	}
	end, err := number(f, "block_end")
	if err != nil {
		return block, err
	}
	if block.Start < 0 || end < block.Start-1 || end-block.Start >= math.MaxInt32 {
		return block, fmt.Errorf("%w: block from %d to %d", ErrMalformed, block.Start, end)
	}
	block.Size = int32(end - block.Start + 1)
	return block, nil
}

// number reads a decimal number that is written as a JSON string.
func number(f fields, key string) (int64, error) {
	text, err := f.text(key)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: producerIds have exceeded long type limit or are no numbers", ErrMalformed)
	}
	return n, nil
}
