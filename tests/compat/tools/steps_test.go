//go:build peers

package tools

import "strings"

// step is one command line.
type step struct {
	script string
	// line holds the arguments between blanks; \s in one stands for a blank.
	line  string
	input string
	// files are written before the step.
	files map[string]string

	// measures is set where the numbers are measurements.
	measures bool
	// unordered is set where Kafka's own order is that of a race.
	unordered bool
	// until are words after whose line a tool that goes on for ever is ended.
	until string
	// differs tells why what is shown depends on the broker.
	differs string
}

func (s step) arguments() []string {
	arguments := strings.Fields(s.line)
	for i := range arguments {
		arguments[i] = strings.ReplaceAll(arguments[i], "\\s", " ")
	}
	return arguments
}

func (s step) String() string { return strings.TrimSuffix(s.script, ".sh") + " " + s.line }

const (
	topics    = "kafka-topics.sh"
	configs   = "kafka-configs.sh"
	groups    = "kafka-consumer-groups.sh"
	producer  = "kafka-console-producer.sh"
	consumer  = "kafka-console-consumer.sh"
	offsets   = "kafka-get-offsets.sh"
	runClass  = "kafka-run-class.sh"
	bootstrap = "--bootstrap-server BOOTSTRAP "
)

// steps build on one another: each sees what those before it left.
var steps = []step{
	// Topics.
	{script: topics, line: bootstrap + "--create --topic first --partitions 3 --replication-factor 1 --config retention.ms=3600000 --config flush.messages=7"},
	{script: topics, line: bootstrap + "--create --topic second.events"},
	{script: topics, line: bootstrap + "--create --topic second_events"},
	{script: topics, line: bootstrap + "--create --topic single --partitions 1"},
	{script: topics, line: bootstrap + "--create --topic events"},
	{script: topics, line: bootstrap + "--create --topic first"},
	{script: topics, line: bootstrap + "--create --topic first --if-not-exists"},
	{script: topics, line: bootstrap + "--create --topic bad/name"},
	{script: topics, line: bootstrap + "--create --topic wide --replication-factor 3"},
	{script: topics, line: bootstrap + "--create --topic assigned --replica-assignment 0,0"},
	{script: topics, line: bootstrap + "--create --topic odd --config no.such.key=1"},
	{script: topics, line: bootstrap + "--create --topic odd --config retention.ms=soon"},
	{script: topics, line: bootstrap + "--list"},
	{script: topics, line: bootstrap + "--describe"},
	{script: topics, line: bootstrap + "--describe --topic fir.*"},
	{script: topics, line: bootstrap + "--describe --topic none"},
	{script: topics, line: bootstrap + "--describe --topics-with-overrides"},
	{script: topics, line: bootstrap + "--describe --under-replicated-partitions"},
	{script: topics, line: bootstrap + "--describe --at-min-isr-partitions --topic second.*"},
	{script: topics, line: bootstrap + "--alter --topic second.events --partitions 4"},
	{script: topics, line: bootstrap + "--alter --topic second.events --partitions 2"},
	{script: topics, line: bootstrap + "--alter --topic none --partitions 2"},
	{script: topics, line: bootstrap + "--delete --topic none"},
	{script: topics, line: bootstrap + "--create"},
	{script: topics, line: "--list"},

	// Records.
	{script: producer, line: bootstrap + "--topic first", input: "one\ntwo\nthree\n"},
	{script: producer, line: bootstrap + "--topic events --property parse.key=true --property key.separator=:", input: "a:1\nb:2\na:3\n"},
	{script: producer, line: bootstrap + "--topic first --property parse.key=true", input: "no key here\n"},
	{script: consumer, line: bootstrap + "--topic events --group printers --from-beginning --max-messages 3 --property print.key=true --property print.timestamp=true --property print.offset=true --property print.partition=true"},
	{script: consumer, line: bootstrap + "--topic first --partition 1 --offset 5 --timeout-ms 1500"},
	{script: consumer, line: bootstrap + "--topic events --partition 0 --offset earliest --max-messages 1 --formatter kafka.tools.LoggingMessageFormatter", unordered: true},
	{script: consumer, line: bootstrap + "--topic events --group readers --from-beginning --max-messages 3"},
	{script: consumer, line: bootstrap + "--topic first --group readers-of-first --from-beginning --max-messages 3", unordered: true},
	{script: consumer, line: bootstrap},
	{script: offsets, line: bootstrap + "--topic events"},
	{script: offsets, line: bootstrap + "--time earliest --topic-partitions events:0,second.events:0-2"},
	{script: offsets, line: bootstrap + "--topic none"},
	{script: runClass, line: "kafka.tools.GetOffsetShell --broker-list BOOTSTRAP --exclude-internal-topics --time -1 --topic .*events"},

	// Groups.
	{script: groups, line: bootstrap + "--list", unordered: true},
	{script: groups, line: bootstrap + "--list --state", unordered: true},
	{script: groups, line: bootstrap + "--describe --group readers"},
	{script: groups, line: bootstrap + "--describe --group readers --members --verbose"},
	{script: groups, line: bootstrap + "--describe --group readers --state"},
	{script: groups, line: bootstrap + "--describe --group nobody"},
	{script: groups, line: bootstrap + "--reset-offsets --group readers --topic events --to-earliest --dry-run"},
	{script: groups, line: bootstrap + "--reset-offsets --group readers --topic events --shift-by -1 --execute"},
	{script: groups, line: bootstrap + "--reset-offsets --group readers --topic events:0 --to-offset 1 --execute"},
	{script: groups, line: bootstrap + "--reset-offsets --group readers --topic events --to-datetime 2020-01-01T00:00:00.000 --export --dry-run"},
	{script: groups, line: bootstrap + "--reset-offsets --group readers --from-file DIR/reset.csv --execute",
		files: map[string]string{"reset.csv": "events,0,2\nevents,1,0\n"}},
	{script: groups, line: bootstrap + "--reset-offsets --group readers --topic events --by-duration PT1H"},
	{script: groups, line: bootstrap + "--delete-offsets --group readers --topic events"},
	{script: groups, line: bootstrap + "--delete --group readers --group nobody"},
	{script: groups, line: bootstrap + "--reset-offsets --group readers"},

	// Settings.
	{script: configs, line: bootstrap + "--alter --entity-type topics --entity-name assigned --add-config max.message.bytes=20000,cleanup.policy=[compact,delete]"},
	{script: configs, line: bootstrap + "--describe --entity-type topics --entity-name first"},
	{script: configs, line: bootstrap + "--describe --entity-type topics --entity-name first --all"},
	{script: configs, line: bootstrap + "--alter --entity-type topics --entity-name first --delete-config max.message.bytes"},
	{script: configs, line: bootstrap + "--alter --entity-type topics --entity-name first --delete-config max.message.bytes"},
	{script: configs, line: bootstrap + "--alter --entity-type topics --entity-name none --add-config retention.ms=1"},
	{script: configs, line: bootstrap + "--alter --entity-type brokers --entity-name 0 --add-config log.cleaner.io.max.bytes.per.second=1000000"},
	{script: configs, line: bootstrap + "--describe --entity-type brokers --entity-name 0"},
	{script: configs, line: bootstrap + "--describe --entity-type brokers --entity-default"},
	{script: configs, line: bootstrap + "--describe --entity-type brokers --entity-name 0 --all",
		differs: "a JVM broker shows the settings it was started with by the test's script"},
	{script: configs, line: bootstrap + "--alter --entity-type brokers --entity-name 0 --add-config zookeeper.connect=x"},
	{script: configs, line: bootstrap + "--alter --entity-type broker-loggers --entity-name 0 --add-config kafka.log.LogManager=DEBUG"},
	{script: configs, line: bootstrap + "--describe --entity-type nonsense"},

	// The remaining ones.
	{script: "kafka-broker-api-versions.sh", line: bootstrap, differs: "Gregor lists what it serves"},
	{script: "kafka-delete-records.sh", line: bootstrap + "--offset-json-file DIR/offsets.json",
		files: map[string]string{"offsets.json": `{"partitions":[{"topic":"events","partition":0,"offset":1},{"topic":"none","partition":0,"offset":1}],"version":1}`}},
	{script: "kafka-log-dirs.sh", line: bootstrap + "--describe --topic-list events"},
	{script: "kafka-log-dirs.sh", line: bootstrap + "--describe --broker-list 0,7"},
	{script: "kafka-producer-perf-test.sh", line: "--topic first --num-records 500 --record-size 100 --throughput -1 --producer-props bootstrap.servers=BOOTSTRAP acks=1", measures: true},
	{script: "kafka-consumer-perf-test.sh", line: bootstrap + "--topic first --messages 400 --timeout 10000", measures: true},
	{script: "kafka-verifiable-producer.sh", line: bootstrap + "--topic single --max-messages 20 --throughput 1000 --value-prefix 7", measures: true, unordered: true},
	{script: "kafka-verifiable-consumer.sh", line: bootstrap + "--topic single --group-id verifiers --max-messages 20 --reset-policy earliest", measures: true, unordered: true},
	{script: runClass, line: "kafka.tools.EndToEndLatency BOOTSTRAP second.events 100 1 64", measures: true},
	{script: topics, line: bootstrap + "--delete --topic first"},
	{script: topics, line: bootstrap + "--list --exclude-internal"},
}
