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

// place is the log directory that a replica is in, and the one that it moves to.
type place struct{ current, future string }

// places describes where the replicas of a topic on a broker are.
func (a *admin) places(b *framework.Broker, topic string) (map[int32]place, error) {
	response, err := requestTo(a, b, kmsg.NewPtrDescribeLogDirsRequest())
	if err != nil {
		return nil, err
	}
	found := map[int32]place{}
	for _, dir := range response.Dirs {
		for _, of := range dir.Topics {
			for _, p := range of.Partitions {
				if at := found[p.Partition]; of.Topic != topic {
					continue
				} else if p.IsFuture {
					found[p.Partition] = place{at.current, dir.Dir}
				} else {
					found[p.Partition] = place{dir.Dir, at.future}
				}
			}
		}
	}
	return found, nil
}

// alterLogDirs asks a broker to move replicas of a topic.
func (a *admin) alterLogDirs(b *framework.Broker, topic string, dirs map[int32]string) {
	a.t.Helper()
	alter := kmsg.NewPtrAlterReplicaLogDirsRequest()
	for partition, dir := range dirs {
		alter.Dirs = append(alter.Dirs, kmsg.AlterReplicaLogDirsRequestDir{Dir: dir,
			Topics: []kmsg.AlterReplicaLogDirsRequestDirTopic{{Topic: topic, Partitions: []int32{partition}}}})
	}
	a.until(fmt.Sprintf("broker %d is to move %v", b.ID, dirs), func() error {
		response, err := requestTo(a, b, alter)
		if err != nil {
			return err
		}
		for _, answered := range response.Topics {
			for _, p := range answered.Partitions {
				err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
			}
		}
		return err
	})
}

// otherThan is the other one of a broker's two log directories.
func otherThan(b *framework.Broker, dir string) string {
	first, second, _ := strings.Cut(b.LogDir(), ",")
	if first == dir {
		return second
	}
	return first
}

// elsewhere gives the directories that the replicas of a topic on a broker are not in.
func (a *admin) elsewhere(b *framework.Broker, topic string) map[int32]string {
	a.t.Helper()
	targets := map[int32]string{}
	a.until(fmt.Sprintf("broker %d tells where its replicas are", b.ID), func() error {
		found, err := a.places(b, topic)
		for partition, at := range found {
			targets[partition] = otherThan(b, at.current)
		}
		return err
	})
	return targets
}

// awaitMoved waits until replicas are where they were to move.
func (a *admin) awaitMoved(b *framework.Broker, topic string, targets map[int32]string) {
	a.t.Helper()
	a.until(fmt.Sprintf("the replicas on broker %d have moved", b.ID), func() error {
		found, err := a.places(b, topic)
		for partition, target := range targets {
			if want := (place{current: target}); err == nil && found[partition] != want {
				err = fmt.Errorf("%s-%d is in %+v, not in %s", topic, partition, found[partition], target)
			}
		}
		return err
	})
}

// throttleMoves sets how many bytes a second a broker moves; an empty rate is none.
func (a *admin) throttleMoves(b *framework.Broker, rate string) {
	a.t.Helper()
	setting := kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: "replica.alter.log.dirs.io.max.bytes.per.second", Value: &rate}
	if rate == "" {
		setting.Op, setting.Value = kmsg.IncrementalAlterConfigOpDelete, nil
	}
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	alter.Resources = append(alter.Resources, kmsg.IncrementalAlterConfigsRequestResource{
		ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: fmt.Sprint(b.ID),
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{setting},
	})
	a.until("the throttle is set", func() error {
		response, err := requestTo(a, b, alter)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(response.Resources[0].ErrorCode)
	})
}

// beginMoves has all replicas of a topic on a throttled broker move to where they are
// not, and gives the targets once all are under way. The throttle may come into force
// after the first try.
func (a *admin) beginMoves(b *framework.Broker, topic string) (targets map[int32]string) {
	a.t.Helper()
	a.until("moves are held up by the throttle", func() error {
		targets = a.elsewhere(b, topic)
		a.alterLogDirs(b, topic, targets)
		found, err := a.places(b, topic)
		for partition, target := range targets {
			if err == nil && found[partition].future != target {
				err = fmt.Errorf("%s-%d is in %+v", topic, partition, found[partition])
			}
		}
		return err
	})
	return targets
}

