package controller

import (
	"slices"
	"testing"

	"github.com/gregor-broker/gregor/server/metrics"
)

func TestMetricsHaveKafkasNames(t *testing.T) {
	registry := metrics.NewRegistry()
	m := newControllerMetrics(registry)
	channels := newChannelManager(0, "PLAINTEXT", newRecordingSender(), 0, m)
	m.watch(newEventManager(m, prefixed("test", ""), func(event, error) {}), channels)
	names := func() []string {
		var names []string
		registry.Visit(func(sample metrics.Sample) { names = append(names, sample.Name) })
		return names
	}
	present := names()
	for _, name := range []string{
		"kafka_controller_kafkacontroller_activecontrollercount",
		"kafka_controller_kafkacontroller_offlinepartitionscount",
		"kafka_controller_kafkacontroller_preferredreplicaimbalancecount",
		"kafka_controller_kafkacontroller_controllerstate",
		"kafka_controller_kafkacontroller_globaltopiccount",
		"kafka_controller_kafkacontroller_fencedbrokercount",
		"kafka_controller_controllerstats_leaderelectionrateandtimems_count",
		"kafka_controller_controllerstats_uncleanleaderelections_total",
		"kafka_controller_controllerstats_updatefeaturesrateandtimems_count",
		"kafka_controller_controllereventmanager_eventqueuesize",
		"kafka_controller_controllereventmanager_eventqueuetimems_count",
		"kafka_controller_controllerchannelmanager_totalqueuesize",
	} {
		if !slices.Contains(present, name) {
			t.Errorf("no metric %s", name)
		}
	}
	channels.addBroker(brokerInfo(3).Broker)
	if !slices.Contains(names(), "kafka_controller_controllerchannelmanager_queuesize") {
		t.Error("no queue size of a broker")
	}
	channels.shutdown()
	if slices.Contains(names(), "kafka_controller_controllerchannelmanager_queuesize") {
		t.Error("a broker that is gone still has a queue")
	}
	m.close()
	if left := names(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
