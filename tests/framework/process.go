package framework

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a server started from bin/, with what it printed.
type Process struct {
	command *exec.Cmd
	output  lockedBuffer
	exited  chan struct{}
	state   *os.ProcessState
}

type lockedBuffer struct {
	mu      sync.Mutex
	content bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.content.String()
}

// start runs a command in its own process group, so that signals reach just it.
func start(environment []string, name string, args ...string) (*Process, error) {
	p := &Process{command: exec.Command(name, args...), exited: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = &p.output, &p.output
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.command.Wait()
		p.state = p.command.ProcessState
		close(p.exited)
	}()
	return p, nil
}

// RunToEnd runs a command that is to end by itself and gives what it printed and
// its exit code.
func RunToEnd(t testing.TB, environment []string, name string, args ...string) (output string, code int) {
	t.Helper()
	p, err := start(environment, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(startTimeout):
		p.Kill()
		t.Fatalf("%s does not end; it printed:\n%s", name, p.Output())
	}
	return p.Output(), p.ExitCode()
}

// Pid is the process's id.
func (p *Process) Pid() int { return p.command.Process.Pid }

// Output is all that the process printed so far.
func (p *Process) Output() string { return p.output.String() }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitCode is the code of an ended process, -1 when a signal ended it.
func (p *Process) ExitCode() int { return p.state.ExitCode() }

// Signal sends a signal to the process.
func (p *Process) Signal(signal syscall.Signal) error {
	err := p.command.Process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Pause stops the process where it is until Resume, as a long collection of
// garbage or a suspended machine would.
func (p *Process) Pause() error { return p.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Kill ends the process as a power switch would and waits for its end.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.exited
}

// Stop asks the process to end and waits; after the timeout it is killed and an
// error returned.
func (p *Process) Stop(timeout time.Duration) error {
	if err := errors.Join(p.Signal(syscall.SIGTERM), p.Resume()); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(timeout):
		p.Kill()
		return fmt.Errorf("process %d did not stop within %v; it printed:\n%s", p.Pid(), timeout, p.Output())
	}
}

// Until polls until the condition holds and fails the test after the timeout.
func Until(t testing.TB, timeout time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, timeout)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