// bulk sends so much to a topic that a throttled move of it does not end.
func bulk(t *testing.T, c *framework.Brokers, topic string) (values []string) {
	t.Helper()
	for i := range 40 {
		values = append(values, fmt.Sprintf("%d %s", i, strings.Repeat("x", 2500)))
	}
	sendAll(t, c, topic, values...)
	return values
}

// TestReplicasMoveBetweenLogDirectoriesUnderLoad moves replicas of leaders and
// followers there and back while clients write and read; the broker is killed in the
// middle of a move, and a move is cancelled.
func TestReplicasMoveBetweenLogDirectoriesUnderLoad(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	c := framework.StartBrokers(t, framework.BrokersSpec{
		Kinds: framework.Same(3, framework.GregorProcesses),
		SettingsOf: func(id int) map[string]string {
			return map[string]string{
				"log.dirs":                filepath.Join(root, fmt.Sprintf("%d-a", id)) + "," + filepath.Join(root, fmt.Sprintf("%d-b", id)),
				"replica.fetch.max.bytes": "2000", "log.segment.bytes": "20000",
			}
		},
	})
	a, l := loaded(t, c)
	a.createTopic("bulk", everywhere(1), keepTwo)
	sent := bulk(t, c, "bulk")
	for range 2 {
		for _, b := range c.Brokers {
			targets := a.elsewhere(b, "load")
			if len(targets) != 3 {
				t.Fatalf("broker %d has %v", b.ID, targets)
			}
			a.alterLogDirs(b, "load", targets)
			a.awaitMoved(b, "load", targets)
		}
		l.goOn()
	}
	b := c.Brokers[0]
	a.throttleMoves(b, "1")
	target := a.beginMoves(b, "bulk")
	b.Kill()
	b.Start()
	a.awaitInSync("bulk")
	var after place
	a.until("the broker that was killed tells where its replicas are", func() error {
		found, err := a.places(b, "bulk")
		after = found[0]
		return err
	})
	if after.future != target[0] {
		t.Errorf("after the restart it is in %+v and does not move to %s", after, target[0])
	}
	a.throttleMoves(b, "")
	a.awaitMoved(b, "bulk", target)
	l.goOn()

	a.throttleMoves(b, "1")
	back := map[int32]string{0: otherThan(b, a.beginMoves(b, "bulk")[0])}
	a.alterLogDirs(b, "bulk", back)
	a.awaitMoved(b, "bulk", back)
	if got := a.values("bulk"); !slices.Equal(got, sent) {
		t.Errorf("%d records are left of %d", len(got), len(sent))
	}
	l.goOn()
	l.validate(c)
	for _, b := range c.Brokers {
		for _, dir := range strings.Split(b.LogDir(), ",") {
			if left, err := filepath.Glob(filepath.Join(dir, "*-future")); err != nil || len(left) > 0 {
				t.Error(left, err)
			}
		}
	}
}

// TestADirectoryVanishesUnderAMove: the replica stays where it is, and is served.
func TestADirectoryVanishesUnderAMove(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	c := inProcess(t, 1, map[string]string{"log.dirs": filepath.Join(root, "a") + "," + filepath.Join(root, "b"), "replica.fetch.max.bytes": "2000"})
	a, b := newAdmin(t, c), c.Brokers[0]
	a.createTopic("moving", [][]int32{{0}}, nil)
	values := bulk(t, c, "moving")
	a.throttleMoves(b, "1")
	targets := a.beginMoves(b, "moving")
	if err := os.RemoveAll(targets[0]); err != nil {
		t.Fatal(err)
	}
	a.throttleMoves(b, "")
	a.until("the move is given up", func() error {
		found, err := a.places(b, "moving")
		if err == nil && found[0].future != "" {
			err = fmt.Errorf("it is in %+v", found[0])
		}
		return err
	})
	sendAll(t, c, "moving", "last")
	if got := a.values("moving"); !slices.Equal(got, append(values, "last")) {
		t.Errorf("%d records are left of %d", len(got), len(values)+1)
	}
}
