package log

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"github.com/gregor-broker/gregor/tests/framework"
)

func TestMain(m *testing.M) { os.Exit(framework.Main(m)) }

const patience = 30 * time.Second

// disk is a broker and a producer that gives up at the first error.
type disk struct {
	*testing.T
	address string
	client  *kgo.Client
}

// smallFiles leave the small disk to the records.
var smallFiles = map[string]string{"log.segment.delete.delay.ms": "0", "log.segment.bytes": "1100000",
	"replica.high.watermark.checkpoint.interval.ms": "200", "log.index.size.max.bytes": "10000", "auto.create.topics.enable": "false"}

func newDisk(t *testing.T, address string) *disk {
	t.Helper()
	d := &disk{T: t, address: address}
	client, err := kgo.NewClient(kgo.SeedBrokers(d.address), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d.client = client
	return d
}

func (d *disk) create(topic string, partitions int32) {
	d.Helper()
	create := kmsg.NewPtrCreateTopicsRequest()
	asked := kmsg.NewCreateTopicsRequestTopic()
	asked.Topic, asked.NumPartitions, asked.ReplicationFactor = topic, partitions, 1
	create.Topics, create.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{asked}, 20_000
	answer, err := create.RequestWith(context.Background(), d.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		d.Fatal(err)
	}
}

func (d *disk) delete(topic string) {
	d.Helper()
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.Topics, remove.TopicNames, remove.TimeoutMillis = []kmsg.DeleteTopicsRequestTopic{{Topic: &topic}}, []string{topic}, 20_000
	answer, err := remove.RequestWith(context.Background(), d.client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		d.Fatal(err)
	}
}

// produce gives the error of one record of 64 KiB.
func (d *disk) produce(topic string, partition int32, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return d.client.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: partition, Key: []byte(name), Value: make([]byte, 64<<10)}).FirstErr()
}

// names reads a partition from its beginning until the last of the wanted names.
func (d *disk) names(topic string, wanted []string) []string {
	d.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(d.address),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		d.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var names []string
	for len(names) < len(wanted) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			d.Fatalf("after %d of %d records of %s: %v", len(names), len(wanted), topic, err)
		}
		fetches.EachRecord(func(record *kgo.Record) { names = append(names, string(record.Key)) })
	}
	return names
}

// TestAFullDiskIsRiddenOut fills a real, small disk: what was acknowledged is served,
// nothing more is taken, and when a topic is deleted the broker takes records again.
func TestAFullDiskIsRiddenOut(t *testing.T) {
	mount := t.TempDir()
	if err := unix.Mount("gregor-tests", mount, "tmpfs", 0, "size=20m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mounting a small disk: %v", err)
		}
		t.Skipf("mounting a small disk needs root: %v", err)
	}
	t.Cleanup(func() { // before the directory is removed, after the broker has stopped
		if err := unix.Unmount(mount, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	settings := maps.Clone(smallFiles)
	settings["log.dirs"] = filepath.Join(mount, "logs")
	broker := framework.StartBrokers(t, framework.BrokersSpec{Kinds: []framework.Kind{framework.GregorProcesses}, Settings: settings}).Brokers[0]
	d := newDisk(t, broker.Address())
	d.create("kept", 1)
	d.create("victim", 1)
	var kept []string
	for i := range 20 {
		kept = append(kept, fmt.Sprint("early-", i))
		if err := d.produce("kept", 0, kept[i]); err != nil {
			t.Fatal(err)
		}
	}
	var victims []string
	var full error
	for i := 0; full == nil && i < 1000; i++ {
		if full = d.produce("victim", 0, fmt.Sprint("v-", i)); full == nil {
			victims = append(victims, fmt.Sprint("v-", i))
		}
	}
	if !errors.Is(full, kerr.KafkaStorageError) {
		t.Fatalf("after %d records the full disk gave %v", len(victims), full)
	}
	if err := d.produce("kept", 0, "refused"); !errors.Is(err, kerr.KafkaStorageError) {
		t.Fatalf("another partition took a record: %v", err)
	}
	if got := d.names("kept", kept); !slices.Equal(got, kept) {
		t.Fatalf("kept: %v", got)
	}
	if got := d.names("victim", victims); !slices.Equal(got, victims) {
		t.Fatalf("victim: %v", got)
	}
	// The disk is full when the broker is killed and started again, too.
	broker.Kill()
	broker.Start()
	if got := d.names("victim", victims); !slices.Equal(got, victims) {
		t.Fatalf("victim after a kill: %v", got)
	}
	d.delete("victim")
	framework.Until(t, patience, "the broker takes records again", func() bool { return d.produce("kept", 0, "late") == nil })
	kept = append(kept, "late")
	if got := d.names("kept", kept); !slices.Equal(got, kept) {
		t.Fatalf("kept at last: %v", got)
	}
	if strings.Contains(broker.Output(), "Stopping serving logs in dir") {
		t.Fatal("the directory went offline")
	}
	broker.Stop()
	if _, err := os.Stat(filepath.Join(mount, "logs", ".kafka_cleanshutdown")); err != nil {
		t.Fatal(err)
	}
}

// TestDirectoriesThatVanish: the partitions of a directory that fails go offline while
// the others are served; without any directory the broker ends as Kafka does.
func TestDirectoriesThatVanish(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
	dir, settings := t.TempDir(), maps.Clone(smallFiles)
	settings["log.dirs"] = one + "," + two
	broker := framework.StartBroker(t, dir, 0, framework.StartZooKeeper(t, dir, nil), settings)
	d := newDisk(t, broker.Address())
	d.create("topic", 2)
	on := func(dir string) int32 {
		if _, err := os.Stat(filepath.Join(dir, "topic-0")); err == nil {
			return 0
		}
		return 1
	}
	lost, kept := on(one), on(two)
	if lost == kept {
		t.Fatal("both partitions are in one directory")
	}
	for partition := range int32(2) {
		if err := d.produce("topic", partition, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(one); err != nil {
		t.Fatal(err)
	}
	framework.Until(t, patience, "the directory is taken offline", func() bool {
		return strings.Contains(broker.Output(), "Stopped serving replicas in dir "+one)
	})
	if err := d.produce("topic", lost, "x"); err == nil {
		t.Fatal("the lost partition took a record")
	}
	if err := d.produce("topic", kept, "y"); err != nil {
		t.Fatalf("the other partition: %v", err)
	}
	if err := os.RemoveAll(two); err != nil {
		t.Fatal(err)
	}
	select {
	case <-broker.Exited():
	case <-time.After(patience):
		t.Fatal("the broker goes on without any directory")
	}
	if code := broker.ExitCode(); code != 1 {
		t.Fatalf("the broker ended with %d", code)
	}
}
