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
	const writes, syncs = "pwrite64,pwritev,ftruncate", "fsync,fdatasync"
	return p.trace(t, "-f", "-o", "/dev/null", "-e", "trace="+writes+","+syncs,
		"-e", fmt.Sprintf("inject=%s:delay_enter=%d", writes, write.Microseconds()),
		"-e", fmt.Sprintf("inject=%s:delay_enter=%d", syncs, sync.Microseconds()))
}

// Trace has strace write the given system calls of a running process to files that
// begin with prefix, one for each thread, until the returned function is called.
// Descriptors are written with their paths. Where it cannot be, the error is
// errors.ErrUnsupported.
func (p *Process) Trace(t testing.TB, prefix string, calls ...string) (end func(), err error) {
	t.Helper()
	return p.trace(t, "-ff", "-y", "-s", "0", "-o", prefix, "-e", "trace="+strings.Join(calls, ","))
}

func (p *Process) trace(t testing.TB, options ...string) (end func(), err error) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	tracer, err := start(nil, "strace", append(options, "-p", fmt.Sprint(p.Pid()))...)
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
