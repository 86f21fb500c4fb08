package apis

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/topic"
)

func TestPartitionsNamedTwiceCountOnceAsNamedLast(t *testing.T) {
	rows := newByTopic[string]()
	for _, row := range []struct {
		topic     string
		partition int32
		row       string
	}{{"a", 0, "first"}, {"b", 0, "only"}, {"a", 1, "second"}, {"a", 0, "last"}} {
		rows.put(topic.Partition{Topic: row.topic, Partition: row.partition}, row.row)
	}
	want := []topicRows[string]{{"a", []string{"last", "second"}}, {"b", []string{"only"}}}
	if diff := cmp.Diff(want, rows.topics, cmp.AllowUnexported(topicRows[string]{})); diff != "" {
		t.Error(diff)
	}
}
