package framework

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// SlowDisk has each write of a running process, and each sync of what it wrote, take
// longer, as on a failing disk or one that others use, until the returned function is
// called. It is done by strace; where that cannot be the error is
// errors.ErrUnsupported.
func (p *Process) SlowDisk(t testing.TB, write, sync time.Duration) (end func(), err error) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	const writes, syncs = "pwrite64,pwritev,ftruncate", "fsync,fdatasync"
	tracer, err := start(nil, "strace", "-f", "-o", "/dev/null", "-e", "trace="+writes+","+syncs,
		"-e", fmt.Sprintf("inject=%s:delay_enter=%d", writes, write.Microseconds()),
		"-e", fmt.Sprintf("inject=%s:delay_enter=%d", syncs, sync.Microseconds()), "-p", fmt.Sprint(p.Pid()))
	if err != nil {
		return nil, err
	}
	end = func() {
		if err := tracer.Stop(startTimeout); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end) // or a test that fails leaves the process slow
	deadline := time.Now().Add(startTimeout)
	for !strings.Contains(tracer.Output(), " attached") {
		select {
		case <-tracer.Exited():
			return nil, fmt.Errorf("%w: strace: %s", errors.ErrUnsupported, tracer.Output())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			end()
			return nil, fmt.Errorf("strace does not begin: %s", tracer.Output())
		}
	}
	return end, nil
}
