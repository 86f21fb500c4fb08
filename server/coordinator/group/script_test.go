package group

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
)

// TestScripts runs the scripts in testdata: each line is a request, an event
// or the passing of time, followed by the responses that it brings about.
// Rewrite them with -rewrite.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/scripts/*")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(filepath.Base(path), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, nil)
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
					return h.run(d)
				})
			})
		})
	}
}

// command is one line of a script.
type command struct {
	h *harness
	d *datadriven.TestData
}

func (h *harness) run(d *datadriven.TestData) string {
	cmd := command{h, d}
	if handle, ok := commands[d.Cmd]; ok {
		if out := handle(cmd); out != "" {
			return out
		}
		return h.flush()
	}
	h.t.Fatalf("%s: no command %s", d.Pos, d.Cmd)
	return ""
}

// text gives an argument; $label is the member id of that request.
func (c command) text(key, fallback string) string {
	arg, ok := c.d.Arg(key)
	if !ok {
		return fallback
	}
	if len(arg.Vals) == 0 {
		return ""
	}
	if label, ok := strings.CutPrefix(arg.Vals[0], "$"); ok {
		c.h.mu.Lock()
		defer c.h.mu.Unlock()
		return c.h.memberIDs[label]
	}
	return arg.Vals[0]
}

func (c command) number(key string, fallback int) int {
	text := c.text(key, "")
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		c.h.t.Fatalf("%s: %s=%s", c.d.Pos, key, text)
	}
	return n
}

func (c command) optional(key string) *string {
	if !c.d.HasArg(key) {
		return nil
	}
	value := c.text(key, "")
	return &value
}

func (c command) list(key string) []string {
	arg, _ := c.d.Arg(key)
	return arg.Vals
}

// label names the request: as=..., else the member it is for.
func (c command) label() string {
	arg, ok := c.d.Arg("as")
	if ok {
		return arg.Vals[0]
	}
	return c.d.Cmd
}

func (c command) version(fallback int) int16 { return int16(c.number("v", fallback)) }

// partitions reads topic-partition[:offset[:metadata]] arguments.
func (c command) partitions(each func(name string, partition int32, offset int64, metadata string)) {
	for _, text := range c.list("partitions") {
		parts := strings.SplitN(text, ":", 3)
		name, id, _ := strings.Cut(parts[0], "-")
		partition, _ := strconv.Atoi(id)
		var offset int64
		var metadata string
		if len(parts) > 1 {
			offset, _ = strconv.ParseInt(parts[1], 10, 64)
		}
		if len(parts) > 2 {
			metadata = parts[2]
		}
		each(name, int32(partition), offset, metadata)
	}
}

var commands map[string]func(command) string

func init() {
	commands = map[string]func(command) string{
		"config":           (command).config,
		"restart":          (command).restart,
		"elect":            (command).elect,
		"resign":           (command).resign,
		"advance":          (command).advance,
		"appends":          (command).appends,
		"reads":            (command).reads,
		"log":              (command).log,
		"join":             (command).join,
		"sync":             (command).sync,
		"heartbeat":        (command).heartbeat,
		"leave":            (command).leave,
		"commit":           (command).commit,
		"txn-commit":       (command).txnCommit,
		"end-txn":          (command).endTxn,
		"fetch":            (command).fetch,
		"describe":         (command).describe,
		"list":             (command).listGroups,
		"delete-groups":    (command).deleteGroups,
		"delete-offsets":   (command).deleteOffsets,
		"topics-deleted":   (command).topicsDeleted,
		"compare-restored": (command).compareRestored,
	}
}

func (c command) properties() map[string]string {
	properties := map[string]string{}
	for _, arg := range c.d.CmdArgs {
		properties[arg.Key] = arg.Vals[0]
	}
	return properties
}

func (c command) config() string {
	c.h.restart(c.properties())
	return ""
}

func (c command) restart() string {
	c.h.restart(nil)
	return ""
}

func (c command) elect() string {
	c.h.c.OnElection(0, int32(c.number("epoch", 1)))
	return ""
}

func (c command) resign() string {
	c.h.c.OnResignation(0, nil)
	return ""
}

func (c command) advance() string {
	by, err := time.ParseDuration(c.d.CmdArgs[0].Key)
	if err != nil {
		c.h.t.Fatal(err)
	}
	time.Sleep(by)
	return ""
}

