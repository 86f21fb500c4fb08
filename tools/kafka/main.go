// Kafka is the one program behind bin/: its first argument is the class that
// upstream's script runs, the others are that class's.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/tools/admin"
	"github.com/gregor-broker/gregor/tools/console"
	"github.com/gregor-broker/gregor/tools/dump"
	"github.com/gregor-broker/gregor/tools/perf"
	"github.com/gregor-broker/gregor/tools/verifiable"
	"github.com/gregor-broker/gregor/tools/zookeeper"
)

// class is what a Java class of that name does: it takes the arguments and returns
// the exit code.
type class func(args []string, stdin io.Reader, stdout, stderr io.Writer) int

func withoutInput(run func(args []string, stdout, stderr io.Writer) int) class {
	return func(args []string, _ io.Reader, stdout, stderr io.Writer) int { return run(args, stdout, stderr) }
}

var classes = map[string]class{
	"kafka.Kafka":                                              withoutInput(kafka),
	"kafka.admin.TopicCommand":                                 withoutInput(admin.TopicCommand),
	"kafka.admin.BrokerApiVersionsCommand":                     withoutInput(admin.BrokerAPIVersionsCommand),
	"kafka.admin.ConfigCommand":                                withoutInput(admin.ConfigCommand),
	"kafka.admin.ConsumerGroupCommand":                         withoutInput(admin.ConsumerGroupCommand),
	"kafka.admin.DeleteRecordsCommand":                         withoutInput(admin.DeleteRecordsCommand),
	"kafka.admin.LogDirsCommand":                               withoutInput(admin.LogDirsCommand),
	"kafka.admin.LeaderElectionCommand":                        withoutInput(admin.LeaderElectionCommand),
	"kafka.admin.ReassignPartitionsCommand":                    withoutInput(admin.ReassignPartitionsCommand),
	"kafka.tools.ReplicaVerificationTool":                      withoutInput(admin.ReplicaVerificationTool),
	"kafka.tools.ConsumerPerformance":                          withoutInput(perf.ConsumerPerformance),
	"kafka.tools.DumpLogSegments":                              withoutInput(dump.DumpLogSegments),
	"kafka.tools.EndToEndLatency":                              withoutInput(perf.EndToEndLatency),
	"org.apache.kafka.tools.ProducerPerformance":               withoutInput(perf.ProducerPerformance),
	"org.apache.kafka.tools.VerifiableConsumer":                withoutInput(verifiable.VerifiableConsumer),
	"org.apache.kafka.tools.VerifiableProducer":                withoutInput(verifiable.VerifiableProducer),
	"kafka.tools.GetOffsetShell":                               withoutInput(admin.GetOffsetShell),
	"kafka.tools.ConsoleProducer":                              console.ConsoleProducer,
	"kafka.tools.ConsoleConsumer":                              withoutInput(console.ConsoleConsumer),
	"org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka": zookeeper.ZooKeeperMain,
	"org.apache.zookeeper.server.quorum.QuorumPeerMain":        withoutInput(zookeeper.QuorumPeerMain),
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: kafka CLASS [argument ...]")
		return 1
	}
	main := classes[args[0]]
	if main == nil {
		fmt.Fprintf(os.Stderr, "Error: Could not find or load main class %s\n", args[0])
		return 1
	}
	logging.ConfigureFromEnvironment()
	defer logging.Close()
	return main(args[1:], os.Stdin, os.Stdout, os.Stderr)
}
