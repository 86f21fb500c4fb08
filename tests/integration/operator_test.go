package integration

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// apiVersions is a whole request of ApiVersions, version 0.
func apiVersions() []byte { return frame(header(18, 0)) }

// answered tells whether a connection gets an answer before the deadline.
func answered(connection net.Conn, within time.Duration) error {
	if _, err := connection.Write(apiVersions()); err != nil {
		return err
	}
	if err := connection.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := connection.Read(make([]byte, 1))
	return err
}

func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, map[string]string{"connections.max.idle.ms": "200"})
	connection := dial(t, c.Bootstrap())
	if err := answered(connection, patience); err != nil {
		t.Fatal(err)
	}
	if err := connection.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(connection).WriteTo(&bytes.Buffer{}); err != nil {
		t.Errorf("the broker does not close an idle connection: %v", err)
	}
}

// TestConnectionsOfAListenerAreLimited fills one of two listeners: the next
// connection waits for a place, and the other listener is not concerned.
func TestConnectionsOfAListenerAreLimited(t *testing.T) {
	t.Parallel()
	inner, outer := fmt.Sprintf("127.0.0.1:%d", framework.FreePort(t)), fmt.Sprintf("127.0.0.1:%d", framework.FreePort(t))
	c := framework.StartInProcess(t, map[string]string{
		"listeners":                           "INNER://" + inner + ",OUTER://" + outer,
		"listener.security.protocol.map":      "INNER:PLAINTEXT,OUTER:PLAINTEXT",
		"inter.broker.listener.name":          "INNER",
		"listener.name.outer.max.connections": "2",
	})
	first, second, third := dial(t, outer), dial(t, outer), dial(t, outer)
	if err := errors.Join(answered(first, patience), answered(second, patience)); err != nil {
		t.Fatal(err)
	}
	if err := answered(third, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a third connection: %v, want it to wait", err)
	}
	if err := answered(dial(t, c.Bootstrap()), patience); err != nil {
		t.Errorf("the other listener: %v", err)
	}
	first.Close()
	if err := answered(third, patience); err != nil {
		t.Errorf("the third connection after one has ended: %v", err)
	}
}

// TestServersDumpThreadsAndGoOn asks for thread dumps as operators do.
func TestServersDumpThreadsAndGoOn(t *testing.T) {
	t.Parallel()
	zooKeeper := framework.StartZooKeeper(t, t.TempDir(), nil)
	broker := framework.StartBroker(t, t.TempDir(), 0, zooKeeper, nil)
	for _, server := range []*framework.Server{zooKeeper, broker} {
		if err := server.Signal(syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		framework.Until(t, patience, "the stacks are printed", func() bool {
			return strings.Contains(server.Output(), "Full thread dump:\n\ngoroutine ")
		})
	}
	createTopic(t, broker.Address(), "after", 1, nil)
}

// TestRequestsAreNotLoggedUnlessAsked sends requests at the levels of the shipped
// configuration, and then with the request logger on.
func TestRequestsAreNotLoggedUnlessAsked(t *testing.T) {
	t.Parallel()
	zooKeeper, dir := framework.StartZooKeeper(t, t.TempDir(), nil), t.TempDir()
	broker := framework.StartBroker(t, dir, 0, zooKeeper, nil)
	createTopic(t, broker.Address(), "quiet", 1, nil)
	connected := connect(t, broker.Address(), kgo.DefaultProduceTopic("quiet"))
	defer connected.Close()
	produce := func(count int) {
		for range count {
			if err := connected.ProduceSync(t.Context(), kgo.StringRecord("x")).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	requests := func() string {
		text, err := os.ReadFile(filepath.Join(dir, "broker-0-logs", "kafka-request.log"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	produce(1)
	before := strings.Count(broker.Output(), "\n")
	produce(500)
	if lines := strings.Count(broker.Output(), "\n") - before; lines > 50 || requests() != "" {
		t.Errorf("500 requests wrote %d lines, and to the log of requests %q", lines, requests())
	}
	succeed(t, "the level", alterConfigs(t, broker.Address(), kmsg.ConfigResourceTypeBrokerLogger, "0", map[string]string{"kafka.request.logger": "DEBUG"}).ErrorCode)
	produce(1)
	framework.Until(t, patience, "a request is logged", func() bool {
		return strings.Contains(requests(), `"requestApiKeyName":"PRODUCE"`)
	})
}

// TestConnectionsAndTopicsLeaveNothingBehind counts what the broker's process holds
// before and after many connections and topics.
func TestConnectionsAndTopicsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	zooKeeper := framework.StartZooKeeper(t, t.TempDir(), nil)
	broker := framework.StartBroker(t, t.TempDir(), 0, zooKeeper, map[string]string{"log.segment.delete.delay.ms": "10"})
	connected := connect(t, broker.Address())
	defer connected.Close()
	round := func(topics, connections int) {
		for i := range topics {
			name := fmt.Sprintf("passing-%d", i)
			succeed(t, "create", askOn(t, connected, createRequest(name, 1, 1, nil)).Topics[0].ErrorCode)
			request := kmsg.NewPtrDeleteTopicsRequest()
			request.TimeoutMillis, request.TopicNames = int32(patience.Milliseconds()), []string{name}
			request.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: &name}}
			succeed(t, "delete", askOn(t, connected, request).Topics[0].ErrorCode)
		}
		for range connections {
			connection, err := net.Dial("tcp", broker.Address())
			if err == nil {
				err = errors.Join(answered(connection, patience), connection.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	held := func() int {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", broker.Pid()))
		if err != nil {
			t.Skip("no /proc here")
		}
		return len(files)
	}
	round(5, 20)
	before := held()
	round(50, 500)
	framework.Until(t, patience, "files and connections are closed", func() bool { return held() <= before+2 })
}
