package zkserver

import (
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// ask sends the first bytes of a connection and reads until the server closes it.
func ask(t *testing.T, s *Server, packet string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(packet)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestFourLetterWords(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	c.mustCall(opCreate, createBody("/e", "x", flagEphemeral))
	c.mustCall(opGetData, pathBody("/e", true))
	tests := map[string]string{
		"ruok":                                 `^imok$`,
		"ruok\n":                               `^imok$`,
		"isro":                                 `^rw$`,
		"stmk\x00\x00\x00\x00\x00\x00\x01\x32": `^306$`,
		"srvr":                                 `^Zookeeper version: 3\.6\.3-\w+, built on .*\nLatency min/avg/max: \d+/\d+\.\d+/\d+\nReceived: \d+\nSent: \d+\nConnections: \d+\nOutstanding: 0\nZxid: 0x2\nMode: standalone\nNode count: 6\n$`,
		"stat":                                 `(?s)^Zookeeper version: .*\nClients:\n /127.0.0.1:\d+\[1\]\(queued=0,recved=3,sent=3\)\n /127.*\[0\].*\n\nLatency`,
		"cons":                                 `sid=0x1\w+,lop=GETD,est=\d+,to=10000,lcxid=0x2,lzxid=0x2,lresp=\d+,llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+\)\n`,
		"conf":                                 `^clientPort=\d+\nsecureClientPort=-1\ndataDir=/.*/version-2\ndataDirSize=\d+\ndataLogDir=.*\ndataLogSize=\d+\ntickTime=100\nmaxClientCnxns=0\nminSessionTimeout=200\nmaxSessionTimeout=60000\nclientPortListenBacklog=-1\nserverId=0\n$`,
		"dirs":                                 `^datadir_size: \d+\nlogdir_size: \d+\n$`,
		"dump":                                 `^SessionTracker dump:\nSession Sets \(1\)/\(1\):\n1 expire at .*:\n\t0x1\w+\nephemeral nodes dump:\nSessions with Ephemerals \(1\):\n0x1\w+:\n\t/e\nConnections dump:\nConnections Sets \(1\)/\(1\):\n`,
		"envi":                                 `^Environment:\nzookeeper.version=3.6.3`,
		"wchs":                                 `^1 connections watching 1 paths\nTotal watches:1\n$`,
		"wchc":                                 `^0x1\w+\n\t/e\n\n$`,
		"wchp":                                 `^/e\n\t0x1\w+\n\n$`,
		"mntr":                                 `^zk_version\t3\.6\.3.*\nzk_server_state\tstandalone\n(zk_\w+\t[\d.]+\n)+$`,
	}
	for packet, want := range tests {
		if got := ask(t, s, packet); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%q answered\n%s\nwant %s", packet, got, want)
		}
	}
	for packet, want := range map[string]string{"crst": "Connection stats reset.\n", "srst": "Server stats reset.\n"} {
		if got := ask(t, s, packet); got != want {
			t.Errorf("%q answered %q", packet, got)
		}
	}
	if got := ask(t, s, "mntr"); !strings.Contains(got, "zk_znode_count\t6\n") || !strings.Contains(got, "zk_approximate_data_size\t47\n") {
		t.Errorf("mntr %s", got)
	}
}

func TestOnlyWhitelistedWordsAreAnswered(t *testing.T) {
	cfg := testConfig(t)
	cfg.Whitelist = DefaultConfig().Whitelist
	s := startServer(t, cfg)
	for _, packet := range []string{"ruok", "stmk\x00\x00\x00\x00\x00\x00\x00\x00"} {
		want := packet[:4] + " is not executed because it is not in the whitelist.\n"
		if got := ask(t, s, packet); got != want {
			t.Errorf("%q answered %q", packet, got)
		}
	}
	stats, ok := zk.FLWSrvr([]string{s.Addr()}, 10*time.Second)
	if !ok || stats[0].Mode != zk.ModeStandalone || stats[0].NodeCount != 5 {
		t.Errorf("client library reads srvr as %+v", stats)
	}
}
