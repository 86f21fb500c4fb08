// Package topic has what every layer says of a topic: its legal names, its id
// and its partitions. It mirrors org.apache.kafka.common.internals.Topic,
// TopicPartition and Uuid.
package topic

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// The internal topics, and the longest name a topic may have.
const (
	ConsumerOffsets  = "__consumer_offsets"
	TransactionState = "__transaction_state"
	MaxNameLength    = 249
)

// Partition names one partition of a topic.
type Partition struct {
	Topic     string
	Partition int32
}

// String gives topic-partition, the name of its log directory.
func (p Partition) String() string {
	return p.Topic + "-" + strconv.Itoa(int(p.Partition))
}

// IsInternal reports whether the topic belongs to a coordinator.
func IsInternal(name string) bool {
	return name == ConsumerOffsets || name == TransactionState
}

// Validate returns Kafka's sentence when the name is not legal.
func Validate(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("Topic name is illegal, it can't be empty") //nolint:staticcheck // Kafka's sentence
	case name == "." || name == "..":
		return fmt.Errorf(`Topic name cannot be "." or ".."`) //nolint:staticcheck // Kafka's sentence
	case len(name) > MaxNameLength:
		return fmt.Errorf("Topic name is illegal, it can't be longer than %d characters, Topic name: %s", MaxNameLength, name) //nolint:staticcheck // Kafka's sentence
	case !legal(name):
		return fmt.Errorf("Topic name \"%s\" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'", name) //nolint:staticcheck // Kafka's sentence
	}
	return nil
}

func legal(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// HasCollision reports whether two names make the same metric name, in which
// '.' and '_' are one.
func HasCollision(a, b string) bool {
	return strings.ReplaceAll(a, ".", "_") == strings.ReplaceAll(b, ".", "_")
}

// ID is a topic id (KIP-516); the zero value means none.
type ID [16]byte

// NewID returns a random id: never the zero id, the metadata topic's id, or
// one whose text begins with a dash, as Uuid.randomUuid.
func NewID() ID {
	for {
		var id ID
		rand.Read(id[:])
		id[6] = id[6]&0x0f | 0x40
		id[8] = id[8]&0x3f | 0x80
		if !strings.HasPrefix(id.String(), "-") {
			return id
		}
	}
}

// ParseID reads the 22 base64url characters of [ID.String].
func ParseID(text string) (ID, error) {
	var id ID
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return id, fmt.Errorf("topic id %q: %w", text, err)
	}
	if len(decoded) != len(id) {
		return id, fmt.Errorf("topic id %q has %d bytes, want %d", text, len(decoded), len(id))
	}
	copy(id[:], decoded)
	return id, nil
}

// String gives the id as base64url without padding.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// IsZero reports whether the id is absent.
func (id ID) IsZero() bool { return id == ID{} }
