package controller

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gregor-broker/gregor/server/metrics"
)

// controllerMetrics are the beans of kafka.controller.
type controllerMetrics struct {
	gauges controllerGauges

	controller, stats, events, channels *metrics.Group

	byState                map[controllerState]*metrics.Histogram // ControllerStats' timers
	uncleanLeaderElections *metrics.Meter
	queueTime              *metrics.Histogram
}

// controllerGauges are KafkaController's gauges, set after every event. All but
// the state read 0 where the controller is not active.
type controllerGauges struct {
	active, offlinePartitions, preferredReplicaImbalance, topics, partitions               atomic.Int64
	topicsToDelete, replicasToDelete, ineligibleTopicsToDelete, ineligibleReplicasToDelete atomic.Int64
	activeBrokers                                                                          atomic.Int64
}

// timersByState names the timer of each state that has one.
var timersByState = map[controllerState]string{
	stateControllerChange:                 "ControllerChangeRateAndTimeMs",
	stateBrokerChange:                     "LeaderElectionRateAndTimeMs",
	stateTopicChange:                      "TopicChangeRateAndTimeMs",
	stateTopicDeletion:                    "TopicDeletionRateAndTimeMs",
	stateAlterPartitionReassignment:       "PartitionReassignmentRateAndTimeMs",
	stateAutoLeaderBalance:                "AutoLeaderBalanceRateAndTimeMs",
	stateManualLeaderBalance:              "ManualLeaderBalanceRateAndTimeMs",
	stateControlledShutdown:               "ControlledShutdownRateAndTimeMs",
	stateIsrChange:                        "IsrChangeRateAndTimeMs",
	stateLeaderAndIsrResponseReceived:     "LeaderAndIsrResponseReceivedRateAndTimeMs",
	stateLogDirChange:                     "LogDirChangeRateAndTimeMs",
	stateControllerShutdown:               "ControllerShutdownRateAndTimeMs",
	stateUncleanLeaderElectionEnable:      "UncleanLeaderElectionEnableRateAndTimeMs",
	stateTopicUncleanLeaderElectionEnable: "TopicUncleanLeaderElectionEnableRateAndTimeMs",
	stateListPartitionReassignment:        "ListPartitionReassignmentRateAndTimeMs",
	stateUpdateFeatures:                   "UpdateFeaturesRateAndTimeMs",
}

func newControllerMetrics(registry *metrics.Registry) *controllerMetrics {
	group := func(beanType string) *metrics.Group { return registry.Group("kafka.controller", beanType) }
	m := &controllerMetrics{
		controller: group("KafkaController"), stats: group("ControllerStats"),
		events: group("ControllerEventManager"), channels: group("ControllerChannelManager"),
		byState: map[controllerState]*metrics.Histogram{},
	}
	for state, name := range timersByState {
		m.byState[state] = m.stats.Histogram(name, nil)
	}
	m.uncleanLeaderElections = m.stats.Meter("UncleanLeaderElectionsPerSec", nil)
	m.queueTime = m.events.Histogram("EventQueueTimeMs", nil)
	for name, value := range map[string]*atomic.Int64{
		"ActiveControllerCount":           &m.gauges.active,
		"OfflinePartitionsCount":          &m.gauges.offlinePartitions,
		"PreferredReplicaImbalanceCount":  &m.gauges.preferredReplicaImbalance,
		"GlobalTopicCount":                &m.gauges.topics,
		"GlobalPartitionCount":            &m.gauges.partitions,
		"TopicsToDeleteCount":             &m.gauges.topicsToDelete,
		"ReplicasToDeleteCount":           &m.gauges.replicasToDelete,
		"TopicsIneligibleToDeleteCount":   &m.gauges.ineligibleTopicsToDelete,
		"ReplicasIneligibleToDeleteCount": &m.gauges.ineligibleReplicasToDelete,
		"ActiveBrokerCount":               &m.gauges.activeBrokers,
	} {
		m.controller.Gauge(name, nil, func() float64 { return float64(value.Load()) })
	}
	m.controller.Gauge("FencedBrokerCount", nil, func() float64 { return 0 }) // KRaft only
	return m
}

// watch adds the gauges that ask the running parts.
func (m *controllerMetrics) watch(events *eventManager, channels *channelManager) {
	m.controller.Gauge("ControllerState", nil, func() float64 { return float64(events.state()) })
	m.events.Gauge("EventQueueSize", nil, func() float64 { return float64(events.size()) })
	m.channels.Gauge("TotalQueueSize", nil, func() float64 { return float64(channels.totalQueueSize()) })
}

func (m *controllerMetrics) close() {
	m.controller.Close()
	m.stats.Close()
	m.events.Close()
	m.channels.Close()
}

func (m *controllerMetrics) observeQueueTime(d time.Duration) { m.queueTime.UpdateDuration(d) }

func (m *controllerMetrics) observeState(state controllerState, d time.Duration) {
	if timer := m.byState[state]; timer != nil {
		timer.UpdateDuration(d)
	}
}

func brokerLabels(id int32) metrics.Labels {
	return metrics.Labels{{Name: "broker-id", Value: strconv.Itoa(int(id))}}
}

// addBroker registers a broker's queue and returns its timer.
func (m *controllerMetrics) addBroker(id int32, queueSize func() int) *metrics.Histogram {
	m.channels.Gauge("QueueSize", brokerLabels(id), func() float64 { return float64(queueSize()) })
	return m.channels.Histogram("RequestRateAndQueueTimeMs", brokerLabels(id))
}

func (m *controllerMetrics) removeBroker(id int32) { m.channels.Remove(brokerLabels(id)) }

func (g *controllerGauges) reset() {
	for _, gauge := range []*atomic.Int64{
		&g.active, &g.offlinePartitions, &g.preferredReplicaImbalance, &g.topics, &g.partitions, &g.topicsToDelete,
		&g.replicasToDelete, &g.ineligibleTopicsToDelete, &g.ineligibleReplicasToDelete, &g.activeBrokers,
	} {
		gauge.Store(0)
	}
}
