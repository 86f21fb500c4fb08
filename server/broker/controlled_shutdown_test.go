package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
)

// A controlled shutdown that began just before ZooKeeper went away is not waited for
// until all tries have timed out.
func TestControlledShutdownEndsWhenZooKeeperStaysAway(t *testing.T) {
	const session = 6 * time.Second
	for _, test := range []struct {
		name  string
		away  time.Duration // after two seconds, for so long
		given bool          // whether the shutdown is given up
	}{{"a short absence", session / 2, false}, {"longer than the session", 2 * session, true}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, end := whileConnected(func() zkclient.State {
					if since := time.Since(began); since > 2*time.Second && since < 2*time.Second+test.away {
						return zkclient.Connecting
					}
					return zkclient.Connected
				}, session)
				defer end()
				time.Sleep(time.Minute)
				if given := ctx.Err() != nil; given != test.given {
					t.Errorf("given up: %t", given)
				}
			})
		})
	}
}
