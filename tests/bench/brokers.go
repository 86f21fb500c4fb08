package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
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
const startTimeout = 120 * time.Second

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
}

// startBroker starts a broker with its data in home and with default settings. Both
// log as config/log4j.properties says.
func (b *bench) startBroker(kind kind, home string) (*broker, error) {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(home, "server.properties")
	text := fmt.Sprintf("broker.id=0\nlisteners=PLAINTEXT://%s\nlog.dirs=%s/data\nzookeeper.connect=%s/%s\noffsets.topic.replication.factor=1\n",
		address, home, b.zooKeeper.address, filepath.Base(home))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, err
	}
	logs := filepath.Join(home, "logs")
	environment := append([]string{
		"LOG_DIR=" + logs, "KAFKA_LOG4J_OPTS=-Dkafka.logs.dir=" + logs + " -Dlog4j.configuration=file:config/log4j.properties",
	}, kind.environment...)
	started, err := startProcess(environment, filepath.Join(home, "out"), append(append([]string{}, kind.command...), file)...)
	if err != nil {
		return nil, err
	}
	started.address = address
	return &broker{process: started, kind: kind}, nil
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
