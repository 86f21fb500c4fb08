// Package zktest runs an embedded ZooKeeper server for tests.
package zktest

import (
	"io"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// Server is a ZooKeeper server on a free port of the loopback interface, with its
// data in a directory of the test's. It is stopped when the test ends.
type Server struct {
	t       testing.TB
	cfg     *zkserver.Config
	loggers func(name string) *logrus.Entry
	running *zkserver.Server
}

// Option changes the configuration of a server before it starts.
type Option func(*zkserver.Config)

// WithForceSync makes writes durable before they are answered, as in production.
// Tests that do not cut the power do without.
func WithForceSync() Option {
	return func(cfg *zkserver.Config) { cfg.ForceSync = true }
}

// WithConfig lets a test change anything of the configuration.
func WithConfig(change func(*zkserver.Config)) Option {
	return change
}

// Start starts a server.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	cfg := zkserver.DefaultConfig()
	cfg.ClientAddress = "127.0.0.1:0"
	cfg.DataDir = t.TempDir()
	cfg.TickTime = 100 * time.Millisecond
	cfg.MaxSessionTimeout = time.Minute
	cfg.MaxClientCnxns = 0
	cfg.ForceSync = false
	cfg.Whitelist = []string{"*"}
	for _, opt := range opts {
		opt(cfg)
	}
	s := &Server{t: t, cfg: cfg, loggers: func(name string) *logrus.Entry { return logger.WithField("logger", name) }}
	s.start()
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) start() {
	s.t.Helper()
	server := zkserver.New(s.cfg, s.loggers)
	if err := server.Start(); err != nil {
		s.t.Fatalf("start ZooKeeper: %v", err)
	}
	s.cfg.ClientAddress = server.Addr()
	s.running = server
}

// Addr is the server's host:port, the same after a restart.
func (s *Server) Addr() string {
	return s.cfg.ClientAddress
}

// DataDir is where the server keeps its data.
func (s *Server) DataDir() string {
	return s.cfg.DataDir
}

// Stop stops the server; its data and sessions stay.
func (s *Server) Stop() {
	s.t.Helper()
	if s.running == nil {
		return
	}
	if err := s.running.Close(); err != nil {
		s.t.Errorf("stop ZooKeeper: %v", err)
	}
	s.running = nil
}

// Restart stops the server if it runs and starts it again at the same address with
// the same data.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	s.start()
}

// ExpireSession ends a session at once, as if its client had been silent for too
// long. It says whether there was such a session.
func (s *Server) ExpireSession(id int64) bool {
	return s.running != nil && s.running.ExpireSession(id)
}

// Sessions lists the ids of the sessions that are alive.
func (s *Server) Sessions() []int64 {
	if s.running == nil {
		return nil
	}
	return s.running.Sessions()
}
