// Command bench measures the program in libs/: the time from the start of a broker
// to its first acknowledged record, its resident memory when idle, and the bytes a
// second that one producer and one consumer reach. tests/bench/start.sh builds the
// program and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	wantedStart    = 300 * time.Millisecond
	wantedIdleMiB  = 40
	topic          = "bench"
	recordSize     = 1000
	throughputSize = 256 << 20
)

func main() {
	repetitions := flag.Int("repetitions", 5, "how often the start is measured")
	flag.Parse()
	*repetitions = max(*repetitions, 2)
	if err := run(*repetitions); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(repetitions int) error {
	dir, err := os.MkdirTemp("", "gregor-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	zooKeeperPort, err := freePort()
	if err != nil {
		return err
	}
	zooKeeper, err := startServer(dir, "org.apache.zookeeper.server.quorum.QuorumPeerMain",
		fmt.Sprintf("dataDir=%s/zookeeper\nclientPort=%d\n", dir, zooKeeperPort))
	if err != nil {
		return err
	}
	defer stop(zooKeeper)
	if err := awaitPort(fmt.Sprintf("127.0.0.1:%d", zooKeeperPort)); err != nil {
		return err
	}
	var starts []time.Duration
	for i := range repetitions {
		start, idle, err := measureStart(dir, zooKeeperPort, i == repetitions-1)
		if err != nil {
			return err
		}
		starts = append(starts, start)
		if idle > 0 {
			report("idle memory of the broker", fmt.Sprintf("%.1f MiB", idle), fmt.Sprintf("%d MiB", wantedIdleMiB), idle < wantedIdleMiB)
		}
	}
	report("start to first record, on no data", starts[0].String(), wantedStart.String(), starts[0] < wantedStart)
	starts = starts[1:]
	slices.Sort(starts)
	median := starts[len(starts)/2]
	report("start to first record, on its data", fmt.Sprintf("%v (%v to %v)", median, starts[0], starts[len(starts)-1]), wantedStart.String(), median < wantedStart)
	return nil
}

func report(what, measured, wanted string, met bool) {
	fmt.Printf("%-36s %s; wanted: below %s: %s\n", what, measured, wanted, map[bool]string{true: "met", false: "NOT MET"}[met])
}

// measureStart starts a broker, sends a record and stops the broker again. The last
// time it also measures the memory and the throughput.
func measureStart(dir string, zooKeeperPort int, last bool) (start time.Duration, idleMiB float64, err error) {
	port, err := freePort()
	if err != nil {
		return 0, 0, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	began := time.Now()
	broker, err := startServer(dir, "kafka.Kafka", fmt.Sprintf(
		"broker.id=0\nlisteners=PLAINTEXT://%s\nlog.dirs=%s/kafka-logs\nzookeeper.connect=127.0.0.1:%d\noffsets.topic.replication.factor=1\n", address, dir, zooKeeperPort))
	if err != nil {
		return 0, 0, err
	}
	defer stop(broker)
	if err := firstRecord(address); err != nil {
		return 0, 0, err
	}
	start = time.Since(began).Round(time.Millisecond)
	if !last {
		return start, 0, nil
	}
	time.Sleep(5 * time.Second) // until it is idle
	if idleMiB, err = residentMiB(broker.Process.Pid); err != nil {
		return 0, 0, err
	}
	return start, idleMiB, throughput(address)
}

const patience = 30 * time.Second

// awaitPort waits until something listens at an address.
func awaitPort(address string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		connection, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return connection.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// firstRecord creates the topic, if there is none, and tries until a record is
// acknowledged.
func firstRecord(address string) error {
	if err := awaitPort(address); err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic), kgo.DisableIdempotentWrite(),
		kgo.MetadataMinAge(10*time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }), kgo.UnknownTopicRetries(-1))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		response, err := createTopic(topic).RequestWith(context.Background(), client)
		if err == nil && (response.Topics[0].ErrorCode == 0 || response.Topics[0].ErrorCode == kerr.TopicAlreadyExists.Code) {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	for {
		err = client.ProduceSync(context.Background(), kgo.StringRecord("first")).FirstErr()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func createTopic(name string) *kmsg.CreateTopicsRequest {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 10_000
	request.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: name, NumPartitions: 1, ReplicationFactor: 1}}
	return request
}

// throughput sends and reads records of recordSize bytes.
func throughput(address string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic("throughput"), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ConsumeTopics("throughput"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := createTopic("throughput").RequestWith(ctx, client); err != nil {
		return err
	}
	const count = throughputSize / recordSize
	value := make([]byte, recordSize)
	var failed error
	began := time.Now()
	for range count {
		client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) { failed = errors.Join(failed, err) })
	}
	if err := errors.Join(client.Flush(ctx), failed); err != nil {
		return err
	}
	fmt.Printf("%-36s %.0f MiB/s\n", "one producer, acks=all", float64(throughputSize>>20)/time.Since(began).Seconds())
	began = time.Now()
	for got := 0; got < count; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		got += fetches.NumRecords()
	}
	fmt.Printf("%-36s %.0f MiB/s\n", "one consumer", float64(throughputSize>>20)/time.Since(began).Seconds())
	return nil
}

// startServer runs a class of the program with a configuration, its log in dir.
func startServer(dir, class, properties string) (*exec.Cmd, error) {
	file := filepath.Join(dir, class+".properties")
	if err := os.WriteFile(file, []byte(properties), 0o644); err != nil {
		return nil, err
	}
	output, err := os.Create(filepath.Join(dir, class+".log"))
	if err != nil {
		return nil, err
	}
	defer output.Close()
	command := exec.Command("libs/kafka", class, file)
	command.Stdout, command.Stderr = output, output
	return command, command.Start()
}

func stop(server *exec.Cmd) {
	_ = server.Process.Signal(syscall.SIGTERM)
	_ = server.Wait()
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// residentMiB is the resident memory of a process, VmRSS of Linux.
func residentMiB(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("no VmRSS in the status of the process")
}
