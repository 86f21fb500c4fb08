//go:build peers

package integration

import (
	"testing"

	"github.com/gregor-broker/gregor/tests/framework"
)

// What has to be installed; tests/run.sh does so.
var (
	peerClients  = []client{kcatClient{}}
	peerClusters = []clusterKind{
		{"on Apache ZooKeeper", func(t testing.TB, overrides map[string]string) broker {
			return framework.StartInProcessOnApacheZooKeeper(t, overrides)
		}},
		{string(framework.KafkaOnGregor), func(t testing.TB, overrides map[string]string) broker {
			return framework.StartCluster(t, framework.KafkaOnGregor, overrides)
		}},
	}
)
