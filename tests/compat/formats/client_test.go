//go:build peers

package formats

import (
	"encoding/binary"
	"io"
	"maps"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// peer is a connection to a broker.
type peer struct{ net.Conn }

func dial(t *testing.T, address string) peer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return peer{conn}
}

// call sends one request in one version and waits for its answer.
func call[R kmsg.Response](t *testing.T, to peer, version int16, request kmsg.Request) R {
	t.Helper()
	request.SetVersion(version)
	to.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := to.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("formats")).AppendRequest(nil, request, 7)); err != nil {
		t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(to, size[:]); err != nil {
		t.Fatalf("%T v%d: %v", request, version, err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(to, body); err != nil {
		t.Fatalf("%T v%d: %v", request, version, err)
	}
	response := request.ResponseKind()
	response.SetVersion(version)
	if err := response.ReadFrom(body[4:]); err != nil {
		t.Fatalf("%T v%d: %v", request, version, err)
	}
	return response.(R)
}

// createTopic makes a topic of one partition and waits for its leader.
func createTopic(t *testing.T, to peer, name string, configs map[string]string) {
	t.Helper()
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = name, 1, 1
	configs = maps.Clone(configs)
	configs["retention.ms"] = "-1" // the records are of 2020
	for key, value := range configs {
		wanted.Configs = append(wanted.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis, request.Topics = 10000, append(request.Topics, wanted)
	if code := call[*kmsg.CreateTopicsResponse](t, to, 1, request).Topics[0].ErrorCode; code != 0 {
		t.Fatalf("creating %s: %v", name, kerr.ErrorForCode(code))
	}
	framework.Until(t, 20*time.Second, name+" has a leader", func() bool {
		return listOffsets(t, to, 1, name, -2).ErrorCode == 0
	})
}

func produce(t *testing.T, to peer, version int16, topic string, records []byte) kmsg.ProduceResponseTopicPartition {
	t.Helper()
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 10000
	request.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: records}}}}
	return call[*kmsg.ProduceResponse](t, to, version, request).Topics[0].Partitions[0]
}

func fetch(t *testing.T, to peer, version int16, topic string, offset int64, maxBytes int32) kmsg.FetchResponseTopicPartition {
	t.Helper()
	request := kmsg.NewPtrFetchRequest()
	request.MinBytes, request.MaxBytes, request.ReplicaID = 1, 50<<20, -1
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.FetchOffset, partition.PartitionMaxBytes = offset, maxBytes
	request.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{partition}}}
	return call[*kmsg.FetchResponse](t, to, version, request).Topics[0].Partitions[0]
}

func listOffsets(t *testing.T, to peer, version int16, topic string, timestamp int64) kmsg.ListOffsetsResponseTopicPartition {
	t.Helper()
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp, partition.MaxNumOffsets = timestamp, 10
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	request.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{partition}}}
	return call[*kmsg.ListOffsetsResponse](t, to, version, request).Topics[0].Partitions[0]
}
