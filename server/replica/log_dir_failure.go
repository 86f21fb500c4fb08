package replica

import (
	"slices"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
)

// watchLogDirFailures takes failed log directories offline one after the
// other, as LogDirFailureHandler.
func (m *ReplicaManager) watchLogDirFailures() {
	for {
		select {
		case <-m.taskContext.Done():
			return
		case dir := <-m.options.LogDirFailures.Next():
			if m.options.Config.Load().InterBrokerProtocolVersion() < config.IBP_1_0_IV0 {
				m.log.Errorf("%sHalting broker because dir %s is offline", m.prefix, dir)
				m.options.Halt(1)
				return
			}
			m.handleLogDirFailure(dir)
		}
	}
}

// handleLogDirFailure stops serving the replicas of a log directory and tells
// the controller.
func (m *ReplicaManager) handleLogDirFailure(dir string) {
	if online, err := m.logManager.IsLogDirOnline(dir); err != nil || !online {
		return
	}
	m.log.Warnf("%sStopping serving replicas in dir %s", m.prefix, dir)
	m.takeReplicasOffline(dir)
	m.logManager.HandleLogDirFailure(dir)
	if err := m.options.PropagateLogDirEvent(m.brokerID); err != nil {
		m.log.WithError(err).Errorf("%sCannot tell the controller that dir %s failed", m.prefix, dir)
	}
	m.log.Warnf("%sStopped serving replicas in dir %s", m.prefix, dir)
}

func (m *ReplicaManager) takeReplicasOffline(dir string) {
	m.stateChangeMu.Lock()
	defer m.stateChangeMu.Unlock()
	var offline, moving []topic.Partition
	m.partitions.eachOnline(func(p *cluster.Partition) {
		if local := p.Log(); local != nil && local.ParentDir() == dir {
			offline = append(offline, p.TopicPartition())
		}
		if future := p.FutureLog(); future != nil && future.ParentDir() == dir {
			moving = append(moving, p.TopicPartition())
		}
	})
	m.fetchers.removeFetcherForPartitions(offline)
	m.movers.removeFetcherForPartitions(slices.Concat(offline, moving))
	for _, tp := range moving {
		if partition := m.OnlinePartition(tp); partition != nil {
			partition.ForgetFutureLog()
		}
	}
	for _, tp := range offline {
		m.markOfflineLocked(tp)
		m.CheckAndCompleteAll(tp)
	}
	m.log.Warnf("%sBroker %d stopped fetcher for partitions %s and stopped moving logs for partitions %s because they are in the failed log directory %s.",
		m.prefix, m.brokerID, jvm.Joined(offline, ","), jvm.Joined(moving, ","), dir)
}

// markOfflineLocked answers requests for the partition with
// KAFKA_STORAGE_ERROR until the broker restarts.
func (m *ReplicaManager) markOfflineLocked(tp topic.Partition) {
	entry := m.partitions.get(tp)
	m.partitions.set(tp, hosted{offline: true})
	if entry.stats != nil {
		m.topicStats.release(entry.stats)
	}
}
