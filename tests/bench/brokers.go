package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// kind is a broker that can be measured. Kafka runs with the options that its own
// scripts give the virtual machine.
type kind struct {
	key, name   string
	command     []string
	environment []string
}

var kinds = []kind{
	{key: "gregor", name: "Gregor", command: []string{"libs/kafka", "kafka.Kafka"}},
	{key: "kafka", name: "Kafka 3.1.0", command: []string{"tests/peers/kafka-server-start.sh"}, environment: []string{
		"KAFKA_HEAP_OPTS=-Xmx1G -Xms1G",
		"KAFKA_JVM_PERFORMANCE_OPTS=-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 " +
			"-XX:+ExplicitGCInvokesConcurrent -XX:MaxInlineLevel=15 -Djava.awt.headless=true",
	}},
}

// startTimeout is how long a server may take to answer.
const startTimeout = 5 * time.Minute

// startZooKeeper starts the ZooKeeper that both brokers use, each below a chroot of
// its own.
func (b *bench) startZooKeeper() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(address)
	file := filepath.Join(b.dir, "zookeeper.properties")
	text := fmt.Sprintf("dataDir=%s/zookeeper\nclientPort=%s\nmaxClientCnxns=0\nadmin.enableServer=false\n", b.dir, port)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	b.zooKeeper, err = startProcess(nil, filepath.Join(b.dir, "zookeeper.out"), "libs/kafka", "org.apache.zookeeper.server.quorum.QuorumPeerMain", file)
	if err != nil {
		return err
	}
	b.zooKeeper.address = address
	connection, err := b.connect(b.zooKeeper)
	if err != nil {
		b.zooKeeper.kill()
		return err
	}
	return connection.Close()
}

// broker is a broker that was started.
type broker struct {
	*process
	kind kind
	id   int
}

// setup is how a broker is started.
type setup struct {
	kind kind
	id   int
	// home has the broker's data and logs, chroot its place in ZooKeeper.
	home, chroot string
	// settings are further lines of its properties, environment further variables.
	settings, environment []string
}

// alone is how the only broker of a cluster is started: with default settings.
func alone(kind kind, home string, settings ...string) setup {
	return setup{kind: kind, home: home, chroot: filepath.Base(home), settings: append(settings, "offsets.topic.replication.factor=1")}
}

// startBroker starts a broker on a free port. Both kinds log as
// config/log4j.properties says.
func (b *bench) startBroker(s setup) (*broker, error) {
	if err := os.MkdirAll(s.home, 0o755); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.home, "server.properties")
	text := fmt.Sprintf("broker.id=%d\nlisteners=PLAINTEXT://%s\nlog.dirs=%s/data\nzookeeper.connect=%s/%s\n%s\n",
		s.id, address, s.home, b.zooKeeper.address, s.chroot, strings.Join(s.settings, "\n"))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, err
	}
	logs := filepath.Join(s.home, "logs")
	environment := slices.Concat([]string{
		"LOG_DIR=" + logs, "KAFKA_LOG4J_OPTS=-Dkafka.logs.dir=" + logs + " -Dlog4j.configuration=file:config/log4j.properties",
	}, s.kind.environment, s.environment)
	started, err := startProcess(environment, filepath.Join(s.home, "out"), append(slices.Clone(s.kind.command), file)...)
	if err != nil {
		return nil, err
	}
	started.address = address
	return &broker{process: started, kind: s.kind, id: s.id}, nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
