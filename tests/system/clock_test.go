package system

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/tests/framework"
)

// registrations tells by which transactions of ZooKeeper the brokers and the
// controller are registered; a session that is lost changes it.
func registrations(a *admin, c *framework.Brokers) (transactions []int64) {
	a.t.Helper()
	paths := []string{"/controller"}
	for _, b := range c.Brokers {
		paths = append(paths, fmt.Sprintf("/brokers/ids/%d", b.ID))
	}
	for _, path := range paths {
		a.until(path+" is there", func() error {
			transaction, ok := c.CreatedBy(path)
			if !ok {
				return errors.New("it is not")
			}
			transactions = append(transactions, transaction)
			return nil
		})
	}
	return transactions
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestClocksAreSet sets the clocks of the brokers and of ZooKeeper to and fro under
// load, each apart and all at once. Nobody may be given up for it, no replica may be
// taken for one that lags, and no record may be lost.
func TestClocksAreSet(t *testing.T) {
	t.Parallel()
	c := framework.StartBrokers(t, framework.BrokersSpec{Kinds: framework.Same(3, framework.GregorProcesses), Settings: map[string]string{
		"zookeeper.session.timeout.ms": "20000", "replica.lag.time.max.ms": "20000", "log.segment.bytes": "100000",
	}})
	a, l := loaded(t, c)
	reader := join(t, c, "readers")
	a.awaitCommitted("readers", reader)
	registered := registrations(a, c)
	states := func() (all []string) {
		for partition := range 3 {
			state, _ := c.Znode(fmt.Sprintf("/brokers/topics/load/partitions/%d/state", partition))
			all = append(all, state)
		}
		return all
	}
	before := states()
	clocks := []*framework.Process{c.ZooKeeper.Process}
	for _, b := range c.Brokers {
		clocks = append(clocks, b.Process())
	}
	for _, step := range []struct {
		by time.Duration
		of []*framework.Process
	}{
		{3 * time.Hour, clocks[:1]}, {-5 * time.Hour, clocks[1:2]}, {20 * time.Hour, clocks[2:3]}, {time.Minute, clocks[3:]},
		{-30 * time.Hour, clocks}, {40 * time.Hour, clocks[2:]}, {0, clocks},
	} {
		for _, clock := range step.of {
			if err := clock.SetWallClock(step.by); errors.Is(err, errors.ErrUnsupported) {
				t.Skipf("clocks cannot be set here: %v", err)
			} else if err != nil {
				t.Fatal(err)
			}
		}
		l.goOn()
		a.awaitCommitted("readers", reader)
	}
	if now := registrations(a, c); !slices.Equal(now, registered) {
		t.Errorf("the brokers and the controller were registered in %v and are in %v", registered, now)
	}
	if now := states(); !slices.Equal(now, before) {
		t.Errorf("leaders and ISR were %q and are %q", before, now)
	}
	l.validate(c)
}
