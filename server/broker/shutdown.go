package broker

import (
	"context"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
)

// stopTimeout bounds how long requests that were received may take when the broker
// stops.
const stopTimeout = 30 * time.Second

// zooKeeperGrace is how long steps of the broker's stop may wait for ZooKeeper. The
// closing of logs is none of them and takes its time.
const zooKeeperGrace = 15 * time.Second

// Shutdown stops the broker in Kafka's order and for the reasons given at each
// step; it is idempotent and waits.
func (s *KafkaServer) Shutdown() {
	s.stopOnce.Do(func() {
		s.log.Info(s.prefix + "shutting down")
		if s.started && s.zk.SessionState() != zkclient.Connected {
			s.log.Warn(s.prefix + "There is no connection to ZooKeeper: leaving the cluster without a controlled shutdown")
			s.zk.Close()
		} else if s.started && config.ControlledShutdownEnable.Get(s.settings()) {
			s.controlledShutdown()
		}
		s.stopInOrder(s.closeZooKeeper)
		s.log.Info(s.prefix + "shut down completed")
		close(s.stopped)
	})
	<-s.stopped
}

// stopInOrder stops what was started. Steps that wait for ZooKeeper for too long have
// giveUp called under them.
func (s *KafkaServer) stopInOrder(giveUp func()) {
	withinGrace(giveUp, s.stopServing, s.stopReplication)
	s.closeLogs()
	withinGrace(giveUp, s.leaveCluster)
}

// withinGrace runs steps of the stop; giveUp, which closes ZooKeeper, is called under
// those that go on for longer, as they would when it went away meanwhile.
func withinGrace(giveUp func(), steps ...func()) {
	defer time.AfterFunc(zooKeeperGrace, giveUp).Stop()
	for _, step := range steps {
		step()
	}
}

func (s *KafkaServer) closeZooKeeper() {
	if s.zk != nil {
		s.zk.Close()
	}
}

// stopServing ends what takes work: no setting changes any more, then no requests,
// then the coordinators, whose answers still go out.
func (s *KafkaServer) stopServing() {
	if s.changes != nil {
		s.changes.Close()
	}
	if s.features != nil {
		s.features.Close()
	}
	if s.topics != nil {
		s.topics.Close()
	}
	if s.handler != nil {
		s.handler.Close()
	}
	if s.groups != nil {
		s.groups.Close()
	}
	if s.replicas != nil {
		s.replicas.PrepareShutdown()
	}
	if s.sockets != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		s.sockets.StopProcessingRequests(ctx)
		cancel()
	}
}

// stopReplication ends what writes to the logs.
func (s *KafkaServer) stopReplication() {
	if s.replicas != nil {
		s.replicas.Shutdown(true)
	}
	if s.toController != nil {
		s.toController.Close()
	}
	if s.alterISR != nil {
		s.alterISR.Close()
	}
}

func (s *KafkaServer) closeLogs() {
	if s.logs == nil {
		return
	}
	if err := s.logs.Shutdown(); err != nil {
		s.log.Errorf("%sError while closing logs: %v", s.prefix, err)
	}
}

// leaveCluster ends the controller and ZooKeeper last, so that the broker stays
// registered until its logs are closed.
func (s *KafkaServer) leaveCluster() {
	if s.controller != nil {
		s.controller.Shutdown()
	}
	if s.senders != nil {
		s.senders.Close()
	}
	s.closeZooKeeper()
	if s.fetches != nil {
		s.fetches.Close()
	}
	if s.sockets != nil {
		s.sockets.Close()
	}
}
