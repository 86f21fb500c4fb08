package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

func TestABrokerThatWasDownFindsWhatItHasOutdated(t *testing.T) {
	t.Parallel()
	c := threeProcesses(t)
	a := newAdmin(t, c)
	missDeletion(t, c, a)
	missReassignment(t, c, a)
}

// missDeletion deletes a topic while broker 2 is down. The deletion ends when the
// broker is back: until then no other topic can have the name, and none takes what
// the broker has for its own.
func missDeletion(t *testing.T, c *framework.Brokers, a *admin) {
	t.Helper()
	a.createTopic("gone", [][]int32{{0, 2}}, nil)
	a.awaitInSync("gone")
	sendAll(t, c, "gone", "before")
	id := topicID(a, "gone")
	c.Brokers[2].Stop()
	a.deleteTopic("gone")
	a.awaitHosts(c, "gone", 0, 2)
	a.until("the name is not free", func() error {
		response, err := request(a, createTopicRequest("gone", [][]int32{{0, 1}}, nil))
		if err != nil {
			return err
		}
		if err := kerr.ErrorForCode(response.Topics[0].ErrorCode); !errors.Is(err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("created: %w", err)
		}
		return nil
	})
	c.Brokers[2].Start()
	a.awaitHosts(c, "gone", 0)
	a.createTopic("gone", [][]int32{{0, 2}}, nil)
	a.awaitInSync("gone")
	if topicID(a, "gone") == id {
		t.Error("a topic's name came back with its id")
	}
	sendAll(t, c, "gone", "after")
	if values := a.values("gone"); !slices.Equal(values, []string{"after"}) {
		t.Errorf("the new topic has %q", values)
	}
}

// missReassignment takes a replica from broker 2 while it is down. Nobody tells the
// broker when it is back: it keeps the files and does not serve them. A later topic
// of the same name has another id, so that the broker refuses to be its replica
// rather than mix the two; an administrator removes the files.
func missReassignment(t *testing.T, c *framework.Brokers, a *admin) {
	t.Helper()
	a.createTopic("moved", [][]int32{{0, 2}}, nil)
	a.awaitInSync("moved")
	sendAll(t, c, "moved", "before")
	c.Brokers[2].Stop()
	a.reassign("moved", 0, []int32{0, 1})
	a.awaitReassigned()
	c.Brokers[2].Start()
	a.awaitAgreement(c.Brokers, "moved")
	a.awaitHosts(c, "moved", 0, 0, 1, 2)
	a.await("two replicas are in sync", "moved", func(p kmsg.MetadataResponseTopicPartition) bool {
		return slices.Equal(p.Replicas, []int32{0, 1}) && len(p.ISR) == 2
	})

	a.deleteTopic("moved")
	a.awaitHosts(c, "moved", 0, 2)
	a.createTopic("moved", [][]int32{{0, 1, 2}}, nil)
	a.await("broker 2 is no replica in sync", "moved", func(p kmsg.MetadataResponseTopicPartition) bool {
		return len(p.ISR) == 2 && !slices.Contains(p.ISR, 2)
	})
	sendAll(t, c, "moved", "after")
	const refused = "does not match the topic ID for partition moved-0"
	if !strings.Contains(c.Brokers[2].StateChanges(), refused) {
		t.Errorf("broker 2 does not tell that the id %s", refused)
	}

	c.Brokers[2].Stop()
	removePartition(t, c.Brokers[2], "moved-0")
	c.Brokers[2].Start()
	a.awaitInSync("moved")
	if values := a.values("moved"); !slices.Equal(values, []string{"after"}) {
		t.Errorf("the new topic has %q", values)
	}
}

// topicID is the id of a topic as clients are told of it.
func topicID(a *admin, name string) (id [16]byte) {
	a.t.Helper()
	a.until("the id of "+name+" is known", func() error {
		topic, err := described(a.client, name)
		id = topic.TopicID
		return err
	})
	return id
}

// removePartition removes what a stopped broker has of a partition.
func removePartition(t *testing.T, b *framework.Broker, partition string) {
	t.Helper()
	must(t, os.RemoveAll(filepath.Join(b.LogDir(), partition)))
}
