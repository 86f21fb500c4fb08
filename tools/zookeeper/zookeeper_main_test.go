package zookeeper

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/zkutil/zktest"
)

// shellRun is what a run of the shell said.
type shellRun struct {
	out, err string
	exit     int
}

func runShell(stdin string, args ...string) shellRun {
	var out, err bytes.Buffer
	exit := ZooKeeperMain(append([]string{"-server"}, args...), strings.NewReader(stdin), &out, &err)
	return shellRun{out.String(), err.String(), exit}
}

const connectedEvent = "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:None path:null\n"

var times = regexp.MustCompile(`time = .*`)

// script runs commands and gives what they print behind the greeting.
func script(t *testing.T, server *zktest.Server, lines ...string) shellRun {
	t.Helper()
	r := runShell(strings.Join(lines, "\n")+"\n", server.Addr())
	greeting := "Connecting to " + server.Addr() + "\nWelcome to ZooKeeper!\nJLine support is disabled\n"
	// The event of the connection comes when it comes, also within the greeting.
	rest, found := strings.CutPrefix(strings.Replace(r.out, connectedEvent, "", 1), greeting)
	if !found {
		t.Fatalf("greeting: %q", r.out)
	}
	r.out = times.ReplaceAllString(rest, "time = T")
	return r
}

