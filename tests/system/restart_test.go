package system

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deleteRecords removes what lies before an offset of a partition 0.
func (a *admin) deleteRecords(topic string, before int64) {
	a.t.Helper()
	remove := kmsg.NewPtrDeleteRecordsRequest()
	remove.TimeoutMillis = 3000
	remove.Topics = append(remove.Topics, kmsg.DeleteRecordsRequestTopic{
		Topic: topic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Offset: before}},
	})
	a.until("delete records of "+topic, func() error {
		response, err := request(a, remove)
		if err != nil {
			return err
		}
		answer := response.Topics[0].Partitions[0]
		if answer.ErrorCode == 0 && answer.LowWatermark != before {
			return fmt.Errorf("the low watermark is %d", answer.LowWatermark)
		}
		return kerr.ErrorForCode(answer.ErrorCode)
	})
}

// TestTheWholeClusterComesBack stops all brokers and starts them again, with their
// checkpoints and without those of high watermarks: a leader that began with a high
// watermark below its log's start could not be read (KAFKA-16452).
func TestTheWholeClusterComesBack(t *testing.T) {
	t.Parallel()
	c := threeInProcess(t, nil)
	a := newAdmin(t, c)
	a.createTopic("kept", everywhere(1), keepTwo)
	sendAll(t, c, "kept", "zero", "one", "two", "three")
	a.deleteRecords("kept", 2)
	want := []string{"two", "three"}
	for _, remove := range []string{"no file", "replication-offset-checkpoint"} {
		for _, b := range c.Brokers {
			b.Stop()
			if err := os.Remove(filepath.Join(b.LogDir(), remove)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		for _, b := range c.Brokers {
			b.Start()
		}
		a.awaitInSync("kept")
		if values := a.values("kept"); !slices.Equal(values, want) {
			t.Errorf("without %s: %q, not %q", remove, values, want)
		}
		sendAll(t, c, "kept", "after "+remove)
		want = append(want, "after "+remove)
	}
	if values := a.values("kept"); !slices.Equal(values, want) {
		t.Errorf("%q, not %q", values, want)
	}
}