// appends says what becomes of them: succeed, hold, release, release-backwards,
// fail=error, fail-after=error.
func (c command) appends() string {
	log, arg := c.h.log, c.d.CmdArgs[0]
	if strings.HasPrefix(arg.Key, "release") {
		log.release(arg.Key == "release-backwards")
		return ""
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	log.fail, log.failAfter, log.hold = nil, arg.Key == "fail-after", arg.Key == "hold"
	if len(arg.Vals) > 0 {
		for code := int16(1); code < 110; code++ {
			if err := kerr.TypedErrorForCode(code); err != nil && err.Message == arg.Vals[0] {
				log.fail = fmt.Errorf("append: %w", err)
			}
		}
		if log.fail == nil {
			c.h.t.Fatalf("no error %s", arg.Vals[0])
		}
	}
	return ""
}

func (c command) reads() string {
	log := c.h.log
	log.mu.Lock()
	defer log.mu.Unlock()
	switch c.d.CmdArgs[0].Key {
	case "hold":
		log.readGate = make(chan struct{})
	case "release":
		close(log.readGate)
		log.readGate = nil
	}
	return ""
}

// log prints the records.
func (c command) log() string {
	log := c.h.log
	log.mu.Lock()
	defer log.mu.Unlock()
	var lines []string
	tp := topic.Partition{Topic: topic.ConsumerOffsets}
	from := int64(c.number("from", 0))
	for _, batch := range log.batches[tp] {
		if batch.LastOffset() < from {
			continue
		}
		for r, err := range record.Records(batch) {
			if err != nil {
				c.h.t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%d: %s", r.Offset, c.h.mask(describeRecord(batch, &r, c.d.HasArg("timestamps")))))
		}
	}
	if len(lines) == 0 {
		return "nothing"
	}
	return strings.Join(lines, "\n")
}

func describeRecord(batch record.Batch, r *record.Record, timestamps bool) string {
	if batch.IsControl() {
		kind, _ := record.ParseControlKey(r.Key)
		return fmt.Sprintf("%s producer=%d", kind, batch.ProducerID())
	}
	key, err := decodeKey(r.Key)
	if err != nil {
		return err.Error()
	}
	suffix := ""
	if batch.IsTransactional() {
		suffix = fmt.Sprintf(" producer=%d/%d", batch.ProducerID(), batch.ProducerEpoch())
	}
	if key.isOffset {
		prefix := fmt.Sprintf("offset %s %s = ", key.group, key.partition)
		if r.Value == nil {
			return prefix + "tombstone"
		}
		var value kmsg.OffsetCommitValue
		if err := value.ReadFrom(r.Value); err != nil {
			return err.Error()
		}
		if !timestamps {
			value.CommitTimestamp = 0
		}
		return fmt.Sprintf("%sv%d {%s}%s", prefix, value.Version, dump(reflect.ValueOf(value)), suffix)
	}
	if r.Value == nil {
		return fmt.Sprintf("group %s = tombstone", key.group)
	}
	var value kmsg.GroupMetadataValue
	if err := value.ReadFrom(r.Value); err != nil {
		return err.Error()
	}
	if !timestamps {
		value.CurrentStateTimestamp = 0
	}
	return fmt.Sprintf("group %s = v%d {%s}", key.group, value.Version, dump(reflect.ValueOf(value)))
}

func (c command) join() string {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version = c.version(3) // the last without MEMBER_ID_REQUIRED
	req.Group = c.text("group", "g")
	req.MemberID = c.text("member", "")
	if req.InstanceID = c.optional("instance"); req.InstanceID != nil {
		req.Version = c.version(5)
	}
	req.SessionTimeoutMillis = int32(c.number("session", 10000))
	req.RebalanceTimeoutMillis = int32(c.number("rebalance", 60000))
	req.ProtocolType = c.text("type", "consumer")
	protocols := c.list("protocols")
	if !c.d.HasArg("protocols") {
		protocols = []string{"range:" + c.label()}
	}
	for _, p := range protocols {
		name, metadata, _ := strings.Cut(p, ":")
		added := kmsg.NewJoinGroupRequestProtocol()
		added.Name, added.Metadata = name, []byte(metadata)
		if topics, ok := strings.CutPrefix(metadata, "topics:"); ok {
			subscription := kmsg.ConsumerMemberMetadata{Version: 1, Topics: strings.Split(topics, "+")}
			added.Metadata = subscription.AppendTo(nil)
		}
		req.Protocols = append(req.Protocols, added)
	}
	call(c.h, c.label(), c.h.c.JoinGroup, req, c.text("client", "c"))
	return ""
}

func (c command) sync() string {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version = c.version(3)
	req.Group, req.MemberID = c.text("group", "g"), c.text("member", "")
	req.Generation = int32(c.number("generation", 1))
	req.InstanceID = c.optional("instance")
	req.ProtocolType, req.Protocol = c.optional("type"), c.optional("protocol")
	for _, assigned := range c.list("assign") {
		label, assignment, _ := strings.Cut(assigned, ":")
		added := kmsg.NewSyncGroupRequestGroupAssignment()
		added.MemberID, added.MemberAssignment = c.h.memberIDs[label], []byte(assignment)
		req.GroupAssignment = append(req.GroupAssignment, added)
	}
	call(c.h, c.label(), c.h.c.SyncGroup, req, "c")
	return ""
}

func (c command) heartbeat() string {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version = c.version(3)
	req.Group, req.MemberID = c.text("group", "g"), c.text("member", "")
	req.Generation = int32(c.number("generation", 1))
	req.InstanceID = c.optional("instance")
	call(c.h, c.label(), c.h.c.Heartbeat, req, "c")
	return ""
}

func (c command) leave() string {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version = c.version(3)
	req.Group, req.MemberID = c.text("group", "g"), c.text("member", "")
	if req.Version >= 3 {
		added := kmsg.NewLeaveGroupRequestMember()
		added.MemberID, added.InstanceID = req.MemberID, c.optional("instance")
		req.Members = append(req.Members, added)
	}
	call(c.h, c.label(), c.h.c.LeaveGroup, req, "c")
	return ""
}

func (c command) commit() string {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version = c.version(7)
	req.Group, req.MemberID = c.text("group", "g"), c.text("member", "")
	req.Generation = int32(c.number("generation", -1))
	req.InstanceID = c.optional("instance")
	req.RetentionTimeMillis = int64(c.number("retention", -1))
	c.partitions(func(name string, partition int32, offset int64, metadata string) {
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic = name
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = partition, offset
		p.LeaderEpoch = int32(c.number("epoch", -1))
		p.Timestamp = int64(c.number("timestamp", -1))
		if metadata != "" {
			p.Metadata = &metadata
		}
		t.Partitions = append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
	})
	call(c.h, c.label(), c.h.c.OffsetCommit, req, "c")
	return ""
}

func (c command) txnCommit() string {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version = c.version(3)
	req.Group, req.MemberID = c.text("group", "g"), c.text("member", "")
	req.Generation = int32(c.number("generation", -1))
	req.InstanceID = c.optional("instance")
	req.ProducerID, req.ProducerEpoch = int64(c.number("producer", 100)), 2
	c.partitions(func(name string, partition int32, offset int64, metadata string) {
		t := kmsg.NewTxnOffsetCommitRequestTopic()
		t.Topic = name
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch = partition, offset, -1
		if metadata != "" {
			p.Metadata = &metadata
		}
		t.Partitions = append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
	})
	call(c.h, c.label(), c.h.c.TxnOffsetCommit, req, "c")
	return ""
}

// endTxn writes the marker and tells the coordinator, or only the former.
func (c command) endTxn() string {
	producerID, commit := int64(c.number("producer", 100)), c.text("result", "commit") == "commit"
	marker := record.EndTransactionMarker{Type: record.ControlAbort}
	if commit {
		marker.Type = record.ControlCommit
	}
	c.h.log.add(topic.Partition{Topic: topic.ConsumerOffsets}, record.BuildEndTransactionMarker(producerID, 2, now(), marker))
	if !c.d.HasArg("silent") {
		c.h.c.OnTransactionCompleted(producerID, []int32{0}, commit)
	}
	return ""
}

func (c command) fetch() string {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version = c.version(7)
	req.RequireStable = c.d.HasArg("stable")
	req.Group = c.text("group", "g")
	if c.d.HasArg("partitions") {
		req.Topics = []kmsg.OffsetFetchRequestTopic{}
	}
	c.partitions(func(name string, partition int32, _ int64, _ string) {
		req.Topics = append(req.Topics, kmsg.OffsetFetchRequestTopic{Topic: name, Partitions: []int32{partition}})
	})
	for _, id := range c.list("groups") {
		asked := kmsg.NewOffsetFetchRequestGroup()
		asked.Group = id
		for _, t := range req.Topics {
			asked.Topics = append(asked.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: t.Topic, Partitions: t.Partitions})
		}
		req.Groups = append(req.Groups, asked)
	}
	call(c.h, c.label(), c.h.c.OffsetFetch, req, "c")
	return ""
}

func (c command) describe() string {
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Version = c.version(4)
	req.Groups = c.list("groups")
	if req.Groups == nil {
		req.Groups = []string{"g"}
	}
	call(c.h, c.label(), c.h.c.DescribeGroups, req, "c")
	return ""
}

func (c command) listGroups() string {
	req := kmsg.NewPtrListGroupsRequest()
	req.Version = c.version(4)
	req.StatesFilter = c.list("states")
	call(c.h, c.label(), c.h.c.ListGroups, req, "c")
	return ""
}

func (c command) deleteGroups() string {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Version = c.version(1)
	req.Groups = c.list("groups")
	call(c.h, c.label(), c.h.c.DeleteGroups, req, "c")
	return ""
}

func (c command) deleteOffsets() string {
	req := kmsg.NewPtrOffsetDeleteRequest()
	req.Group = c.text("group", "g")
	c.partitions(func(name string, partition int32, _ int64, _ string) {
		req.Topics = append(req.Topics, kmsg.OffsetDeleteRequestTopic{
			Topic: name, Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: partition}}})
	})
	call(c.h, c.label(), c.h.c.OffsetDelete, req, "c")
	return ""
}

func (c command) topicsDeleted() string {
	var partitions []topic.Partition
	c.partitions(func(name string, partition int32, _ int64, _ string) {
		partitions = append(partitions, topic.Partition{Topic: name, Partition: partition})
	})
	c.h.c.OnTopicsDeleted(partitions)
	return ""
}

// compareRestored checks that a new leader would know what this one knows.
func (c command) compareRestored() string {
	ask := func() string {
		c.d.CmdArgs = nil
		c.describe()
		c.fetch()
		return c.h.flush()
	}
	before := ask()
	c.h.restart(nil)
	after := ask()
	if before != after {
		return "before: " + before + "\nafter: " + after
	}
	return "same"
}
