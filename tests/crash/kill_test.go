package crash

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/log/logtest"
	"github.com/gregor-broker/gregor/log/vfs"
	"github.com/gregor-broker/gregor/tests/framework"
)

// Of so many lives of the broker one is followed by deaths while it starts, one has
// a clean stop before it, and at the end of one ZooKeeper is killed, too.
const (
	everyStart     = 8
	everyCleanStop = 20
	everyZooKeeper = 10
)

// longestLife is how long the broker lives at most before it is killed.
const longestLife = 100 * time.Millisecond

// killer kills a broker again and again and goes over its log directory each time.
type killer struct {
	t                 *testing.T
	random            *rand.Rand
	zooKeeper, broker *framework.Server
	dir               string
	znodes            *zk.Conn
	traffic           *load
	checked           time.Duration
	leftovers         int
}

// TestNothingAcknowledgedIsLost kills the broker, and sometimes ZooKeeper, under
// load. After each death, and after the recovery, the log directory has what it must
// have.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	t.Logf("seed %d", *seed)
	k := &killer{t: t, random: rand.New(rand.NewPCG(*seed, *seed))}
	k.zooKeeper, k.broker, k.dir = start(t)
	k.znodes = connectTo(t, k.zooKeeper)
	defer k.znodes.Close()
	k.traffic = startLoad(t, k.broker.Address(), 4)
	keyed := startKeyedLoad(t, k.broker.Address())
	deadline := time.Now().Add(6 * time.Minute)
	for kill := 1; kill <= *kills && !t.Failed(); kill++ {
		k.live()
		if kill%everyCleanStop == 0 {
			k.broker.Restart() // what it flushed is known from here on
			k.live()
		}
		k.die(kill)
		if time.Now().After(deadline) {
			t.Errorf("%d kills took six minutes", kill)
		}
	}
	k.traffic.end()
	keyed.end()
	t.Logf("the checker took %v, %d files were on their way", k.checked.Round(time.Millisecond), k.leftovers)
	k.traffic.validate(t, k.broker.Address())
	keyed.validate(t, k.broker.Address())
	if err := k.broker.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	k.check(logtest.Settled)
}

// live lets the broker acknowledge some records.
func (k *killer) live() {
	k.t.Helper()
	before, life := k.traffic.count(), time.Now().Add(k.moment())
	framework.Until(k.t, patience, "records are acknowledged", func() bool { return k.traffic.count() > before && time.Now().After(life) })
}

// moment is up to the longest life.
func (k *killer) moment() time.Duration { return time.Duration(k.random.Int64N(int64(longestLife))) }

// die kills the broker, perhaps again while it starts, until it serves.
func (k *killer) die(kill int) {
	k.t.Helper()
	k.kill()
	if kill%everyZooKeeper == 0 {
		k.zooKeeper.Kill()
		k.zooKeeper.Start()
	}
	for again := kill%everyStart == 0; again; again = k.random.IntN(2) == 0 {
		k.launch()
		select {
		case <-k.broker.Exited():
			k.t.Fatalf("the broker ended with code %d:\n%s", k.broker.ExitCode(), k.broker.Output())
		case <-time.After(k.moment()):
		}
		k.kill()
	}
	launched := time.Now()
	k.launch()
	k.broker.AwaitReady()
	k.checkRecovered(launched)
}

func (k *killer) kill() {
	k.t.Helper()
	k.broker.Kill()
	k.check(logtest.Killed)
}

// launch starts the broker as soon as its last life's session is taken for ended.
func (k *killer) launch() {
	k.t.Helper()
	for _, name := range []string{"/brokers/ids/0", "/controller"} {
		framework.Until(k.t, patience, name+" is gone", func() bool {
			err := k.znodes.Delete(name, -1)
			return err == nil || errors.Is(err, zk.ErrNoNode)
		})
	}
	k.broker.Launch()
}

// check goes over the whole log directory.
func (k *killer) check(state logtest.State) *logtest.Report {
	k.t.Helper()
	begin := time.Now()
	report := (&logtest.Checker{
		FS: vfs.OS, State: state, Deep: state == logtest.Settled, NeedTopicIDs: true,
		Compacted: func(topic string) bool { return topic == compactedTopic || topic == boundedTopic },
	}).Check(k.dir)
	k.checked += time.Since(begin)
	k.leftovers += len(report.Leftovers)
	if err := report.Err(); err != nil {
		k.t.Errorf("%s: %v", k.dir, err)
	}
	return report
}

// checkRecovered holds the broker still and looks what its recovery made of the
// directory: nothing torn is left, nor anything that was under way when it died.
func (k *killer) checkRecovered(launched time.Time) {
	k.t.Helper()
	if err := k.broker.Pause(); err != nil {
		k.t.Fatal(err)
	}
	report := k.check(logtest.Running)
	if err := k.broker.Resume(); err != nil {
		k.t.Fatal(err)
	}
	for _, leftover := range report.Leftovers {
		changed := leftover.Info.Sys().(*syscall.Stat_t).Ctim
		if time.Unix(changed.Unix()).Before(launched) {
			k.t.Errorf("%s was left over by the recovery", leftover.Path)
		}
	}
}
