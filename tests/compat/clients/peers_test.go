//go:build peers

package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/tests/framework"
)

// peer is a client library with the program that tries it.
type peer struct {
	name, version string
	install       string // the argument of install.sh
	command       func(installed string) []string
	environment   func(installed string) []string
}

// peers are all clients, those that take longest first.
var peers = []peer{
	{"pykafka", "2.8.0", "python", python("pykafka_peer.py"), cleanly},
	{"kafkajs", "2.2.4", "kafkajs", node("kafkajs_peer.js"), modules},
	{"kafka-python", "3.0.12", "python", python("kafka_python_peer.py"), cleanly},
	{"confluent-kafka-python", "2.16.1", "python", python("confluent_kafka_peer.py"), cleanly},
	{"Java", "3.1.0", "java", java, nothing},
	{"Java", "3.9.2", "java-3.9", java, nothing},
	{"Java", "4.4.0", "java-4", java, nothing},
	{"aiokafka", "0.14.0", "python", python("aiokafka_peer.py"), cleanly},
	{"sarama", "1.61.1", "go", binary("sarama_peer"), nothing},
	{"franz-go", "1.22.2", "go", binary("franz_peer"), nothing},
	{"kafka-go", "0.4.51", "go", binary("kafka_go_peer"), nothing},
	{"rdkafka", "0.39.0", "rdkafka", binary("rdkafka_peer"), nothing},
	{"confluent-kafka-javascript", "1.10.1", "confluent-javascript", node("confluent_peer.js"), modules},
	{"kcat", "1.7.1", "go", binary("kcat_peer"), nothing},
}

func (p peer) String() string { return p.name + " " + p.version }

func folder() string { return filepath.Join(framework.Root(), "tests", "compat", "clients") }

// java runs the one program with the version's jars.
func java(installed string) []string {
	path := filepath.Join(installed, "libs", "*") + ":" + filepath.Join(filepath.Dir(installed), "java", "classes")
	return []string{"java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", path, "Peer"}
}

func python(program string) func(string) []string {
	return func(installed string) []string {
		return []string{filepath.Join(installed, "bin", "python"), filepath.Join(folder(), "python", program)}
	}
}

// cleanly leaves no compiled modules in the repository.
func cleanly(string) []string { return []string{"PYTHONDONTWRITEBYTECODE=1"} }

func binary(program string) func(string) []string {
	return func(installed string) []string { return []string{filepath.Join(installed, program)} }
}

func node(program string) func(string) []string {
	return func(string) []string { return []string{"node", filepath.Join(folder(), "node", program)} }
}

func modules(installed string) []string {
	return []string{"NODE_PATH=" + filepath.Join(installed, "node_modules")}
}

func nothing(string) []string { return nil }

// TestVersions guards the versions of the results against those that are installed.
func TestVersions(t *testing.T) {
	pins := map[string]string{
		"java": "install.sh", "java-3.9": "install.sh", "java-4": "install.sh", "python": "python/requirements.txt", "go": "go/go.mod",
		"kafkajs": "node/kafkajs/package.json", "confluent-javascript": "node/confluent-javascript/package.json", "rdkafka": "rust/Cargo.toml",
	}
	for _, p := range peers {
		text, err := os.ReadFile(filepath.Join(folder(), pins[p.install]))
		if p.name == "kcat" { // as the system packages it
			text, err = exec.Command("kcat", "-V").CombinedOutput()
		}
		if err != nil || !strings.Contains(string(text), p.version) {
			t.Errorf("%s is not what is installed: %v\n%s", p, err, text)
		}
	}
}
