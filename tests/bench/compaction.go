package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/log/record"
)

const (
	compactedTopic      = "compacted"
	compactedRecord     = 84 // and a key of 16 bytes
	compactedPerBatch   = 140
	compactedSegment    = 32 << 20
	resourceTypeTopic   = 2
	configOperationSet  = 0
	compactionHousehold = "log.cleaner.backoff.ms=100" // both look for work ten times a second
)

// measureCompaction fills a log in which every key comes twice, has it compacted from
// some moment on and takes the time until the cleaner has done all but the segment
// that is written to.
func (b *bench) measureCompaction(kind kind, home string) error {
	defer os.RemoveAll(home)
	broker, err := b.startBroker(alone(kind, home, compactionHousehold))
	if err != nil {
		return err
	}
	defer broker.kill()
	c, err := b.connect(broker.process)
	if err != nil {
		return err
	}
	defer c.Close()
	err = b.createReplicated(c, compactedTopic, 1, 1, map[string]string{
		"segment.bytes": strconv.Itoa(compactedSegment), "min.cleanable.dirty.ratio": "0.01", "cleanup.policy": "delete",
	})
	if err != nil {
		return err
	}
	if err := b.produceKeyed(c); err != nil {
		return err
	}
	data := filepath.Join(home, "data")
	bytes, active, err := sealedSegments(filepath.Join(data, compactedTopic+"-0"))
	if err != nil {
		return err
	}
	compacted, err := timed(broker, func() (int, error) {
		if err := compact(c); err != nil {
			return 0, err
		}
		return bytes, b.awaitCleaned(broker, filepath.Join(data, "cleaner-offset-checkpoint"), active)
	})
	if err != nil {
		return err
	}
	b.results.add(rowCompaction, kind, compacted.megabytes/compacted.seconds)
	b.results.add(rowCompactionCPU, kind, compacted.megabytes/compacted.cpuSeconds)
	return broker.stop(b.ctx)
}

// produceKeyed fills the topic, one batch after the other.
func (b *bench) produceKeyed(c *connection) error {
	value, key := make([]byte, compactedRecord), make([]byte, 16)
	total := int(b.compactionMiB<<20) / (compactedRecord + len(key))
	for sent := 0; sent < total; {
		builder := record.NewBuilder(record.BuilderOptions{})
		now := time.Now().UnixMilli()
		for range compactedPerBatch {
			binary.BigEndian.PutUint64(key, uint64(sent%(total/2))*0x9E3779B97F4A7C15) // in no order
			builder.Append(now, key, value)
			sent++
		}
		request := produceRequest(compactedTopic, 0, builder.Build())
		err := b.untilServed(func() (int16, error) {
			response, err := c.ask(request)
			if err != nil {
				return 0, err
			}
			return produceResult(response).ErrorCode, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sealedSegments gives the size of all segments but the last, and the offset at which
// that begins.
func sealedSegments(dir string) (bytes int, active int64, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(files) < 2 {
		return 0, 0, errors.Join(err, fmt.Errorf("%d segments: there is nothing to compact", len(files)))
	}
	slices.Sort(files)
	last := files[len(files)-1]
	for _, file := range files[:len(files)-1] {
		info, err := os.Stat(file)
		if err != nil {
			return 0, 0, err
		}
		bytes += int(info.Size())
	}
	active, err = strconv.ParseInt(strings.TrimSuffix(filepath.Base(last), ".log"), 10, 64)
	return bytes, active, err
}

// compact changes the policy of the topic.
func compact(c *connection) error {
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Version = alterConfigsVersion
	value := "compact"
	request.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{
		ResourceType: resourceTypeTopic, ResourceName: compactedTopic,
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "cleanup.policy", Op: configOperationSet, Value: &value}},
	}}
	response, err := c.ask(request)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode)
}

// awaitCleaned waits until the cleaner's checkpoint has the topic cleaned up to an
// offset.
func (b *bench) awaitCleaned(broker *broker, checkpoint string, offset int64) error {
	for deadline := time.Now().Add(settleTimeout); ; {
		if content, err := os.ReadFile(checkpoint); err == nil && cleanedTo(string(content)) >= offset {
			return nil
		}
		if ended := broker.ended(); ended != nil {
			return ended
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the log is not compacted after %v", settleTimeout)
		}
		if err := b.wait(2 * time.Millisecond); err != nil {
			return err
		}
	}
}

// cleanedTo reads the topic's offset in a cleaner's checkpoint, -1 if it is not there.
func cleanedTo(checkpoint string) int64 {
	for line := range strings.Lines(checkpoint) {
		if rest, ok := strings.CutPrefix(line, compactedTopic+" 0 "); ok {
			if offset, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64); err == nil {
				return offset
			}
		}
	}
	return -1
}
