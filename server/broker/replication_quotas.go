package broker

import (
	"strconv"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/quota"
	"github.com/gregor-broker/gregor/server/replica"
)

// replicationQuotas limit what a reassignment moves, as the settings of this broker
// and of topics say: those of a broker hold the rates, those of a topic the replicas
// that the rates are for.
type replicationQuotas struct {
	brokerID         int32
	leader, follower *quota.ReplicationQuotaManager
	// alterLogDirs limits all that moves between this broker's log directories.
	alterLogDirs *quota.ReplicationQuotaManager
}

func newReplicationQuotas(brokerID int32, settings *config.BrokerConfig) *replicationQuotas {
	manager := func(samples, seconds config.Key[int]) *quota.ReplicationQuotaManager {
		return quota.NewReplicationQuotaManager(samples.Get(settings), time.Duration(seconds.Get(settings))*time.Second)
	}
	return &replicationQuotas{
		brokerID: brokerID,
		leader:   manager(config.ReplicationQuotaWindowNum, config.ReplicationQuotaWindowSizeSeconds),
		follower: manager(config.ReplicationQuotaWindowNum, config.ReplicationQuotaWindowSizeSeconds),

		alterLogDirs: manager(config.AlterLogDirsReplicationQuotaWindowNum, config.AlterLogDirsReplicationQuotaWindowSizeSeconds),
	}
}

func (q *replicationQuotas) limits() replica.Quotas {
	return replica.Quotas{Leader: q.leader, Follower: q.follower, AlterLogDirs: q.alterLogDirs}
}

// setRates takes what is set for this broker, as BrokerConfigHandler.
func (q *replicationQuotas) setRates(settings map[string]string) {
	setRate(q.leader, settings["leader.replication.throttled.rate"])
	setRate(q.follower, settings["follower.replication.throttled.rate"])
	setRate(q.alterLogDirs, settings[config.ReplicaAlterLogDirsIoMaxBytesPerSecond.Name])
}

func setRate(manager *quota.ReplicationQuotaManager, text string) {
	rate, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		manager.UpdateQuota(nil)
		return
	}
	manager.UpdateQuota(&rate)
}

// setReplicas takes what is set for a topic, as TopicConfigHandler.
func (q *replicationQuotas) setReplicas(topicName string, settings map[string]string) {
	q.throttle(q.leader, topicName, settings["leader.replication.throttled.replicas"])
	q.throttle(q.follower, topicName, settings["follower.replication.throttled.replicas"])
}

// throttle reads partition:broker,... or * for all.
func (q *replicationQuotas) throttle(manager *quota.ReplicationQuotaManager, topicName, list string) {
	switch list = strings.TrimSpace(list); list {
	case "":
		manager.RemoveThrottle(topicName)
		return
	case "*":
		manager.MarkAllThrottled(topicName)
		return
	}
	var partitions []int32
	for _, word := range strings.Split(list, ",") {
		partition, broker, _ := strings.Cut(strings.TrimSpace(word), ":")
		id, err := strconv.ParseInt(broker, 10, 32)
		if err != nil || int32(id) != q.brokerID {
			continue
		}
		if number, err := strconv.ParseInt(partition, 10, 32); err == nil {
			partitions = append(partitions, int32(number))
		}
	}
	manager.MarkThrottled(topicName, partitions)
}