func TestCommandsPrintWhatZooKeepersDo(t *testing.T) {
	server := zktest.Start(t)
	tests := []struct {
		lines    []string
		out, err string
		exit     int
	}{
		{[]string{"create /a data", "get /a", "set /a 'two words'", "get -s /a"}, `data
two words
cZxid = 0x2
ctime = T
mZxid = 0x3
mtime = T
pZxid = 0x2
cversion = 0
dataVersion = 1
aclVersion = 0
ephemeralOwner = 0x0
dataLength = 9
numChildren = 0
`, "Created /a\n", 0},
		{[]string{"create /a/n", "get /a/n", "ls /", "ls -R /a", "delete /a/n", "getAllChildrenNumber /"},
			"null\n[a, zookeeper]\n/a\n/a/n\n4\n", "Created /a/n\n", 0},
		{[]string{"create -e -s /a/e- x", "getEphemerals", "create -s /a/"},
			"[/a/e-0000000001]\n", "Created /a/e-0000000001\nCreated /a/0000000002\n", 0},
		{[]string{"create -c /c", "create -t 5 /t"}, "", "Created /c\nKeeperErrorCode = Unimplemented for /t\n", 1},
		{[]string{"getAcl /a", "setAcl /a ip:127.0.0.1:rwa,world:anyone:r", "getAcl /a", "setAcl /a world:anyone:cdrwa"},
			"'world,'anyone\n: cdrwa\n'ip,'127.0.0.1\n: rwa\n'world,'anyone\n: r\n", "", 0},
		{[]string{"addauth digest u:p", "create /secret x auth::cdrwa", "get /secret"}, "x\n", "Created /secret\n", 0},
		{[]string{"get /secret", "deleteall /secret"}, "", "Insufficient permission : /secret\nInsufficient permission : /secret\n", 1},
		{[]string{"get /none", "ls /none", "stat /none", "set /none x", "delete /none", "getAcl /none", "deleteall /none"}, "",
			strings.Repeat("Node does not exist: /none\n", 7), 1},
		{[]string{"create /a", "delete /a", "set -v 9 /a x", "delete -v 9 /a"}, "",
			"Node already exists: /a\nNode not empty: /a\nversion No is not valid : /a\nversion No is not valid : /a\n", 1},
		{[]string{"create /x x bad", "create /x x ip:nonsense:r", "create -e /e", "create /e/child"}, "",
			"bad does not have the form scheme:id:perm\nKeeperErrorCode = InvalidACL\nAcl is not valid : null\nKeeperErrorCode = InvalidACL for /x\nAcl is not valid : /x\n" +
				"Created /e\nEphemerals cannot have children: /e/child\n", 1},
		{[]string{"ls a", "ls /a/", "get \"\"", "get /a//b", "get /a/../b"}, "",
			"Path must start with / character\nPath must not end with / character\nPath length must be > 0\n" +
				"Invalid path string \"/a//b\" caused by empty node name specified @3\n" +
				"Invalid path string \"/a/../b\" caused by relative paths not allowed @4\n", 1},
		{[]string{"get", "set /a", "create", "ls -z /", "set /a x -v"}, "",
			"get [-s] [-w] path\nset [-s] [-v version] path data\ncreate [-s] [-e] [-c] [-t ttl] path [data] [acl]\n" +
				"org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: -z\n" +
				"org.apache.commons.cli.MissingArgumentException: Missing argument for option: v\n", 1},
		{[]string{"printwatches", "sync /any", "version", "config", "ls /zookeeper watch"},
			"printwatches is on\nSync is OK\nZooKeeper CLI version: 3.6.3--6401e4ad2087061bc6b9f80dec2d69f2e3c8660a, built on 04/08/2021 16:35 GMT\n\n[config, quota]\n",
			"'ls path [watch]' has been deprecated. Please use 'ls [-w] path' instead.\n", 0},
		{[]string{"ls /none", "history", "redo 0", "redo 3", "redo x"}, "0 - ls /none\n1 - history\n",
			"Node does not exist: /none\nNode does not exist: /none\nCommand index out of range\n" +
				"Exception in thread \"main\" java.lang.NumberFormatException: For input string: \"x\"\n", 1},
		{[]string{"setquota -n 5 /a", "setquota -b 7 /a", "listquota /a", "setquota -n 1 /a/x", "delquota -n /a", "listquota /a", "delquota /a", "delquota /a", "ls /zookeeper/quota"},
			"Output quota for /a count=5,bytes=7\nOutput stat for /a count=3,bytes=10\n" +
				"Output quota for /a count=-1,bytes=7\nOutput stat for /a count=3,bytes=10\nQuota does not exist for /a\n[]\n",
			"absolute path is /zookeeper/quota/a/zookeeper_limits\n/a/x does not exist.\nabsolute path is /zookeeper/quota/a/zookeeper_limits\n", 0},
		{[]string{"reconfig -add server.1=a", "reconfig -file /none", "setquota -n 1 -b 2 /a", "reconfig", "addWatch -m often /a", "addWatch /a /b"}, "",
			"KeeperErrorCode = Reconfig is disabled\nError processing /none/none (No such file or directory)\n" +
				"org.apache.commons.cli.AlreadySelectedException: The option 'b' was specified but an option from this group has already been selected: 'n'\nreconfig " + commands["reconfig"].usage + "\n" +
				strings.Repeat("addWatch "+commands["addWatch"].usage+"\n", 2), 1},
		{[]string{"deleteall /a -b 1", "ls /"}, "[c, e, secret, zookeeper]\n", "", 0},
	}
	for _, test := range tests {
		r := script(t, server, test.lines...)
		if r.out != test.out || r.err != test.err || r.exit != test.exit {
			t.Errorf("%v\n out %q\nwant %q\n err %q\nwant %q\nexit %d, want %d", test.lines, r.out, test.out, r.err, test.err, r.exit, test.exit)
		}
	}
}

// nodeEvent is how an event of a node is printed.
func nodeEvent(name, path string) string {
	return "\nWATCHER::\n\nWatchedEvent state:SyncConnected type:" + name + " path:" + path + "\n"
}

func TestWatchesArePrinted(t *testing.T) {
	server := zktest.Start(t)
	r := script(t, server, "create /a", "get -w /a", "set /a x", "set /a y", "get -w /a", "removewatches /a -d", "set /a z",
		"removewatches /a", "ls -w /a", "create /a/b", "close", "ls /")
	want := "null\n" + nodeEvent("NodeDataChanged", "/a") + "y\n" + nodeEvent("DataWatchRemoved", "/a") + "[]\n" +
		nodeEvent("NodeChildrenChanged", "/a") + "\nWATCHER::\n\nWatchedEvent state:Closed type:None path:null\nNot connected\n"
	if r.out != want {
		t.Errorf("out %q, want %q", r.out, want)
	}
	if !strings.Contains(r.err, "KeeperErrorCode = No such watcher for /a\n") {
		t.Errorf("err %q", r.err)
	}
}

