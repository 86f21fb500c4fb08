// Package system holds clusters of several brokers to what replication promises:
// under random faults, in scenarios of failover and administration, and together
// with brokers of Apache Kafka.
package system

import (
	"os"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/tests/framework"
)

func TestMain(m *testing.M) { os.Exit(framework.Main(m)) }

// patience bounds every wait for what must come.
const patience = time.Minute
