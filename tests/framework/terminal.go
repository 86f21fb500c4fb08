package framework

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// Terminal is a pseudo-terminal in which one command runs; it keeps every byte
// that the terminal shows, what was typed included.
type Terminal struct {
	t       testing.TB
	master  *os.File
	command *exec.Cmd
	screen  lockedBuffer
	closed  chan struct{}
}

// OpenTerminal starts a command in a terminal of its own.
func OpenTerminal(t testing.TB, environment []string, name string, args ...string) *Terminal {
	t.Helper()
	command := exec.Command(name, args...)
	command.Env = append(os.Environ(), environment...)
	master, err := pty.StartWithSize(command, &pty.Winsize{Rows: 50, Cols: 200})
	if err != nil {
		t.Fatal(err)
	}
	terminal := &Terminal{t: t, master: master, command: command, closed: make(chan struct{})}
	go func() {
		defer close(terminal.closed)
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			_, _ = terminal.screen.Write(buffer[:n])
			if err != nil { // EIO: the command has ended
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = master.Close()
		<-terminal.closed
	})
	return terminal
}

// Type types text, as a person would.
func (c *Terminal) Type(text string) {
	c.t.Helper()
	if _, err := c.master.WriteString(text); err != nil {
		c.t.Fatal(err)
	}
}

// Interrupt presses Ctrl-C.
func (c *Terminal) Interrupt() { c.Type("\x03") }

// Screen is all the terminal has shown, with line ends as a file has them.
func (c *Terminal) Screen() string { return strings.ReplaceAll(c.screen.String(), "\r\n", "\n") }

// Await waits until the terminal has shown the text.
func (c *Terminal) Await(text string) {
	c.t.Helper()
	deadline := time.Now().Add(startTimeout)
	for !strings.Contains(c.Screen(), text) {
		if time.Now().After(deadline) {
			c.t.Fatalf("the terminal does not show %q but\n%s", text, c.Screen())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// ExitCode waits for the command's end. A shell's code of a signal, 128 and its
// number, is given for a command that a signal ended.
func (c *Terminal) ExitCode() int {
	c.t.Helper()
	ended := make(chan struct{})
	go func() {
		_ = c.command.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(startTimeout):
		c.t.Fatalf("the command does not end; the terminal shows\n%s", c.Screen())
	}
	<-c.closed
	return c.command.ProcessState.ExitCode()
}
