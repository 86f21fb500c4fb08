// Package abilities is what every Go client is asked for, made of a few primitives
// that a client's own program provides.
package abilities

import "strings"

// Record is a record sent or read.
type Record struct {
	Key, Value []byte
	Headers    []Header
	Partition  int32 // -1 leaves it to the client
	Timestamp  int64 // 0 leaves it to the client
	Offset     int64
}

// Header is one of a record's headers.
type Header struct {
	Key   string
	Value []byte
}

// Settings are what a producer is told.
type Settings struct {
	Codec      string
	Idempotent bool
	// Hurried has it try a topic that does not exist no more than twice.
	Hurried bool
	// Large has the client itself let records of several MB pass.
	Large bool
}

// Position is where reading starts: at the start, the end, an offset or a timestamp.
type Position struct {
	Kind PositionKind
	At   int64
}

// PositionKind is what a Position goes by.
type PositionKind int

// The kinds of positions.
const (
	Start PositionKind = iota
	End
	Offset
	Timestamp
)

// Membership is how a member joins its group, which is named as its topic. Offsets
// without a commit are at the start.
type Membership struct {
	Cooperative bool
	Instance    string // of a static member, whose session lasts fifteen seconds
}

// Client has the primitives of a library. They fail by [Check] or [Fail], and end by
// [NotInClient] where the library has no such thing.
type Client interface {
	// Create creates a topic with one replica; it need not wait until it is known.
	Create(topic string, partitions int32)
	// Partitions is how many partitions the brokers say the topic has, 0 when it is not there.
	Partitions(topic string) int
	// Send sends all records and waits for them.
	Send(topic string, settings Settings, records ...Record)
	// Read reads count records of all partitions. It calls then, where there is one, once the position is taken.
	Read(topic string, partitions int32, count int, from Position, then func()) []Record
	// ConsumeAndCommit reads the next records of a group named as the topic and commits behind the last.
	ConsumeAndCommit(topic string, count int) []Record
	// Join has the member join the group named as the topic and poll until the function that it returns is called, which leaves.
	Join(topic string, how Membership, member *Member) (leave func())
	// UnknownTopicConsume is what it sees when it consumes from a topic that does not exist.
	UnknownTopicConsume(topic string) string
	// Text is what is to be said of an error.
	Text(err error) string
	// Admin are the abilities that need calls of the library's admin client, by their names.
	Admin(s *Suite) map[string]func() string
}

// Numbered are records value-0, value-1 and so on.
func Numbered(count int) []Record {
	records := make([]Record, count)
	for i := range records {
		records[i] = Record{Value: []byte("value-" + itoa(i)), Partition: -1}
	}
	return records
}

// Text shows a key or a value.
func Text(value []byte) string {
	if value == nil {
		return "null"
	}
	return string(value)
}

func texts(records []Record) string {
	var all []string
	for _, r := range records {
		all = append(all, Text(r.Value))
	}
	return strings.Join(all, " ")
}
