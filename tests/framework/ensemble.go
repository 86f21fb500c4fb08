package framework

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// startApacheEnsemble starts several servers of Apache ZooKeeper that agree on what
// they keep.
func startApacheEnsemble(t testing.TB, dir string, count int, overrides map[string]string) []*Server {
	t.Helper()
	together := map[string]string{"initLimit": "100", "syncLimit": "20"}
	for member := range count {
		together[fmt.Sprint("server.", member+1)] = fmt.Sprintf("127.0.0.1:%d:%d", FreePort(t), FreePort(t))
	}
	var servers []*Server
	for member := range count {
		port, data := FreePort(t), filepath.Join(dir, fmt.Sprint("zookeeper-", member+1))
		err := os.MkdirAll(data, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(data, "myid"), fmt.Append(nil, member+1), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		properties := apacheZooKeeperProperties(data, port)
		maps.Copy(properties, overrides)
		maps.Copy(properties, together)
		s := newServer(t, dir, fmt.Sprint("apache-zookeeper-", member+1), apacheZooKeeperCommand(), properties, port, inQuorum)
		s.Launch()
		servers = append(servers, s)
	}
	for _, s := range servers {
		s.AwaitReady()
	}
	return servers
}

// broadcasting is the state of a member that serves.
const broadcasting = "ing - broadcast"

// inQuorum goes by what the server logs, as apacheServes does.
func inQuorum(s *Server) error {
	if state := s.peerState(); !strings.Contains(state, broadcasting) {
		return fmt.Errorf("the server is %q", state)
	}
	return nil
}

// peerState is what a member of an ensemble last said of itself.
func (s *Server) peerState() string {
	const said = "Peer state changed: "
	output := s.Output()
	_, state, _ := strings.Cut(output[max(0, strings.LastIndex(output, said)):], said)
	state, _, _ = strings.Cut(state, "\n")
	return strings.TrimSpace(state)
}

// LeadsEnsemble tells whether the server leads the other members.
func (s *Server) LeadsEnsemble() bool { return strings.HasPrefix(s.peerState(), "lead"+broadcasting) }

// AwaitEnsembleLeader waits until one of the servers leads the others.
func AwaitEnsembleLeader(t testing.TB, servers []*Server) (leader *Server) {
	t.Helper()
	Until(t, startTimeout, "a member of the ensemble leads", func() bool {
		for _, s := range servers {
			if s.Running() && s.LeadsEnsemble() {
				leader = s
				return true
			}
		}
		return false
	})
	return leader
}
