package system

import (
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/tests/framework"
)

// MinutesVariable names the environment variable that has the random faults go on
// for so many minutes.
const MinutesVariable = "GREGOR_FAULT_MINUTES"

var (
	seed   = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the random faults")
	rounds = flag.Int64("rounds", 108, "how many rounds of random faults there are, all clusters taken together")
	// Below 2.7 leaders write their ISR themselves and followers ask where epochs end;
	// below 3.1 they fetch by names.
	protocols = flag.String("protocols", "3.1,2.8,2.6", "inter-broker protocols of the clusters that have random faults")
)

// slowWrite is what a write to a slow disk takes. With much more the controller gives
// an order up that the broker still carries out, and one for a topic that is deleted
// meanwhile may come after the deletion.
const slowWrite = 20 * time.Millisecond

// session is the brokers' session with ZooKeeper: short, so that a death is soon
// known.
const session = 600 * time.Millisecond

// budget is how long the random faults may take, and how many rounds there are.
func budget(t *testing.T) (time.Duration, int64) {
	if text := os.Getenv(MinutesVariable); text != "" {
		minutes, err := strconv.Atoi(text)
		if err != nil || minutes <= 0 {
			t.Fatalf("%s=%s is no number of minutes", MinutesVariable, text)
		}
		return time.Duration(minutes) * time.Minute, 1 << 30
	}
	return faultBudget, *rounds
}

// TestRandomFaults has faults one after another under load, and administration in
// the middle of them; after each the cluster must take records again, and at the end
// nothing that was promised may be missing. Clusters of several protocols have them
// beside each other, each as many of the rounds as it comes to.
func TestRandomFaults(t *testing.T) {
	t.Parallel()
	t.Logf("-seed=%d -protocols=%s", *seed, *protocols)
	length, most := budget(t)
	var begun atomic.Int64
	t.Cleanup(func() { t.Logf("-seed=%d: %d rounds", *seed, min(begun.Load(), most)) })
	for version := range strings.SplitSeq(*protocols, ",") {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := newRounds(t, version)
			end, count := time.Now().Add(length), 0
			for ; time.Now().Before(end) && begun.Add(1) <= most; count++ {
				r.round(count)
			}
			r.finish()
			t.Logf("%d rounds", count)
		})
	}
}

// faultRounds is a cluster with load and what the rounds did so far.
type faultRounds struct {
	t       *testing.T
	c       *framework.Brokers
	admin   *admin
	load    *load
	random  *rand.Rand
	born    string   // a topic to delete in a later round
	deleted []string // topics that must not be there at the end
	history []string // what the last rounds did, for whoever has to find out
}

const faultPartitions = 4

func newRounds(t *testing.T, protocol string) *faultRounds {
	own := crc32.ChecksumIEEE([]byte(protocol)) // so that each has the same faults also alone
	r := &faultRounds{t: t, random: rand.New(rand.NewPCG(*seed, uint64(own)))}
	t.Cleanup(func() {
		if t.Failed() || testing.Verbose() {
			t.Logf("-seed=%d, the last rounds with protocol %s:\n%s", *seed, protocol, strings.Join(r.history[max(0, len(r.history)-12):], "\n"))
		}
	})
	r.c = framework.StartBrokers(t, framework.BrokersSpec{Kinds: framework.Same(3, framework.GregorProcesses), Settings: map[string]string{
		"zookeeper.session.timeout.ms": fmt.Sprint(session.Milliseconds()), "replica.lag.time.max.ms": "800", "log.segment.bytes": "200000",
		"num.replica.fetchers": "2", "inter.broker.protocol.version": protocol,
	}})
	r.admin = newAdmin(t, r.c)
	r.admin.createTopic("load", everywhere(faultPartitions), keepTwo)
	r.load = startLoad(t, r.c, "load", faultPartitions, 2)
	return r
}

// round is one fault, perhaps with administration meanwhile, and the proof that
// records are taken again after it.
func (r *faultRounds) round(number int) {
	name, fault := r.pick()
	work, administer := r.pickAdministration(number)
	r.note("%d: %s; %s", number, name, work)
	var administration sync.WaitGroup
	administration.Go(administer)
	fault()
	r.c.Heal()
	progress := r.load.progress()
	administration.Wait()
	if err := progress(patience); err != nil {
		r.t.Fatalf("round %d: %s; %s: %v", number, name, work, err)
	}
	if r.random.IntN(3) == 0 {
		r.admin.awaitInSync("load")
	}
}

