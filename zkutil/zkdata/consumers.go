package zkdata

import (
	"fmt"
	"strconv"
)

// ConsumersPath is the root of what consumers once kept in ZooKeeper.
const ConsumersPath = "/consumers"

// ConsumerOffsetPath is the offset committed by OffsetCommit version 0; names
// stand in the path as they are.
func ConsumerOffsetPath(group, topicName string, partition int32) string {
	return fmt.Sprintf("%s/%s/offsets/%s/%d", ConsumersPath, group, topicName, partition)
}

// EncodeConsumerOffset gives the decimal digits of the offset.
func EncodeConsumerOffset(offset int64) []byte { return strconv.AppendInt(nil, offset, 10) }

// DecodeConsumerOffset reads an offset; found is false for a node without data.
func DecodeConsumerOffset(data []byte) (offset int64, found bool, err error) {
	if data == nil {
		return 0, false, nil
	}
	offset, err = strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("consumer offset: %w: %q", ErrMalformed, clip(data))
	}
	return offset, true, nil
}
