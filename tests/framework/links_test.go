package framework

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// echo answers every byte, until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(connection, connection) }()
		}
	}()
	return listener.Addr().String()
}

func requestHeader(clientID string) []byte {
	header := make([]byte, 14, 14+len(clientID))
	binary.BigEndian.PutUint16(header[12:], uint16(len(clientID)))
	return append(header, clientID...)
}

// answered tells whether all bytes come back within a time.
func answered(t *testing.T, connection net.Conn, sent []byte, within time.Duration) bool {
	t.Helper()
	_ = connection.SetReadDeadline(time.Now().Add(within))
	got := make([]byte, len(sent))
	_, err := io.ReadFull(connection, got)
	return err == nil && string(got) == string(sent)
}

func TestLinksAreCutInOneDirectionAndHealed(t *testing.T) {
	network := newLinks(t)
	way := network.expose(t, 2, echo(t), byClientID)
	connect := func(clientID string) (net.Conn, []byte) {
		t.Helper()
		connection, err := net.Dial("tcp", way)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		header := requestHeader(clientID)
		if _, err := connection.Write(header); err != nil {
			t.Fatal(err)
		}
		return connection, header
	}
	const soon, long = 50 * time.Millisecond, 10 * time.Second
	for _, direction := range [][2]int{{1, 2}, {2, 1}} {
		network.set(direction[0], direction[1], true)
		fetcher, sent := connect("broker-1-fetcher-0")
		if answered(t, fetcher, sent, soon) {
			t.Errorf("%v is cut and carries bytes", direction)
		}
		for _, other := range []string{"0", "kcat", ""} {
			if connection, sent := connect(other); !answered(t, connection, sent, long) {
				t.Errorf("client %q is not held back by a cut of broker 1", other)
			}
		}
		network.heal()
		if fetcher, sent = connect("1"); !answered(t, fetcher, sent, long) {
			t.Errorf("%v is healed and carries nothing", direction)
		}
	}
}

func TestBytesHeldBackComeWhenTheLinkHeals(t *testing.T) {
	network := newLinks(t)
	connection, err := net.Dial("tcp", network.expose(t, ZooKeeperNode, echo(t), always(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	network.set(1, ZooKeeperNode, true)
	sent := []byte("held back")
	if _, err := connection.Write(sent); err != nil {
		t.Fatal(err)
	}
	network.set(1, ZooKeeperNode, false)
	if !answered(t, connection, sent, 10*time.Second) {
		t.Error("what was sent while the link was cut is lost")
	}
}
