package admin

import (
	"testing"

	"github.com/gregor-broker/gregor/config"
)

// A generated id lies above reserved.broker.max.id and is in no file; dynamic
// settings are accepted all the same and leave it in force.
func TestGeneratedBrokerIDStaysInForceUnderDynamicSettings(t *testing.T) {
	for name, file := range map[string]map[string]string{
		"no id":           {"zookeeper.connect": "localhost:2181"},
		"broker.id of -1": {"zookeeper.connect": "localhost:2181", "broker.id": "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			settings, err := config.NewBrokerConfig(file)
			if err != nil {
				t.Fatal(err)
			}
			current := config.NewCurrent(settings)
			dynamic := NewDynamicBrokerConfig(1001, current)
			changed := map[string]string{"log.retention.ms": "5000"}
			if err := dynamic.Validate(changed, true); err != nil {
				t.Errorf("Validate: %v", err)
			}
			dynamic.UpdateDefaults(map[string]string{})
			dynamic.UpdateBroker(changed)
			after := current.Load()
			if id, node := config.BrokerId.Get(after), config.NodeId.Get(after); id != 1001 || node != 1001 {
				t.Errorf("broker.id %d, node.id %d; want 1001", id, node)
			}
			if retention := config.LogRetentionMs.Get(after); retention != 5000 {
				t.Errorf("log.retention.ms %d, want 5000", retention)
			}
		})
	}
}
