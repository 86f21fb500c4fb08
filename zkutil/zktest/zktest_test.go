package zktest

import (
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

func dial(t *testing.T, s *Server) *zk.Conn {
	t.Helper()
	conn, events, err := zk.Connect([]string{s.Addr()}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	for e := range events {
		if e.State == zk.StateHasSession {
			return conn
		}
	}
	t.Fatal("no session")
	return nil
}

func TestDataSurvivesRestart(t *testing.T) {
	s := Start(t)
	conn := dial(t, s)
	if _, err := conn.Create("/a", []byte("x"), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	address := s.Addr()
	s.Restart()
	if s.Addr() != address {
		t.Errorf("address changed from %s to %s", address, s.Addr())
	}
	data, _, err := dial(t, s).Get("/a")
	if err != nil || string(data) != "x" {
		t.Errorf("Get after restart = %q, %v", data, err)
	}
}

func TestExpireSessionRemovesEphemerals(t *testing.T) {
	s := Start(t)
	owner, other := dial(t, s), dial(t, s)
	if _, err := owner.Create("/e", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	_, _, gone, err := other.ExistsW("/e")
	if err != nil {
		t.Fatal(err)
	}
	if !s.ExpireSession(owner.SessionID()) {
		t.Fatal("no such session")
	}
	if e := <-gone; e.Type != zk.EventNodeDeleted {
		t.Errorf("event %v, want deletion", e)
	}
	if s.ExpireSession(12345) {
		t.Error("expired a session that never was")
	}
}
