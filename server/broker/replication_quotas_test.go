package broker

import (
	"testing"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
)

func TestThrottlesOfReassignmentsAreTakenFromTheSettings(t *testing.T) {
	settings, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:1"})
	if err != nil {
		t.Fatal(err)
	}
	q := newReplicationQuotas(2, settings)
	q.setRates(map[string]string{"leader.replication.throttled.rate": "100"})
	q.leader.Record(1 << 20)
	q.follower.Record(1 << 20)
	if !q.leader.IsQuotaExceeded() || q.follower.IsQuotaExceeded() {
		t.Errorf("exceeded are leader %v, follower %v", q.leader.IsQuotaExceeded(), q.follower.IsQuotaExceeded())
	}
	q.setRates(map[string]string{"replica.alter.log.dirs.io.max.bytes.per.second": "100"})
	q.alterLogDirs.Record(1 << 20)
	if q.leader.IsQuotaExceeded() || !q.alterLogDirs.IsQuotaExceeded() {
		t.Errorf("exceeded are leader %v, log directories %v", q.leader.IsQuotaExceeded(), q.alterLogDirs.IsQuotaExceeded())
	}
	q.setRates(nil)
	if q.alterLogDirs.IsQuotaExceeded() || q.leader.IsQuotaExceeded() {
		t.Error("a rate outlives its setting")
	}
	for _, test := range []struct {
		list string
		want [3]bool
	}{
		{"0:2,1:1, 2:2", [3]bool{true, false, true}}, {"*", [3]bool{true, true, true}}, {"1:1", [3]bool{}}, {"x:2,2", [3]bool{}}, {"", [3]bool{}},
	} {
		q.setReplicas("foo", map[string]string{"follower.replication.throttled.replicas": test.list})
		for partition, want := range test.want {
			tp := topic.Partition{Topic: "foo", Partition: int32(partition)}
			if got := q.follower.IsThrottled(tp); got != want || q.leader.IsThrottled(tp) {
				t.Errorf("%q: partition %d throttled: %v", test.list, partition, got)
			}
		}
	}
}
