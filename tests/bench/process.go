package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a server may take to stop.
const stopTimeout = 4 * time.Minute

// process is a server that was started. It does not outlive this program.
type process struct {
	command *exec.Cmd
	output  string
	// address is where the server listens.
	address string
	exited  chan struct{}
}

// startProcess runs a command; what it prints goes to a file.
func startProcess(environment []string, output string, command ...string) (*process, error) {
	file, err := os.Create(output)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &process{command: exec.Command(command[0], command[1:]...), output: output, exited: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = file, file
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// ended is an error when the process is not running any more.
func (p *process) ended() error {
	select {
	case <-p.exited:
		printed, _ := os.ReadFile(p.output)
		return fmt.Errorf("%s ended: %v\n%s", p.command.Path, p.command.ProcessState, printed[max(0, len(printed)-4<<10):])
	default:
		return nil
	}
}

// stop asks the process to end and waits for it.
func (p *process) stop(ctx context.Context) error {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("%s did not stop: %w", p.command.Path, ctx.Err())
	}
}

func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.exited
}

// residentBytes is the resident memory of the process.
func (p *process) residentBytes() (float64, error) {
	status, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib * 1024, err
		}
	}
	return 0, errors.New("no VmRSS in the status of the process")
}

// ticksPerSecond is the unit of times in /proc, USER_HZ.
const ticksPerSecond = 100

// cpuSeconds is what the process has used of the processors: utime and stime, the
// 14th and 15th field of its stat, counted from the end of the command's name.
func (p *process) cpuSeconds() (float64, error) {
	stat, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("the stat of the process is too short")
	}
	user, errUser := strconv.ParseFloat(fields[11], 64)
	system, errSystem := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond, errors.Join(errUser, errSystem)
}

func (p *process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), file)
}
