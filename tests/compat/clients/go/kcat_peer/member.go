package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

// start starts a command, which ends with this process, and gives what it says.
func start(command *exec.Cmd) (lines <-chan string) {
	said := Checked(command.StderrPipe())
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	Check(command.Start())
	return linesOf(said)
}

func linesOf(from io.Reader) <-chan string {
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(from); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

func waitFor(lines <-chan string, beginning string) {
	late := time.After(Patience)
	for {
		select {
		case line, ok := <-lines:
			Require(ok, "kcat ended before it said %q", beginning)
			if strings.HasPrefix(line, beginning) {
				return
			}
		case <-late:
			Fail("kcat does not say %q", beginning)
		}
	}
}

// rebalance is what kcat says of its partitions.
var (
	rebalance = regexp.MustCompile(`^% Group .* rebalanced.*?(incremental assignment|assigned|incremental revoke|revoked).*: (.*)$`)
	partition = regexp.MustCompile(`\[(\d+)\]`)
)

func (c *client) Join(topic string, how Membership, member *Member) func() {
	options := []string{"-X", "client.id=describer"}
	if how.Cooperative {
		options = append(options, "-X", "partition.assignment.strategy=cooperative-sticky")
	}
	if how.Instance != "" {
		options = append(options, "-X", "group.instance.id="+how.Instance, "-X", "session.timeout.ms=15000")
	}
	command := c.group(topic, options...)
	output := Checked(command.StdoutPipe())
	said := start(command)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for line := range linesOf(output) {
			var m message
			if json.Unmarshal([]byte(line), &m) == nil {
				member.Got(m.record().Value)
			}
		}
	}()
	go func() {
		for line := range said {
			note(line, member)
		}
	}()
	return func() {
		_ = command.Process.Signal(syscall.SIGINT)
		<-ended
		_ = waitInTime(command)
	}
}

func note(line string, member *Member) {
	found := rebalance.FindStringSubmatch(line)
	if found == nil {
		return
	}
	var partitions []int32
	for _, number := range partition.FindAllStringSubmatch(found[2], -1) {
		partitions = append(partitions, int32(Checked(strconv.Atoi(number[1]))))
	}
	if strings.HasSuffix(found[1], "assignment") || found[1] == "assigned" {
		member.Gained(partitions)
	} else {
		member.Lost(partitions)
	}
}
