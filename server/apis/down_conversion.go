package apis

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/replica"
)

const (
	// conversionChunk is how many stored bytes are converted at a time.
	conversionChunk = 128 << 10
	// overflowHeader is what a client needs of a message to see that it is
	// incomplete: offset and size.
	overflowHeader = record.LogOverhead
)

// fetchConverter makes results what the version of the request can carry.
// Versions 0 and 1 know only v0 messages, 2 and 3 only v1, and those below 10 no
// zstd.
type fetchConverter struct {
	apis     *APIs
	version  int16
	follower bool
	// offsets are where the request reads from, noted for old versions only,
	// which have no sessions.
	offsets map[topic.Partition]int64
}

func (a *APIs) newFetchConverter(body *kmsg.FetchRequest) *fetchConverter {
	return &fetchConverter{apis: a, version: body.Version, follower: body.ReplicaID >= 0}
}

func (c *fetchConverter) note(asked *replica.FetchPartition) {
	if c.version >= 4 {
		return
	}
	if c.offsets == nil {
		c.offsets = map[topic.Partition]int64{}
	}
	c.offsets[asked.Partition] = asked.FetchOffset
}

// convert takes over the records of a result.
func (c *fetchConverter) convert(result *replica.FetchPartitionResult) fetchPartition {
	var settings *log.Config
	if c.version < 10 {
		settings = c.apis.Replicas.LogConfig(result.Partition)
	}
	if settings == nil {
		return fetchResult(result, c.version)
	}
	if settings.CompressionType == record.Zstd.String() {
		return refuseResult(result, kerr.UnsupportedCompressionType)
	}
	magic, needed := downConversionMagic(settings.RecordVersion, c.version)
	switch {
	case !needed:
		return fetchResult(result, c.version)
	case !c.follower && !settings.MessageDownconversionEnable:
		return refuseResult(result, kerr.UnsupportedVersion)
	}
	return c.convertRecords(result, magic)
}

// downConversionMagic is the format to convert to. What the topic stores tells
// whether it is needed; the batches themselves are not asked.
func downConversionMagic(stored int8, version int16) (magic int8, needed bool) {
	switch {
	case version <= 1 && stored > record.MagicV0:
		return record.MagicV0, true
	case version <= 3 && stored > record.MagicV1:
		return record.MagicV1, true
	}
	return stored, false
}

func (c *fetchConverter) convertRecords(result *replica.FetchPartitionResult, magic int8) fetchPartition {
	if result.Records == nil {
		return fetchResult(result, c.version)
	}
	stats := c.apis.Replicas.TopicStats().Topic(result.Partition.Topic)
	converted, err := newConvertedRecords(result.Records, magic, c.offsets[result.Partition], stats)
	if err != nil {
		return refuseResult(result, err)
	}
	partition := fetchResult(result, c.version)
	partition.records = converted
	return partition
}

// refuseResult answers with an error instead of what was read.
func refuseResult(result *replica.FetchPartitionResult, err error) fetchPartition {
	if result.Records != nil {
		result.Records.Release()
	}
	return fetchPartition{
		partition: result.Partition.Partition, errorCode: protocol.ErrorCode(err), noRecords: true,
		highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, preferredReadReplica: -1, aborted: []log.AbortedTransaction{},
	}
}

// convertedRecords are down-converted while they are sent, as
// LazyDownConversionRecords. Only the first batch is converted before, because a
// consumer needs one whole message to go on and the size is announced ahead.
type convertedRecords struct {
	source    *log.FileRecords
	converter *record.DownConverter
	first     []byte
	size      int
	stats     *replica.TopicStats
}

// newConvertedRecords converts the first batch that leaves anything.
func newConvertedRecords(source *log.FileRecords, magic int8, fetchOffset int64, stats *replica.TopicStats) (*convertedRecords, error) {
	r := &convertedRecords{source: source, converter: record.NewDownConverter(source, source.Size(), magic, fetchOffset), stats: stats}
	first, err := r.converter.Next(nil, 0)
	switch {
	case err == nil:
		r.first, r.size = first, max(source.Size(), len(first))
	case !errors.Is(err, io.EOF):
		return nil, err
	case r.converter.HasBatches():
		r.size = overflowHeader
	}
	return r, nil
}

// Size is what is announced.
func (r *convertedRecords) Size() int { return r.size }

func (r *convertedRecords) writeTo(w *network.ResponseWriter) error { return r.convertTo(w) }

// convertTo writes exactly as much as was announced.
func (r *convertedRecords) convertTo(w io.Writer) error {
	chunk, remaining, ended := r.first, r.size, false
	r.first = nil
	for remaining > 0 {
		if len(chunk) == 0 && !ended {
			converted, err := r.converter.Next(chunk, conversionChunk)
			// At zstd the consumer comes back and is told then.
			ended = errors.Is(err, io.EOF) || errors.Is(err, kerr.UnsupportedCompressionType)
			if err != nil && !ended {
				return err
			}
			chunk = converted
		}
		if ended {
			chunk = overflowMessage(remaining)
		}
		n, err := w.Write(chunk[:min(len(chunk), remaining)])
		if err != nil {
			return err
		}
		remaining -= n
		chunk = chunk[:0]
	}
	return nil
}

// overflowMessage is the beginning of a message that is longer than what is left
// to send, which consumers take for one that did not fit.
func overflowMessage(remaining int) []byte {
	message := make([]byte, max(overflowHeader, min(remaining+1, conversionChunk)))
	binary.BigEndian.PutUint64(message, ^uint64(0))
	binary.BigEndian.PutUint32(message[8:], uint32(max(remaining+1, record.HeaderSize)))
	return message
}

// Release gives the region back.
func (r *convertedRecords) Release() {
	if n := r.converter.Converted(); n > 0 {
		r.stats.Mark(replica.FetchMessageConversions, int64(n))
	}
	r.source.Release()
}
