package system

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// slowDisk makes the disk of a server slow, and skips the test where that cannot be.
func slowDisk(t *testing.T, p *framework.Process, write, sync time.Duration) (end func()) {
	t.Helper()
	end, err := p.SlowDisk(t, write, sync)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("disks cannot be slow here: %v", err)
	}
	must(t, err)
	return end
}

// TestASlowDiskCostsNoRecord makes the disks of leaders, of a follower and of
// ZooKeeper slow under load: records are taken all the while. A follower that cannot
// keep up leaves the ISR, and comes back when it can.
func TestASlowDiskCostsNoRecord(t *testing.T) {
	t.Parallel()
	c := threeProcesses(t)
	a := newAdmin(t, c)
	a.createTopic("load", [][]int32{{0, 1, 2}, {1, 0, 2}}, keepTwo)
	l := startLoad(t, c, "load", 2, 2)
	for _, b := range c.Brokers {
		end := slowDisk(t, b.Process(), 60*time.Millisecond, 300*time.Millisecond)
		l.goOn()
		end()
		a.awaitInSync("load")
	}

	end := slowDisk(t, c.Brokers[2].Process(), 4*time.Second, 4*time.Second)
	a.await("the slow follower leaves the ISR", "load", func(p kmsg.MetadataResponseTopicPartition) bool {
		return !slices.Contains(p.ISR, 2)
	})
	l.goOn()
	end()
	a.awaitInSync("load")

	end = slowDisk(t, c.ZooKeeper.Process, 20*time.Millisecond, 300*time.Millisecond)
	a.createTopic("made-slowly", everywhere(2), keepTwo)
	sendAll(t, c, "made-slowly", "taken")
	l.goOn()
	end()
	l.validate(c)
}
