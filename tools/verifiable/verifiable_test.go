package verifiable

import (
	"bytes"
	"context"
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tools/command"
)

var times = regexp.MustCompile(`"timestamp":\d+`)

func printed(out *bytes.Buffer) string { return times.ReplaceAllString(out.String(), `"timestamp":1`) }

// The events were printed by the Java tools for the same happenings.
func TestProducerEvents(t *testing.T) {
	given, _ := producerParser.Parse(strings.Fields("--topic t --broker-list localhost:1 --value-prefix 7 --repeating-keys 2"), nil, nil)
	var out bytes.Buffer
	client, err := command.NewRecordProducer(map[string]string{"bootstrap.servers": "localhost:1"}, command.RecordProducerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	p := newVerifiableProducer(given, client, &out)
	p.answered(&kgo.Record{Topic: "foo", Value: []byte("0"), Partition: 2, Offset: 5}, nil)
	p.answered(&kgo.Record{Topic: "foo", Key: []byte("1"), Value: []byte("7.1<")}, command.ErrorWith(kerr.InvalidTopicException, "Invalid topics: [t]"))
	p.answered(&kgo.Record{Topic: "foo", Value: []byte("8")}, &command.TimeoutError{Message: "Topic t not present in metadata after 2000 ms."})
	p.events.print(toolData{event("tool_data"), 20, 1, -1, 55.865921787709496})
	p.events.print(toolData{event("tool_data"), 0, 0, -1, javaDouble(math.NaN())})
	p.events.print(event("shutdown_complete"))
	want := `{"timestamp":1,"name":"producer_send_success","key":null,"value":"0","offset":5,"topic":"foo","partition":2}
{"timestamp":1,"name":"producer_send_error","topic":"t","key":"1","value":"7.1<","exception":"class org.apache.kafka.common.errors.InvalidTopicException","message":"Invalid topics: [t]"}
{"timestamp":1,"name":"producer_send_error","topic":"t","key":null,"value":"8","exception":"class org.apache.kafka.common.errors.TimeoutException","message":"Topic t not present in metadata after 2000 ms."}
{"timestamp":1,"name":"tool_data","sent":20,"acked":1,"target_throughput":-1,"avg_throughput":55.865921787709496}
{"timestamp":1,"name":"tool_data","sent":0,"acked":0,"target_throughput":-1,"avg_throughput":"NaN"}
{"timestamp":1,"name":"shutdown_complete"}
`
	if diff := cmp.Diff(want, printed(&out)); diff != "" {
		t.Error(diff)
	}
	var keys []string
	for range 3 {
		keys = append(keys, string(p.nextKey()))
	}
	if diff := cmp.Diff([]string{"0", "1", "0"}, keys); diff != "" {
		t.Error(diff)
	}
}

// polled is a poll with records at offsets 0 and on of partitions of topic c3.
func polled(counts map[int32]int) kgo.Fetches {
	topic := kgo.FetchTopic{Topic: "c3"}
	for partition, count := range counts {
		fetched := kgo.FetchPartition{Partition: partition}
		for offset := range count {
			fetched.Records = append(fetched.Records, &kgo.Record{Topic: "c3", Partition: partition, Offset: int64(offset), Key: []byte("k"), Value: []byte("v")})
		}
		topic.Partitions = append(topic.Partitions, fetched)
	}
	return kgo.Fetches{{Topics: []kgo.FetchTopic{topic}}}
}

func TestConsumerEvents(t *testing.T) {
	var out bytes.Buffer
	c := &verifiableConsumer{events: eventWriter{out: &out}, topic: "c3", maxMessages: 4}
	c.events.print(partitionsEvent{event("partitions_assigned"), partitionNames(map[string][]int32{"c3": {0, 1, 2}})})
	offsets := c.received(polled(map[int32]int{2: 4, 0: 2, 1: 0}))
	if !c.finished() {
		t.Error("not finished at the limit")
	}
	var committed []committedOffset
	for _, next := range offsets {
		committed = append(committed, committedOffset{next.partitionName, next.offset.Offset})
	}
	c.events.print(offsetsCommitted{event("offsets_committed"), committed, nil, true})
	message := "no"
	c.events.print(offsetsCommitted{event("offsets_committed"), committed[:1], &message, false})
	c.events.print(partitionsEvent{event("partitions_revoked"), partitionNames(nil)})
	want := `{"timestamp":1,"name":"partitions_assigned","partitions":[{"topic":"c3","partition":1},{"topic":"c3","partition":0},{"topic":"c3","partition":2}]}
{"timestamp":1,"name":"records_consumed","count":6,"partitions":[{"topic":"c3","partition":0,"count":2,"minOffset":0,"maxOffset":1},{"topic":"c3","partition":2,"count":2,"minOffset":0,"maxOffset":1}]}
{"timestamp":1,"name":"offsets_committed","offsets":[{"topic":"c3","partition":0,"offset":2},{"topic":"c3","partition":2,"offset":2}],"success":true}
{"timestamp":1,"name":"offsets_committed","offsets":[{"topic":"c3","partition":0,"offset":2}],"error":"no","success":false}
{"timestamp":1,"name":"partitions_revoked","partitions":[]}
`
	if diff := cmp.Diff(want, printed(&out)); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	c = &verifiableConsumer{events: eventWriter{out: &out}, maxMessages: -1, verbose: true}
	c.received(polled(map[int32]int{0: 1}))
	if want := `{"timestamp":1,"name":"record_data","key":"k","value":"v","topic":"c3","partition":0,"offset":0}` + "\n"; !strings.HasPrefix(printed(&out), want) {
		t.Error(printed(&out))
	}
}

func TestPartitionsWithoutOffset(t *testing.T) {
	response := kmsg.NewPtrOffsetFetchResponse()
	found := kmsg.NewOffsetFetchResponseTopic()
	found.Topic = "c3"
	for partition := range int32(3) {
		row := kmsg.NewOffsetFetchResponseTopicPartition()
		row.Partition, row.Offset = partition, -1
		found.Partitions = append(found.Partitions, row)
	}
	response.Topics = append(response.Topics, found)
	err := needOffsets(context.Background(), nil, response)
	want := "org.apache.kafka.clients.consumer.NoOffsetForPartitionException: Undefined offset with no reset policy for partitions: [c3-1, c3-0, c3-2]"
	if err == nil || command.ExceptionText(err) != want {
		t.Errorf("%v", err)
	}
	for i := range found.Partitions {
		found.Partitions[i].Offset = 0
	}
	if err := needOffsets(context.Background(), nil, response); err != nil {
		t.Error(err)
	}
}

func TestCommitErrors(t *testing.T) {
	answer := func(code int16) *kmsg.OffsetCommitResponse {
		response := kmsg.NewPtrOffsetCommitResponse()
		response.Topics = []kmsg.OffsetCommitResponseTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitResponseTopicPartition{{}, {ErrorCode: code}}}}
		return response
	}
	for _, test := range []struct {
		response *kmsg.OffsetCommitResponse
		err      error
		want     string
	}{
		{answer(0), nil, ""},
		{answer(kerr.UnknownMemberID.Code), nil, commitOutsideGroup},
		{answer(kerr.IllegalGeneration.Code), nil, commitOutsideGroup},
		{answer(kerr.RebalanceInProgress.Code), nil, commitInRebalance},
		{answer(kerr.GroupAuthorizationFailed.Code), nil, "Group authorization failed."},
		{nil, context.Canceled, commitInRebalance},
		{nil, errors.New("x"), "x"},
	} {
		got := ""
		if err := commitError(test.response, test.err); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// The errors were printed by the Java tools below the same usage.
func TestCommandLines(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	const producerUsage = `usage: verifiable-producer [-h] --topic TOPIC [--max-messages MAX-MESSAGES]
                           [--throughput THROUGHPUT] [--acks ACKS]
                           [--producer.config CONFIG_FILE]
                           [--message-create-time CREATETIME]
                           [--value-prefix VALUE-PREFIX]
                           [--repeating-keys REPEATING-KEYS]
                           (--bootstrap-server HOST1:PORT1[,HOST2:PORT2[...]]
                           | --broker-list HOST1:PORT1[,HOST2:PORT2[...]])
`
	const consumerUsage = `usage: verifiable-consumer [-h] --topic TOPIC --group-id GROUP_ID
                           [--group-instance-id GROUP_INSTANCE_ID]
                           [--max-messages MAX-MESSAGES]
                           [--session-timeout TIMEOUT_MS] [--verbose]
                           [--enable-autocommit]
                           [--reset-policy RESETPOLICY]
                           [--assignment-strategy ASSIGNMENTSTRATEGY]
                           [--consumer.config CONFIG_FILE]
                           (--bootstrap-server HOST1:PORT1[,HOST2:PORT2[...]]
                           | --broker-list HOST1:PORT1[,HOST2:PORT2[...]])
`
	for _, test := range []struct{ args, want string }{
		{"producer --topic t", producerUsage + "verifiable-producer: error:  one  of  the  arguments  --bootstrap-server --\nbroker-list is required\n"},
		{"producer --acks 2", producerUsage + "verifiable-producer: error: argument  --acks:  invalid  choice: '2' (choose\nfrom {0,1,-1})\n"},
		{"producer --topic t --broker-list a:1 --bootstrap-server b:1", producerUsage + "verifiable-producer: error: argument  --bootstrap-server:  not allowed with\nargument --broker-list\n"},
		{"producer --topic t --broker-list a:1 --producer.config /nope", producerUsage + "verifiable-producer: error: /nope\n"},
		{"consumer --topic t --broker-list a:1", consumerUsage + "verifiable-consumer: error: argument --group-id is required\n"},
		{"consumer --topic t --broker-list a:1 --group-id g --consumer.config /nope", consumerUsage + "verifiable-consumer: error: /nope\n"},
		{"consumer --nope", consumerUsage + "verifiable-consumer: error: unrecognized arguments: '--nope'\n\nDid you mean:\n\t--topic\n"},
	} {
		args := strings.Fields(test.args)
		run := VerifiableProducer
		if args[0] == "consumer" {
			run = VerifiableConsumer
		}
		var stdout, stderr bytes.Buffer
		if code := run(args[1:], &stdout, &stderr); code != 1 || stdout.Len() > 0 {
			t.Errorf("%s: %d, %q", test.args, code, stdout.String())
		}
		if diff := cmp.Diff(test.want, stderr.String()); diff != "" {
			t.Errorf("%s: %s", test.args, diff)
		}
	}
}
