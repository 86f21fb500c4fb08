package zkserver

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKafkasOwnFile(t *testing.T) {
	cfg, err := LoadConfig("../../config/zookeeper.properties")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DataDir != "/tmp/zookeeper" || cfg.ClientAddress != ":2181" || cfg.MaxClientCnxns != 0 || len(cfg.Unknown) != 0 {
		t.Errorf("%+v", cfg)
	}
	if least, most := cfg.sessionTimeouts(); least != 6*time.Second || most != time.Minute {
		t.Errorf("session timeouts %v to %v", least, most)
	}
}

func TestEverySettingIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zookeeper.properties")
	text := `dataDir = /data
dataLogDir=/logs
clientPort=2222
clientPortAddress=127.0.0.1
tickTime=500
minSessionTimeout=700
maxSessionTimeout=900
maxClientCnxns=3
maxCnxns=4
globalOutstandingLimit=5
jute.maxbuffer=4096
snapCount=6
snapSizeLimitInKb=7
txnLogSizeLimitInKb=8
preAllocSize=9
forceSync=no
fsync.warningthresholdms=10
autopurge.snapRetainCount=11
autopurge.purgeInterval=12
4lw.commands.whitelist=ruok, stat
DigestAuthenticationProvider.superDigest=super:x
skipACL=yes
extendedTypesEnabled=true
clientTcpKeepAlive=true
znode.container.checkIntervalMs=13
initLimit=5
admin.enableServer=false
someThing=x
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	least, most := cfg.sessionTimeouts()
	got := []any{cfg.DataDir, cfg.DataLogDir, cfg.ClientAddress, cfg.TickTime, least, most, cfg.MaxClientCnxns, cfg.MaxCnxns,
		cfg.GlobalOutstandingLimit, cfg.JuteMaxBuffer, cfg.SnapCount, cfg.SnapSizeLimit, cfg.TxnLogSizeLimit, cfg.PreAllocSize,
		cfg.ForceSync, cfg.FsyncWarningThreshold, cfg.SnapRetainCount, cfg.PurgeInterval, cfg.SuperDigest, cfg.SkipACL,
		cfg.ExtendedTypesEnabled, cfg.TCPKeepAlive, cfg.ContainerCheckInterval, strings.Join(cfg.Whitelist, " "), cfg.Unknown[0]}
	want := []any{"/data", "/logs", "127.0.0.1:2222", 500 * time.Millisecond, 700 * time.Millisecond, 900 * time.Millisecond, 3, 4,
		5, 4096, 6, int64(7 << 10), int64(8 << 10), int64(9 << 10),
		false, 10 * time.Millisecond, 11, 12 * time.Hour, "super:x", true,
		true, true, 13 * time.Millisecond, "srvr ruok stat", "someThing"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestBadConfigurations(t *testing.T) {
	good := map[string]string{"dataDir": "/d", "clientPort": "2181"}
	tests := []struct {
		key, value, want string
	}{
		{"dataDir", "", "dataDir is not set"},
		{"clientPort", "x", `clientPort: For input string: "x"`},
		{"clientPort", "70000", "clientPort"},
		{"tickTime", "0", "tickTime"},
		{"maxSessionTimeout", "1", "minSessionTimeout must not be larger than maxSessionTimeout"},
		{"electionAlg", "1", "Only 3 is supported"},
		{"standaloneEnabled", "maybe", "Invalid option maybe"},
		{"server.1", "localhost:2888:3888", "Apache ZooKeeper"},
		{"dynamicConfigFile", "x", "Apache ZooKeeper"},
		{"standaloneEnabled", "false", "Apache ZooKeeper"},
		{"secureClientPort", "2182", "TLS"},
		{"peerType", "x", "Unrecognised peertype: x"},
	}
	for _, test := range tests {
		properties := map[string]string{test.key: test.value}
		for key, value := range good {
			if key != test.key {
				properties[key] = value
			}
		}
		if _, err := ParseConfig(properties); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s=%s: %v", test.key, test.value, err)
		}
	}
	if _, err := ParseConfig(map[string]string{"dataDir": "/d", "clientPortAddress": "::1"}); !errors.Is(err, ErrConfig) {
		t.Errorf("address without a port: %v", err)
	}
	if _, err := LoadConfig("/nonexistent/zookeeper.properties"); !errors.Is(err, ErrConfig) {
		t.Errorf("missing file: %v", err)
	}
}
