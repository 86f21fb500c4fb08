package admin

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

// configsIn runs kafka-configs with --zookeeper and the words of a line.
func configsIn(t *testing.T, server *zktest.Server, line string) (exit int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	exit = ConfigCommand(append([]string{"--zookeeper", server.Addr()}, strings.Fields(line)...), &stdout, &stderr)
	const warning = "Warning: --zookeeper is deprecated and will be removed in a future version of Kafka.\nUse --bootstrap-server instead to specify a broker to connect to.\n"
	return exit, strings.TrimPrefix(stdout.String(), warning) + strings.TrimSuffix(stderr.String(), "\n")
}

func zooKeeperOf(t *testing.T, server *zktest.Server) *zkutil.KafkaZkClient {
	t.Helper()
	zk, err := zkutil.Connect(context.Background(), zkutil.Config{Config: zkclient.Config{
		ConnectString: server.Addr(), SessionTimeout: 10 * time.Second, ConnectionTimeout: 10 * time.Second, MaxInFlightRequests: 10, Name: "test",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(zk.Close)
	return zk
}

// The sentences are those of Kafka's tool.
func TestConfigsOfBrokersThatAreDown(t *testing.T) {
	server := zktest.Start(t)
	zk := zooKeeperOf(t, server)
	const only = " Broker configuration operations using ZooKeeper are only supported if the affected broker(s) are not running."
	for _, test := range []struct {
		line string
		exit int
		want string
	}{
		{"--alter --entity-type brokers --entity-name 0 --add-config num.io.threads=9,max.connections=[5]", 0, "Completed updating config for entity: brokers '0'.\n"},
		{"--describe --broker 0", 0, "Configs for brokers '0' are num.io.threads=9,max.connections=5\n"},
		{"--alter --entity-type brokers --entity-default --add-config background.threads=3", 0, "Completed updating config for entity: default brokers.\n"},
		{"--describe --broker-defaults", 0, "Configs for default brokers are background.threads=3\n"},
		{"--describe --entity-type brokers", 1, "Error parsing broker . The broker's Entity Name must be a single integer value"},
		{"--alter --broker 0 --delete-config num.io.threads,nope,neither", 1, "Invalid config(s): nope,neither"},
		{"--alter --broker 0 --delete-config num.io.threads --add-config a=b", 0, "Completed updating config for entity: brokers '0'.\n"},
		{"--describe --broker 0", 0, "Configs for brokers '0' are a=b,max.connections=5\n"},
		{"--alter --broker 0 --add-config listener.name.a.ssl.key.password=x", 1, "requirement failed: password.encoder.secret must be specified to update Set(listener.name.a.ssl.key.password)." +
			" Other password encoder configs like cipher algorithm and iterations may also be specified to override the default encoding parameters." +
			" Password encoder configs will not be persisted in ZooKeeper."},
		{"--describe --topic t", 1, "Invalid entity type topics, the entity type must be one of users, brokers with the --zookeeper argument"},
	} {
		if exit, out := configsIn(t, server, test.line); exit != test.exit || out != test.want {
			t.Errorf("%s: exit %d, %q, want %q", test.line, exit, out, test.want)
		}
	}
	if changes, err := zk.GetChildren(zkdata.ConfigChangesPath); err != nil || len(changes) != 3 {
		t.Errorf("announced: %v, %v", changes, err)
	}
	if exit, out := configsIn(t, server, "--alter --broker 0 --add-config broker.id=5"); exit != 1 ||
		!strings.HasSuffix(out, "\norg.apache.kafka.common.config.ConfigException: Cannot update these configs dynamically: Set(broker.id)") {
		t.Errorf("exit %d, %q", exit, out)
	}

	if err := zk.MakeSurePersistentPathExists(zkdata.BrokerIDsPath); err != nil {
		t.Fatal(err)
	}
	endpoint := zkdata.Endpoint{Host: "localhost", Port: 9092, ListenerName: "PLAINTEXT", SecurityProtocol: "PLAINTEXT"}
	if _, err := zk.RegisterBroker(zkdata.BrokerInfo{Broker: zkdata.Broker{ID: 0, Endpoints: []zkdata.Endpoint{endpoint}}, Version: 5, JMXPort: -1}); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"--describe --broker 0":                              "requirement failed: --bootstrap-server option must be specified to describe brokers - broker 0 is running." + only,
		"--alter --broker-defaults --add-config a=b,c=d":     "requirement failed: --bootstrap-server option must be specified to update brokers configs: {add: {a=b, c=d}, delete: List()} - 1 brokers are running." + only,
		"--alter --broker 0 --delete-config max.connections": "requirement failed: --bootstrap-server option must be specified to update brokers configs: {add: {}, delete: ArrayBuffer(max.connections)} - broker 0 is running." + only,
	} {
		if exit, out := configsIn(t, server, line); exit != 1 || out != want {
			t.Errorf("%s: exit %d, %q, want %q", line, exit, out, want)
		}
	}
	if exit, out := configsIn(t, server, "--describe --broker 1"); exit != 0 || out != "Configs for brokers '1' are \n" {
		t.Errorf("another broker: exit %d, %q", exit, out)
	}
}

func TestScramCredentialsInZooKeeper(t *testing.T) {
	server := zktest.Start(t)
	zk := zooKeeperOf(t, server)
	if exit, out := configsIn(t, server, "--alter --user a*b --add-config SCRAM-SHA-256=[iterations=5000,password=secret]"); exit != 0 || out != "Completed updating config for entity: user-principal 'a*b'.\n" {
		t.Fatalf("exit %d, %q", exit, out)
	}
	settings, err := zk.GetEntityConfigs(zkdata.ConfigTypeUser, "a%2Ab")
	if err != nil {
		t.Fatal(err)
	}
	checkCredential(t, settings["SCRAM-SHA-256"], "secret", 5000)
	if exit, out := configsIn(t, server, "--describe --entity-type users"); exit != 0 || out != "Configs for user-principal 'a*b' are SCRAM-SHA-256="+settings["SCRAM-SHA-256"]+"\n" {
		t.Errorf("exit %d, %q", exit, out)
	}
	const refusal = "requirement failed: --bootstrap-server option must be specified to update users configs: {add: {producer_byte_rate=1}, delete: List()}." +
		" User configuration updates using ZooKeeper are only supported for SCRAM credential updates."
	for line, want := range map[string]string{
		"--alter --user u --add-config producer_byte_rate=1":                       refusal,
		"--alter --user u --add-config SCRAM-SHA-512=secret":                       "Invalid credential property SCRAM_SHA_512=secret",
		"--alter --user u --add-config SCRAM-SHA-512=[iterations=-1,password=x]":   "Invalid credential property SCRAM_SHA_512=iterations=-1,password=x",
		"--alter --user u --add-config SCRAM-SHA-256=[iterations=4095,password=x]": "Iterations 4095 is less than the minimum 4096 required for SCRAM_SHA_256",
		"--alter --user u --delete-config SCRAM-SHA-256":                           "Invalid config(s): SCRAM-SHA-256",
		"--alter --user-defaults --add-config SCRAM-SHA-256=[password=x]":          "requirement failed: Unknown Dynamic Configuration: HashSet(SCRAM-SHA-256).",
	} {
		if exit, out := configsIn(t, server, line); exit != 1 || out != want {
			t.Errorf("%s: exit %d, %q, want %q", line, exit, out, want)
		}
	}
	if exit, _ := configsIn(t, server, "--alter --user a*b --delete-config SCRAM-SHA-256"); exit != 0 {
		t.Error("the credential cannot be deleted")
	}
	if exit, out := configsIn(t, server, "--describe --entity-type users"); exit != 0 || out != "" {
		t.Errorf("a user without settings: exit %d, %q", exit, out)
	}
}

// checkCredential proves a stored credential by the password, as RFC 5802 has it.
func checkCredential(t *testing.T, credential, password string, iterations int) {
	t.Helper()
	fields := map[string]string{}
	for field := range strings.SplitSeq(credential, ",") {
		key, value, _ := strings.Cut(field, "=")
		fields[key] = value
	}
	salt, err := base64.StdEncoding.DecodeString(fields["salt"])
	if err != nil {
		t.Fatal(err)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	sum := func(text string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(sum("Client Key"))
	want := map[string]string{
		"salt": fields["salt"], "iterations": "5000",
		"stored_key": base64.StdEncoding.EncodeToString(stored[:]), "server_key": base64.StdEncoding.EncodeToString(sum("Server Key")),
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}

func TestPasswordsAreStoredEncrypted(t *testing.T) {
	server := zktest.Start(t)
	const name = "listener.name.a.ssl.key.password"
	if exit, out := configsIn(t, server, "--alter --broker 0 --add-config "+name+"=sesame,password.encoder.secret=s,password.encoder.iterations=2000"); exit != 0 {
		t.Fatal(out)
	}
	settings, err := zooKeeperOf(t, server).GetEntityConfigs(zkdata.ConfigTypeBroker, "0")
	if err != nil || len(settings) != 1 {
		t.Fatalf("%v, %v", settings, err)
	}
	fields := map[string]string{}
	for field := range strings.SplitSeq(settings[name], ",") {
		key, value, _ := strings.Cut(field, ":")
		fields[key] = value
	}
	if got := decryptPassword(t, "s", fields, 2000); got != "sesame" {
		t.Errorf("decrypted %q", got)
	}
	for key, want := range map[string]string{"keyFactoryAlgorithm": "PBKDF2WithHmacSHA512", "cipherAlgorithm": "AES/CBC/PKCS5Padding", "keyLength": "128", "iterations": "2000", "passwordLength": "6"} {
		if fields[key] != want {
			t.Errorf("%s: %s, want %s", key, fields[key], want)
		}
	}
}

func decryptPassword(t *testing.T, secret string, fields map[string]string, iterations int) string {
	t.Helper()
	decode := func(name string) []byte {
		data, err := base64.StdEncoding.DecodeString(fields[name])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	key, err := pbkdf2.Key(sha512.New, secret, decode("salt"), iterations, 16)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	text := decode("encryptedPassword")
	cipher.NewCBCDecrypter(block, decode("initializationVector")).CryptBlocks(text, text)
	return string(text[:len(text)-int(text[len(text)-1])])
}
