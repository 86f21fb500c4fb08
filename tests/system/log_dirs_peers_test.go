//go:build peers

package system

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestAnotherProgramGoesOnWithAMove stops a broker in the middle of a move between its
// log directories; the other program that takes its directories over goes on with it.
func TestAnotherProgramGoesOnWithAMove(t *testing.T) {
	framework.NeedPeers(t)
	for _, kinds := range [][2]framework.Kind{{framework.GregorProcesses, framework.KafkaOnGregor}, {framework.KafkaOnGregor, framework.GregorProcesses}} {
		t.Run(fmt.Sprintf("from %s to %s", kinds[0], kinds[1]), func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			c := framework.StartBrokers(t, framework.BrokersSpec{Kinds: []framework.Kind{kinds[0]}, Settings: map[string]string{
				"log.dirs":                filepath.Join(root, "a") + "," + filepath.Join(root, "b"),
				"replica.fetch.max.bytes": "20000", "zookeeper.session.timeout.ms": "20000",
			}})
			a, b := newAdmin(t, c), c.Brokers[0]
			a.createTopic("moving", [][]int32{{0}}, nil)
			values := bulk(t, c, "moving")
			a.throttleMoves(b, "1")
			targets := a.beginMoves(b, "moving")
			b.Stop()
			b.Become(kinds[1])
			b.Start()
			sendAll(t, c, "moving", "meanwhile")
			a.throttleMoves(b, "")
			a.awaitMoved(b, "moving", targets)
			sendAll(t, c, "moving", "after")
			if got := a.values("moving"); !slices.Equal(got, append(values, "meanwhile", "after")) {
				t.Errorf("%d records are left of %d", len(got), len(values)+2)
			}
			b.Stop()
		})
	}
}
