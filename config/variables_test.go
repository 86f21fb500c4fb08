package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestVariablesOfProviders(t *testing.T) {
	directory := t.TempDir()
	secrets := filepath.Join(directory, "secrets.properties")
	if err := os.WriteFile(secrets, []byte("store=top secret\nhost=h1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "password"), []byte("pass"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := filepath.Join(directory, "server.properties")
	text := `zookeeper.connect=${file:` + secrets + `:host}:2181/${none:x}
config.providers=file,dir
config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
config.providers.dir.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider
ssl.keystore.password=${file:` + secrets + `:store}
ssl.key.password=${dir:` + directory + `:password}
broker.rack=${file:` + secrets + `:missing}${dir:` + directory + `:../x}
`
	if err := os.WriteFile(server, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	broker, unknown, err := LoadServerProperties(server, nil)
	if err != nil || len(unknown) > 0 {
		t.Fatalf("unknown %v, %v", unknown, err)
	}
	if ZookeeperConnect.Get(broker) != "h1:2181/${none:x}" || SslKeystorePassword.Get(broker) != "top secret" || SslKeyPassword.Get(broker) != "pass" {
		t.Errorf("%s, %s, %s", ZookeeperConnect.Get(broker), SslKeystorePassword.Get(broker), SslKeyPassword.Get(broker))
	}
	if want := "${file:" + secrets + ":missing}${dir:" + directory + ":../x}"; BrokerRack.Get(broker) != want {
		t.Errorf("%s", BrokerRack.Get(broker))
	}
}

func TestVariablesThatCannotBeRead(t *testing.T) {
	for _, test := range []struct {
		properties map[string]string
		want       string
	}{
		{map[string]string{"a": "${file:/none:x}"}, ""},
		{map[string]string{"config.providers": "file"}, ""},
		{map[string]string{"config.providers": "vault", "config.providers.vault.class": "com.example.Vault"},
			"Invalid value com.example.Vault for configuration config.providers.vault.class: Could not load config provider class or one of its dependencies"},
		{map[string]string{"config.providers": "f", "config.providers.f.class": "org.apache.kafka.common.config.provider.FileConfigProvider", "a": "${f:/none:x}"},
			"Could not read properties from file /none"},
	} {
		got := ""
		if _, err := ResolveVariables(test.properties); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v: %s", test.properties, got)
		}
	}
}
