//go:build peers

package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// kcatClient is Debian's kcat, that is librdkafka.
type kcatClient struct{}

func (kcatClient) name() string { return "kcat" }

// Between key and value, and between records; kcat takes them as escapes.
const (
	keyEnd, keyEndOption       = "\x1f", `\x1f`
	recordEnd, recordEndOption = "\x1e", `\x1e`
)

// quickly are settings of librdkafka that suit tests.
var quickly = []string{
	"-X", "topic.metadata.refresh.fast.interval.ms=20", "-X", "reconnect.backoff.ms=10",
	"-X", "reconnect.backoff.max.ms=50", "-X", "message.max.bytes=16777216",
}

func kcat(mode, bootstrap string, args ...string) *exec.Cmd {
	return exec.Command("kcat", append(append([]string{mode, "-b", bootstrap, "-q"}, quickly...), args...)...)
}

func (kcatClient) send(t testing.TB, bootstrap string, records []record, how delivery) {
	t.Helper()
	byTopic, order := map[string]*strings.Builder{}, []string(nil)
	for _, r := range records {
		if byTopic[r.topic] == nil {
			byTopic[r.topic], order = &strings.Builder{}, append(order, r.topic)
		}
		byTopic[r.topic].WriteString(r.key + keyEnd + r.value + recordEnd)
	}
	for _, topic := range order {
		args := []string{"-t", topic, "-K", keyEndOption, "-D", recordEndOption, "-Z", "-X", "acks=all", "-X", "linger.ms=1"}
		if how.compression != "" && how.compression != "none" {
			args = append(args, "-z", how.compression)
		}
		if how.idempotent {
			args = append(args, "-X", "enable.idempotence=true")
		} else {
			args = append(args, "-X", "max.in.flight.requests.per.connection=1")
		}
		command := kcat("-P", bootstrap, args...)
		command.Stdin = strings.NewReader(byTopic[topic].String())
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("kcat: %v: %s", err, output)
		}
	}
}

type kcatMember struct {
	t       testing.TB
	command *exec.Cmd
	errors  bytes.Buffer
	done    sync.WaitGroup
}

// start runs a consuming kcat and hands on what it prints.
func (m *kcatMember) start(got func(record)) {
	m.t.Helper()
	m.command.Stderr = &m.errors
	output, err := m.command.StdoutPipe()
	if err == nil {
		err = m.command.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	m.done.Go(func() {
		for reader := bufio.NewReader(output); ; {
			r, err := parseRecord(reader)
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return
			}
			if err != nil {
				m.t.Errorf("kcat: %v", err)
				return
			}
			got(r)
		}
	})
}

// format prints the lengths too, so that records may hold anything.
const format = `%t %p %o %K %S\n%k%s`

func parseRecord(reader *bufio.Reader) (record, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		return record{}, io.EOF
	}
	var r record
	var keyLength, valueLength int
	if _, err := fmt.Sscan(line, &r.topic, &r.partition, &r.offset, &keyLength, &valueLength); err != nil {
		return record{}, fmt.Errorf("%q: %w", line, err)
	}
	content := make([]byte, max(keyLength, 0)+max(valueLength, 0))
	if _, err := io.ReadFull(reader, content); err != nil {
		return record{}, io.ErrUnexpectedEOF
	}
	r.key, r.value = string(content[:max(keyLength, 0)]), string(content[max(keyLength, 0):])
	return r, nil
}

func (kcatClient) consume(t testing.TB, bootstrap, group, topic string, got func(record)) member {
	t.Helper()
	command := exec.Command("kcat", append([]string{
		"-b", bootstrap, "-q", "-u", "-f", format, "-X", "fetch.wait.max.ms=100", "-G", group,
		"-X", "auto.offset.reset=earliest", "-X", fmt.Sprintf("auto.commit.interval.ms=%d", commitInterval.Milliseconds()),
		"-X", fmt.Sprintf("session.timeout.ms=%d", sessionTimeout.Milliseconds()),
		"-X", fmt.Sprintf("heartbeat.interval.ms=%d", heartbeatInterval.Milliseconds()),
	}, append(quickly, topic)...)...)
	m := &kcatMember{t: t, command: command}
	m.start(got)
	return m
}

func (m *kcatMember) end(signal syscall.Signal) {
	_ = m.command.Process.Signal(signal)
	timer := time.AfterFunc(patience, func() { _ = m.command.Process.Kill() })
	defer timer.Stop()
	m.done.Wait()
	err := m.command.Wait()
	if status, ok := m.command.ProcessState.Sys().(syscall.WaitStatus); !ok || (err != nil && !status.Signaled()) {
		m.t.Errorf("kcat: %v: %s", err, m.errors.String())
	}
}

func (m *kcatMember) leave() { m.end(syscall.SIGTERM) }
func (m *kcatMember) crash() { m.end(syscall.SIGKILL) }

func (kcatClient) read(t testing.TB, bootstrap, topic string, partition int32, from position, got func(record)) func() {
	t.Helper()
	start := map[positionKind]string{
		atStart: "beginning", atEnd: "end", atOffset: strconv.FormatInt(from.offset, 10), atTimestamp: fmt.Sprintf("s@%d", from.offset),
	}[from.kind]
	m := &kcatMember{t: t, command: kcat("-C", bootstrap, "-u", "-X", "fetch.wait.max.ms=100", "-f", format, "-t", topic, "-p", fmt.Sprint(partition), "-o", start)}
	m.start(got)
	return m.leave
}
