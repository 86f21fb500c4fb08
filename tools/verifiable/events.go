// Package verifiable has the producer and the consumer of Kafka's system tests,
// which say in JSON what they do, as org.apache.kafka.tools.
package verifiable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// header begins each event.
type header struct {
	Timestamp int64  `json:"timestamp"`
	Name      string `json:"name"`
}

func event(name string) header { return header{time.Now().UnixMilli(), name} }

// The events of the producer.
type (
	sendSuccess struct {
		header
		Key       *string `json:"key"`
		Value     string  `json:"value"`
		Offset    int64   `json:"offset"`
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
	}
	sendError struct {
		header
		Topic     string  `json:"topic"`
		Key       *string `json:"key"`
		Value     string  `json:"value"`
		Exception string  `json:"exception"`
		Message   string  `json:"message"`
	}
	toolData struct {
		header
		Sent              int64      `json:"sent"`
		Acked             int64      `json:"acked"`
		TargetThroughput  int64      `json:"target_throughput"`
		AverageThroughput javaDouble `json:"avg_throughput"`
	}
)

// The events of the consumer.
type (
	partitionName struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
	}
	partitionsEvent struct {
		header
		Partitions []partitionName `json:"partitions"`
	}
	recordData struct {
		header
		Key       *string `json:"key"`
		Value     *string `json:"value"`
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
		Offset    int64   `json:"offset"`
	}
	recordsConsumed struct {
		header
		Count      int                `json:"count"`
		Partitions []partitionSummary `json:"partitions"`
	}
	partitionSummary struct {
		partitionName
		Count     int   `json:"count"`
		MinOffset int64 `json:"minOffset"`
		MaxOffset int64 `json:"maxOffset"`
	}
	offsetsCommitted struct {
		header
		Offsets []committedOffset `json:"offsets"`
		Error   *string           `json:"error,omitempty"`
		Success bool              `json:"success"`
	}
	committedOffset struct {
		partitionName
		Offset int64 `json:"offset"`
	}
)

// javaDouble is a number written as Jackson does.
type javaDouble float64

// MarshalJSON writes what is no finite number as a string.
func (d javaDouble) MarshalJSON() ([]byte, error) {
	text := jvm.Double(float64(d), 64)
	if last := text[len(text)-1]; last < '0' || last > '9' {
		text = `"` + text + `"`
	}
	return []byte(text), nil
}

// eventWriter prints events, a line each.
type eventWriter struct {
	mu  sync.Mutex // one event at a time
	out io.Writer
}

func (w *eventWriter) print(event any) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		line.Reset()
		fmt.Fprintf(&line, "Bad data can't be written as json: %s\n", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = line.WriteTo(w.out)
}

// stringPointer is a field as text; nil stays nil.
func stringPointer(field []byte) *string {
	if field == nil {
		return nil
	}
	text := string(field)
	return &text
}

// partitionNames are the partitions in the order of a java.util.HashSet.
func partitionNames(assigned map[string][]int32) []partitionName {
	var names []partitionName
	for name, partitions := range assigned {
		for _, partition := range partitions {
			names = append(names, partitionName{name, partition})
		}
	}
	slices.SortFunc(names, func(a, b partitionName) int { return int(a.Partition) - int(b.Partition) })
	return append([]partitionName{}, jvm.SetOrder(names, partitionName.hash)...)
}

func (n partitionName) hash() int32 {
	return command.PartitionHash(topic.Partition{Topic: n.Topic, Partition: n.Partition})
}
