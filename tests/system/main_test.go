package system

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/tests/framework"
)

// atOnce is how many tests that run beside each other do so: most of the time they
// wait.
const atOnce = "5"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // -parallel wins over it
		panic(err)
	}
	os.Exit(framework.Main(m))
}

// patience bounds every wait for what must come.
const patience = time.Minute
