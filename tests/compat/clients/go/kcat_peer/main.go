// The program of kcat, that is librdkafka from the command line. Topics and records
// with timestamps, which kcat cannot make, come from franz-go.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

type client struct {
	bootstrap string
	helper    *kgo.Client
	admin     *kadm.Client
}

func main() {
	Main(func(bootstrap string) Client {
		helper := Checked(kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(20*time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner())))
		return &client{bootstrap, helper, kadm.NewClient(helper)}
	})
}

// kcat is a command of kcat with settings that suit tests.
func (c *client) kcat(args ...string) *exec.Cmd {
	quickly := []string{"-b", c.bootstrap, "-X", "topic.metadata.refresh.fast.interval.ms=20", "-X", "topic.metadata.propagation.max.ms=1000", "-X", "fetch.wait.max.ms=100"}
	return exec.Command("kcat", append(quickly, args...)...)
}

// complaint is what kcat says of a failure, without the prefix that all messages have.
var complaint = regexp.MustCompile(`(?m)^% (?:ERROR: )?(.*)$`)

// run gives what kcat prints, and its complaint as the error.
func run(command *exec.Cmd) string {
	var output, complaints bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaints
	if err := command.Run(); err != nil {
		if found := complaint.FindStringSubmatch(complaints.String()); found != nil {
			err = errors.New(found[1])
		}
		Check(err)
	}
	return output.String()
}

func (c *client) Create(topic string, partitions int32) {
	Checked(c.admin.CreateTopic(Patient(), partitions, 1, nil, topic))
}

func (c *client) Partitions(topic string) int {
	return len(c.metadata("-t", topic).Topics[0].Partitions)
}

const keyEnd, recordEnd = "\x1f", "\x1e"

// Send has one kcat send all records that need the same options.
func (c *client) Send(topic string, settings Settings, records ...Record) {
	if records[0].Timestamp != 0 {
		c.sendWithTimestamps(topic, records)
		return
	}
	args := []string{"-P", "-t", topic, "-D", recordEnd, "-X", "acks=all", "-X", "linger.ms=5"}
	if settings.Codec != "" {
		args = append(args, "-z", settings.Codec)
	}
	if settings.Idempotent {
		args = append(args, "-X", "enable.idempotence=true")
	}
	if settings.Large {
		args = append(args, "-X", "message.max.bytes=4194304")
	}
	for len(records) > 0 {
		options := optionsFor(records[0])
		var input strings.Builder
		for len(records) > 0 && strings.Join(optionsFor(records[0]), " ") == strings.Join(options, " ") {
			if records[0].Key != nil {
				input.WriteString(string(records[0].Key) + keyEnd)
			}
			input.WriteString(string(records[0].Value) + recordEnd)
			records = records[1:]
		}
		command := c.kcat(append(args, options...)...)
		command.Stdin = strings.NewReader(input.String())
		run(command)
	}
}

func optionsFor(r Record) (options []string) {
	if r.Partition >= 0 {
		options = append(options, "-p", fmt.Sprint(r.Partition))
	}
	if r.Key != nil {
		options = append(options, "-K", keyEnd)
	}
	if r.Value == nil {
		options = append(options, "-Z")
	}
	for _, header := range r.Headers {
		options = append(options, "-H", header.Key+"="+string(header.Value))
	}
	return options
}

func (c *client) sendWithTimestamps(topic string, records []Record) {
	sent := make([]*kgo.Record, len(records))
	for i, r := range records {
		sent[i] = &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp)}
	}
	Check(c.helper.ProduceSync(Patient(), sent...).FirstErr())
}

// message is a record as kcat -J prints it.
type message struct {
	Topic        string
	Partition    int32
	Offset, Ts   int64
	Headers      []string
	Key, Payload *string
}

func (m message) record() Record {
	r := Record{Partition: m.Partition, Offset: m.Offset, Timestamp: m.Ts}
	if m.Key != nil {
		r.Key = []byte(*m.Key)
	}
	if m.Payload != nil {
		r.Value = []byte(*m.Payload)
	}
	for i := 0; i+1 < len(m.Headers); i += 2 {
		r.Headers = append(r.Headers, Header{Key: m.Headers[i], Value: []byte(m.Headers[i+1])})
	}
	return r
}

func records(output string) (all []Record) {
	decoder := json.NewDecoder(strings.NewReader(output))
	for decoder.More() {
		var m message
		Check(decoder.Decode(&m))
		all = append(all, m.record())
	}
	return all
}

func (c *client) Read(topic string, _ int32, count int, from Position, then func()) []Record {
	at := map[PositionKind]string{Start: "beginning", End: "end", Offset: strconv.FormatInt(from.At, 10), Timestamp: fmt.Sprintf("s@%d", from.At)}[from.Kind]
	command := c.kcat("-C", "-t", topic, "-o", at, "-c", strconv.Itoa(count), "-J", "-u")
	if then == nil {
		return records(c.inTime(command))
	}
	var output bytes.Buffer
	command.Stdout = &output
	lines := start(command)
	waitFor(lines, "% Reached end of topic")
	then()
	Check(waitInTime(command))
	return records(output.String())
}

// inTime runs a command that is stopped when it takes too long.
func (c *client) inTime(command *exec.Cmd) string {
	late := time.AfterFunc(Patience, func() { _ = command.Process.Kill() })
	defer late.Stop()
	return run(command)
}

func waitInTime(command *exec.Cmd) error {
	late := time.AfterFunc(Patience, func() { _ = command.Process.Kill() })
	defer late.Stop()
	return command.Wait()
}

func (c *client) group(topic string, options ...string) *exec.Cmd {
	args := []string{"-G", topic, "-J", "-u", "-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=3000", "-X", "heartbeat.interval.ms=200", "-X", "partition.assignment.strategy=range"}
	return c.kcat(append(append(args, options...), topic)...)
}

// ConsumeAndCommit leaves the commit to kcat's end.
func (c *client) ConsumeAndCommit(topic string, count int) []Record {
	return records(c.inTime(c.group(topic, "-c", strconv.Itoa(count))))
}

func (c *client) UnknownTopicConsume(topic string) string {
	err := Attempt(func() { c.inTime(c.kcat("-C", "-t", topic, "-c", "1")) })
	Require(err != nil, "no error")
	return c.Text(err)
}

func (c *client) Text(err error) string { return err.Error() }