// note keeps what is done and when, to be told after a failure.
func (r *faultRounds) note(format string, args ...any) {
	r.history = append(r.history, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// finish brings all replicas back, and holds the cluster to what it promised.
func (r *faultRounds) finish() {
	r.note("reassignments are to end")
	r.admin.awaitReassigned()
	r.note("all partitions return to all brokers")
	for partition := range int32(faultPartitions) {
		r.admin.reassign("load", partition, []int32{0, 1, 2})
	}
	r.admin.awaitReassigned()
	r.note("deleted topics are to be gone")
	for _, name := range r.deleted {
		r.awaitGone(name)
	}
	r.note("the load ends")
	r.load.validate(r.c)
	r.note("end")
}

// some gives a time up to a length.
func (r *faultRounds) some(length time.Duration) time.Duration {
	return time.Duration(r.random.Int64N(int64(length)))
}

// roles finds brokers by what they do.
func (r *faultRounds) victim() (*framework.Broker, string) {
	switch partition := r.random.Int32N(faultPartitions); r.random.IntN(3) {
	case 0:
		return r.c.Brokers[r.admin.leader("load", partition)], fmt.Sprintf("leader of %d", partition)
	case 1:
		id := r.c.AwaitController("there is a controller", func(int) bool { return true })
		return r.c.Brokers[id], "controller"
	default:
		follower := (r.admin.leader("load", partition) + 1) % len(r.c.Brokers)
		return r.c.Brokers[follower], fmt.Sprintf("follower of %d", partition)
	}
}

// victims are several brokers.
func (r *faultRounds) victims() []*framework.Broker {
	all := slices.Clone(r.c.Brokers)
	r.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:2+r.random.IntN(len(all)-1)]
}

// pick chooses a fault; what it does ends with all brokers and ZooKeeper running.
func (r *faultRounds) pick() (name string, fault func()) {
	victim, role := r.victim()
	other := r.c.Brokers[(victim.ID+1+r.random.IntN(len(r.c.Brokers)-1))%len(r.c.Brokers)]
	short, long, clock := r.some(session), session+r.some(session), r.some(40*time.Hour)-20*time.Hour
	describe := func(what string, length time.Duration) string {
		return fmt.Sprintf("%s broker %d, %s, %v", what, victim.ID, role, length.Round(time.Millisecond))
	}
	type entry struct {
		name  string
		fault func()
	}
	victims := r.victims()
	faults := []entry{
		{describe("kill", short), func() { victim.Kill(); time.Sleep(short); victim.Start() }},
		{describe("kill for long", long), func() { victim.Kill(); time.Sleep(long); victim.Start() }},
		{describe("pause", short), func() { victim.Pause(); time.Sleep(short); victim.Resume() }},
		{describe("pause beyond the session", 2*long), func() { victim.Pause(); time.Sleep(2 * long); victim.Resume() }},
		{describe("stop", short), func() { victim.Stop(); time.Sleep(short); victim.Start() }},
		{describe("kill several with", short), func() { r.together(victims, short) }},
		{describe("kill in a cascade with", short), func() { r.cascade(victim, other, short) }},
		{describe("kill each as soon as the one before it is back, beginning with", short), func() { r.chase(victim) }},
		{describe("set the clock of", clock), func() { r.setClock(victim.Process(), clock) }},
		{describe("set the clock of ZooKeeper beside", clock), func() { r.setClock(r.c.ZooKeeper.Process, clock) }},
		{describe("slow disk of", long), func() { r.slowDisk(victim.Process(), slowWrite, long, func() {}) }},
		{describe("slow disk and kill of", long), func() { r.slowDisk(victim.Process(), slowWrite, long, victim.Kill); victim.Start() }},
		{describe("slow disk of ZooKeeper beside", long), func() { r.slowDisk(r.c.ZooKeeper.Process, 20*time.Millisecond, long, func() {}) }},
		{describe("stop while ZooKeeper is away", short), func() { r.c.ZooKeeper.Kill(); victim.Stop(); r.c.ZooKeeper.Start(); victim.Start() }},
		{describe("pause ZooKeeper beside", long), func() { r.pauseZooKeeper(long) }},
		{describe(fmt.Sprintf("kill broker %d and pause", other.ID), 2*long), func() {
			victim.Pause()
			other.Kill()
			time.Sleep(2 * long)
			other.Launch()
			victim.Resume()
			other.AwaitReady()
		}},
		{describe("kill ZooKeeper beside", long), func() { r.c.ZooKeeper.Kill(); time.Sleep(long); r.c.ZooKeeper.Start() }},
		{describe("kill ZooKeeper and", short), func() { r.c.ZooKeeper.Kill(); victim.Kill(); time.Sleep(short); r.c.ZooKeeper.Start(); victim.Start() }},
		{describe("isolate", 2*long), func() { r.c.Isolate(victim.ID); time.Sleep(2 * long) }},
		{describe(fmt.Sprintf("cut to broker %d from", other.ID), 2*long), func() { r.c.Cut(victim.ID, other.ID); time.Sleep(2 * long) }},
		{describe(fmt.Sprintf("cut from broker %d to", other.ID), 2*long), func() { r.c.Cut(other.ID, victim.ID); time.Sleep(2 * long) }},
		{describe("cut to ZooKeeper from", long), func() { r.c.Cut(victim.ID, framework.ZooKeeperNode); time.Sleep(long) }},
		{describe("cut from ZooKeeper to", long), func() { r.c.Cut(framework.ZooKeeperNode, victim.ID); time.Sleep(long) }},
		{describe("cut from all", 2*long), func() {
			r.c.Isolate(victim.ID)
			r.c.CutBoth(victim.ID, framework.ZooKeeperNode)
			time.Sleep(2 * long)
		}},
		{"nothing", func() {}},
	}
	chosen := faults[r.random.IntN(len(faults))]
	return chosen.name, chosen.fault
}

func (r *faultRounds) pauseZooKeeper(length time.Duration) {
	if err := r.c.ZooKeeper.Pause(); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(length)
	if err := r.c.ZooKeeper.Resume(); err != nil {
		r.t.Fatal(err)
	}
}

// together kills brokers at one moment.
func (r *faultRounds) together(victims []*framework.Broker, length time.Duration) {
	for _, b := range victims {
		b.Kill()
	}
	time.Sleep(length)
	for _, b := range victims {
		b.Launch()
	}
	for _, b := range victims {
		b.AwaitReady()
	}
}

// cascade kills a broker, and another while the first comes back.
func (r *faultRounds) cascade(first, second *framework.Broker, length time.Duration) {
	first.Kill()
	time.Sleep(length)
	first.Launch()
	second.Kill()
	second.Launch()
	first.AwaitReady()
	second.AwaitReady()
}

// chase kills each broker while the one before it may still be starting.
func (r *faultRounds) chase(first *framework.Broker) {
	for i := range r.c.Brokers {
		victim := r.c.Brokers[(first.ID+i)%len(r.c.Brokers)]
		victim.Kill()
		victim.Start()
	}
}

// setClock sets the clock of a process; its successor has the machine's again.
func (r *faultRounds) setClock(p *framework.Process, offset time.Duration) {
	if err := p.SetWallClock(offset); errors.Is(err, errors.ErrUnsupported) {
		r.note("not done: %v", err)
	} else if err != nil {
		r.t.Error(err)
	}
}

// slowDisk makes the disk of a process slow for some time, and does something at its
// end.
func (r *faultRounds) slowDisk(p *framework.Process, write, length time.Duration, last func()) {
	end, err := p.SlowDisk(r.t, write, 2*write)
	if errors.Is(err, errors.ErrUnsupported) {
		r.note("not done: %v", err)
		end, err = func() {}, nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(length)
	last()
	end()
}

// pickAdministration chooses what an administrator does during a round.
func (r *faultRounds) pickAdministration(number int) (name string, work func()) {
	partition := r.random.Int32N(faultPartitions)
	replicas := []int32{0, 1, 2}
	r.random.Shuffle(len(replicas), func(i, j int) { replicas[i], replicas[j] = replicas[j], replicas[i] })
	replicas = replicas[:2+r.random.IntN(2)]
	topic := fmt.Sprint("churn-", number)
	switch r.random.IntN(7) {
	case 0:
		return fmt.Sprintf("reassign %d to %d", partition, replicas), func() { r.admin.reassign("load", partition, replicas) }
	case 1:
		return fmt.Sprintf("elect the preferred leader of %d", partition), func() { _ = r.admin.electLeaders(0, "load", partition) }
	case 2:
		r.deleted = append(r.deleted, topic)
		return "create and delete " + topic, func() {
			r.admin.createTopic(topic, everywhere(3), nil)
			r.admin.deleteTopic(topic)
		}
	case 3:
		if r.born == "" {
			r.born = topic
			return "create " + topic, func() { r.admin.createTopic(topic, everywhere(2), nil) }
		}
		topic, r.born = r.born, ""
		r.deleted = append(r.deleted, topic)
		return "delete " + topic, func() { r.admin.deleteTopic(topic) }
	default:
		return "no administration", func() {}
	}
}

// awaitGone waits until neither clients nor disks know a deleted topic, but for what
// a broker has put aside to remove later.
func (r *faultRounds) awaitGone(name string) {
	r.t.Helper()
	r.admin.until(name+" is deleted", func() error {
		if _, err := r.admin.partitions(name); err == nil {
			return fmt.Errorf("it is there")
		}
		for _, b := range r.c.Brokers {
			entries, err := os.ReadDir(b.LogDir())
			if err != nil {
				return err
			}
			for _, entry := range entries {
				if strings.HasPrefix(entry.Name(), name+"-") && !strings.HasSuffix(entry.Name(), "-delete") {
					return fmt.Errorf("broker %d has %s", b.ID, entry.Name())
				}
			}
		}
		return nil
	})
}