func TestPersistentWatchesArePrinted(t *testing.T) {
	server := zktest.Start(t)
	r := script(t, server, "create /a", "addWatch /a", "set /a x", "create /a/b", "set /a/b y", "removewatches /a -c", "removewatches /a", "set /a z",
		"addWatch -m persistent /n", "create /n", "create /n/c", "set /n/c x", "removewatches /n", "removewatches /n")
	want := nodeEvent("NodeDataChanged", "/a") + nodeEvent("NodeCreated", "/a/b") + nodeEvent("NodeDataChanged", "/a/b") + nodeEvent("PersistentWatchRemoved", "/a") +
		nodeEvent("NodeCreated", "/n") + nodeEvent("NodeChildrenChanged", "/n") + nodeEvent("PersistentWatchRemoved", "/n")
	if r.out != want {
		t.Errorf("out %q, want %q", r.out, want)
	}
	if strings.Count(r.err, "KeeperErrorCode = No such watcher for /") != 2 {
		t.Errorf("err %q", r.err)
	}
}

func TestOneCommand(t *testing.T) {
	server := zktest.Start(t)
	if r := runShell("", server.Addr(), "create", "/a", "x"); r.exit != 0 || r.err != "Created /a\n" {
		t.Errorf("%+v", r)
	}
	want := "Connecting to " + server.Addr() + "\n" + connectedEvent + "x\n"
	if r := runShell("", server.Addr(), "get", "/a"); r.exit != 0 || r.out != want {
		t.Errorf("%+v, want %q", r, want)
	}
	if r := runShell("", server.Addr()+"/a", "create", "/b"); r.exit != 0 || r.err != "Created /b\n" {
		t.Errorf("%+v", r)
	}
	if r := runShell("", server.Addr()+"/a", "ls", "-R", "/"); !strings.HasSuffix(r.out, "path:null\n/\n/b\n") {
		t.Errorf("%+v", r)
	}
	r := runShell("", server.Addr(), "foo")
	if r.exit != 127 || !strings.HasPrefix(r.err, "ZooKeeper -server host:port [-zk-tls-config-file <file>] cmd args\n\taddWatch ") ||
		!strings.HasSuffix(r.err, "\tversion \nCommand not found: Command not found foo\n") {
		t.Errorf("%+v", r)
	}
	if r := runShell("", server.Addr(), "-zk-tls-config-file"); r.exit != 1 || !strings.Contains(r.err, "Error: no filename provided with option -zk-tls-config-file") {
		t.Errorf("%+v", r)
	}
}

func TestNoServer(t *testing.T) {
	server := zktest.Start(t)
	server.Stop()
	if r := runShell("", server.Addr(), "ls", "/"); r.exit != 1 || r.err != "KeeperErrorCode = ConnectionLoss for /\n" || strings.Contains(r.out, "SyncConnected") {
		t.Errorf("%+v", r)
	}
}

func TestTLSSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tls.properties")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("zookeeper.ssl.client.enable=false\n")
	if s, err := TLSConfig(path); err != nil || s != nil {
		t.Errorf("off: %+v, %v", s, err)
	}
	write("zookeeper.ssl.client.enable=true\nzookeeper.ssl.truststore.location=/store.jks\n")
	if _, err := TLSConfig(path); err == nil || !strings.Contains(err.Error(), "PEM") {
		t.Errorf("JKS: %v", err)
	}
	if _, err := TLSConfig(path + ".none"); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestSplitWords(t *testing.T) {
	tests := map[string][]string{
		"ls /":                  {"ls", "/"},
		"  set  /a 'x y' \"z\"": {"set", "/a", "x y", "z"},
		"a\"b c\"":              {"a\"b", "c\""},
		"'open x":               {"open", "x"},
		"set /a ''":             {"set", "/a", ""},
	}
	for line, want := range tests {
		if got := splitWords(line); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestParseOptions(t *testing.T) {
	l, err := parseOptions([]string{"create", "/a", "-se", "-t", "-5", "data"}, "s", "e", "t:")
	if err != nil || !l.has("s") || !l.has("e") || l.value["t"] != "-5" || fmt.Sprint(l.args) != "[create /a data]" {
		t.Errorf("%+v, %v", l, err)
	}
}
