package system

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// setBrokerConfig changes one setting of a broker.
func (a *admin) setBrokerConfig(id int, key, value string) {
	a.t.Helper()
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	alter.Resources = append(alter.Resources, kmsg.IncrementalAlterConfigsRequestResource{
		ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: fmt.Sprint(id),
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: key, Value: &value}},
	})
	a.until("set "+key, func() error {
		response, err := request(a, alter)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(response.Resources[0].ErrorCode)
	})
}

// TestAThrottledMoveTakesItsTime moves a partition to a broker at a rate that is
// asked for: in no less time than it takes by that, and not in much more. Meanwhile
// other partitions take records at full speed. Each record is larger than what
// followers ask for.
func TestAThrottledMoveTakesItsTime(t *testing.T) {
	t.Parallel()
	const (
		rate   = 1 << 20
		length = 10 * rate
	)
	c := fourInProcess(t, map[string]string{"replica.fetch.max.bytes": "50000", "replica.lag.time.max.ms": "10000"})
	a, l := loaded(t, c)
	a.createTopic("heavy", [][]int32{{0, 1}}, nil)
	value := strings.Repeat("v", 100_000)
	client := connect(t, addresses(c), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer client.Close()
	for range length / len(value) {
		client.Produce(t.Context(), &kgo.Record{Topic: "heavy", Value: []byte(value)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	must(t, client.Flush(t.Context()))
	for _, b := range c.Brokers {
		a.setBrokerConfig(b.ID, "leader.replication.throttled.rate", fmt.Sprint(rate))
		a.setBrokerConfig(b.ID, "follower.replication.throttled.rate", fmt.Sprint(rate))
	}
	a.setTopicConfig("heavy", "leader.replication.throttled.replicas", "0:0,0:1")
	a.setTopicConfig("heavy", "follower.replication.throttled.replicas", "0:3")
	started := time.Now()
	a.reassign("heavy", 0, []int32{0, 3})
	l.goOn()
	a.awaitReassigned()
	took, expected := time.Since(started), time.Duration(math.Ceil(float64(length)/rate))*time.Second
	t.Logf("the move took %v", took)
	if took < expected*8/10 || took > 5*expected/2 {
		t.Errorf("the move took %v, and should take about %v", took, expected)
	}
	a.awaitInSync("heavy")
	l.goOn()
	l.validate(c)
}
