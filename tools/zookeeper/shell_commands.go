package zookeeper

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// command is one the shell knows.
type command struct {
	usage string
	// options are the names parseOptions takes; least is how many arguments
	// there must be.
	options []string
	least   int
	// local runs without a connection, run with one.
	local func(s *shell, words []string) error
	run   func(s *shell, line *commandLine) error
}

var commands map[string]command

func init() {
	// redo runs commands of the table that it is in.
	commands = map[string]command{
		"addWatch": {usage: "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE",
			options: []string{"m:"}, least: 1, run: addWatch},
		"addauth":              {usage: "scheme auth", least: 1, run: addAuth},
		"close":                {run: closeSession},
		"config":               {usage: "[-c] [-w] [-s]", options: []string{"c", "w", "s"}, run: getConfig},
		"connect":              {usage: "host:port", local: connect},
		"create":               {usage: "[-s] [-e] [-c] [-t ttl] path [data] [acl]", options: []string{"s", "e", "c", "t:"}, least: 1, run: create},
		"delete":               {usage: "[-v version] path", options: []string{"v:"}, least: 1, run: deleteNode},
		"deleteall":            {usage: "path [-b batch size]", options: []string{"b:"}, least: 1, run: deleteAll},
		"delquota":             {usage: "[-n|-b] path", options: []string{"n", "b"}, least: 1, run: delQuota},
		"get":                  {usage: "[-s] [-w] path", options: []string{"s", "w"}, least: 1, run: get},
		"getAcl":               {usage: "[-s] path", options: []string{"s"}, least: 1, run: getACL},
		"getAllChildrenNumber": {usage: "path", least: 1, run: getAllChildrenNumber},
		"getEphemerals":        {usage: "path", run: getEphemerals},
		"history":              {local: history},
		"listquota":            {usage: "path", least: 1, run: listQuota},
		"ls":                   {usage: "[-s] [-w] [-R] path", options: []string{"?", "s", "w", "R"}, least: 1, run: list},
		"printwatches":         {usage: "on|off", local: printWatches},
		"quit":                 {local: quit},
		"reconfig": {usage: "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
			options: []string{"s", "v:", "file:", "members:", "add:", "remove:"}, run: reconfig},
		"redo":          {usage: "cmdno", local: redo},
		"removewatches": {usage: "path [-c|-d|-a] [-l]", options: []string{"c", "d", "a", "l"}, least: 1, run: removeWatches},
		"set":           {usage: "[-s] [-v version] path data", options: []string{"s", "v:"}, least: 2, run: set},
		"setAcl":        {usage: "[-s] [-v version] [-R] path acl", options: []string{"s", "v:", "R"}, least: 2, run: setACL},
		"setquota":      {usage: "-n|-b val path", options: []string{"n:", "b:"}, least: 1, run: setQuota},
		"stat":          {usage: "[-w] path", options: []string{"w"}, least: 1, run: printStat},
		"sync":          {usage: "path", least: 1, run: syncPath},
		"version":       {run: version},
	}
}

func closeSession(s *shell, _ *commandLine) error {
	s.disconnect(true)
	return nil
}

func connect(s *shell, words []string) error {
	if len(words) > 1 {
		return s.connect(words[1])
	}
	return s.connect(s.host)
}

func quit(s *shell, _ []string) error {
	s.disconnect(true)
	s.quit = true
	return nil
}

func history(s *shell, _ []string) error {
	for i := max(0, s.count-10); i <= s.count; i++ {
		line, known := s.history[i]
		if !known {
			line = "null"
		}
		fmt.Fprintf(s.out, "%d - %s\n", i, line)
	}
	return nil
}

func redo(s *shell, words []string) error {
	if len(words) < 2 {
		return nil
	}
	i, err := strconv.ParseInt(words[1], 0, 32)
	if err != nil {
		return notANumber(words[1])
	}
	if i < 0 || int(i) >= s.count {
		return malformed("Command index out of range")
	}
	again := splitWords(s.history[int(i)])
	if len(again) > 0 && again[0] == "redo" {
		return malformed("No redoing redos")
	}
	s.history[s.count] = s.history[int(i)]
	return s.run(again)
}

func printWatches(s *shell, words []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(words) > 1 {
		s.printWatches = words[1] == "on"
		return nil
	}
	state := "off"
	if s.printWatches {
		state = "on"
	}
	fmt.Fprintf(s.out, "printwatches is %s\n", state)
	return nil
}

func (s *shell) printStat(stat *zk.Stat) {
	date := func(ms int64) string { return time.UnixMilli(ms).Format(javaDate) }
	fmt.Fprintf(s.out, "cZxid = 0x%x\nctime = %s\nmZxid = 0x%x\nmtime = %s\npZxid = 0x%x\n",
		uint64(stat.Czxid), date(stat.Ctime), uint64(stat.Mzxid), date(stat.Mtime), uint64(stat.Pzxid))
	fmt.Fprintf(s.out, "cversion = %d\ndataVersion = %d\naclVersion = %d\nephemeralOwner = 0x%x\ndataLength = %d\nnumChildren = %d\n",
		stat.Cversion, stat.Version, stat.Aversion, uint64(stat.EphemeralOwner), stat.DataLength, stat.NumChildren)
}

// deprecatedWatch takes the old form "get path watch".
func (s *shell) deprecatedWatch(line *commandLine, name, now string) bool {
	if len(line.args) > 2 {
		fmt.Fprintf(s.err, "'%s path [watch]' has been deprecated. Please use '%s %s path' instead.\n", name, name, now)
		return true
	}
	return line.has("w")
}

func list(s *shell, line *commandLine) error {
	if line.has("?") {
		fmt.Fprint(s.out, "usage: ls [options] path\n -?   help\n -R   recurse\n -s   stat\n -w   watch\n")
	}
	watch := s.deprecatedWatch(line, "ls", "[-w]")
	if line.has("R") {
		return s.visit(line.args[1], watch, func(path string) error {
			fmt.Fprintln(s.out, path)
			return nil
		})
	}
	names, stat, err := s.children(line.args[1], watch)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "[%s]\n", strings.Join(names, ", "))
	if line.has("s") {
		s.printStat(stat)
	}
	return nil
}

func get(s *shell, line *commandLine) error {
	watch := s.deprecatedWatch(line, "get", "[-s] [-w]")
	data, stat, err := s.get(line.args[1], watch)
	if err != nil {
		return err
	}
	s.printData(data)
	if line.has("s") {
		s.printStat(stat)
	}
	return nil
}

func (s *shell) printData(data []byte) {
	if data == nil {
		data = []byte("null")
	}
	fmt.Fprintf(s.out, "%s\n", data)
}

func printStat(s *shell, line *commandLine) error {
	watch := s.deprecatedWatch(line, "stat", "[-w]")
	found, stat, err := s.exists(line.args[1], watch)
	if err != nil {
		return err
	}
	if !found {
		return failure(zk.ErrNoNode, line.args[1])
	}
	s.printStat(stat)
	return nil
}

// versionOption reads -v; without it any version will do.
func versionOption(line *commandLine) (int32, error) {
	if !line.has("v") {
		return -1, nil
	}
	version, err := strconv.ParseInt(line.value["v"], 10, 32)
	if err != nil {
		return 0, notANumber(line.value["v"])
	}
	return int32(version), nil
}

func set(s *shell, line *commandLine) error {
	path := line.args[1]
	version, err := versionOption(line)
	if err != nil {
		return err
	}
	if err := validatePath(path); err != nil {
		return err
	}
	stat, err := s.conn.Set(s.serverPath(path), []byte(line.args[2]), version)
	if err != nil {
		return failure(err, path)
	}
	if line.has("s") {
		s.printStat(stat)
	}
	return nil
}

func deleteNode(s *shell, line *commandLine) error {
	path := line.args[1]
	if len(line.args) > 2 {
		fmt.Fprintln(s.err, "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.")
	}
	version, err := versionOption(line)
	if err != nil {
		return err
	}
	if err := validatePath(path); err != nil {
		return err
	}
	return failure(s.conn.Delete(s.serverPath(path), version), path)
}

// deleteAll removes a subtree, children before parents, in batches.
func deleteAll(s *shell, line *commandLine) error {
	size := 1000
	if line.has("b") {
		n, err := strconv.ParseInt(line.value["b"], 10, 32)
		if err != nil {
			return malformed("-b argument must be an int value")
		}
		size = max(1, int(n))
	}
	paths := []string{line.args[1]}
	for i := 0; i < len(paths); i++ {
		names, _, err := s.children(paths[i], false)
		if err != nil {
			return err
		}
		for _, name := range names {
			paths = append(paths, paths[i]+"/"+name)
		}
	}
	slices.Reverse(paths)
	failed := false
	for batch := range slices.Chunk(paths, size) {
		ops := make([]any, 0, len(batch))
		for _, path := range batch {
			ops = append(ops, &zk.DeleteRequest{Path: s.serverPath(path), Version: -1})
		}
		if _, err := s.conn.Multi(ops...); err != nil {
			failed = true
		}
	}
	if failed {
		fmt.Fprintln(s.err, "Failed to delete some node(s) in the subtree!")
	}
	return nil
}

func syncPath(s *shell, line *commandLine) error {
	path := line.args[1]
	if err := validatePath(path); err != nil {
		return err
	}
	if _, err := s.conn.Sync(s.serverPath(path)); err != nil {
		return failure(err, path)
	}
	fmt.Fprintln(s.out, "Sync is OK")
	return nil
}

// getAllChildrenNumber counts here: the client library has no request for it.
func getAllChildrenNumber(s *shell, line *commandLine) error {
	below, err := s.descendants(line.args[1])
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, len(below))
	return nil
}

// getEphemerals looks for the session's nodes in the tree: the client library has
// no request for them.
func getEphemerals(s *shell, line *commandLine) error {
	prefix := "/"
	if len(line.args) > 1 {
		prefix = line.args[1]
		if err := validatePath(prefix); err != nil {
			return err
		}
	}
	all, err := s.descendants("/")
	if err != nil {
		return err
	}
	var paths []string
	for _, path := range all {
		found, stat, err := s.exists(path, false)
		if err != nil {
			return err
		}
		if found && stat.EphemeralOwner == s.conn.SessionID() && strings.HasPrefix(path, prefix) {
			paths = append(paths, path)
		}
	}
	fmt.Fprintf(s.out, "[%s]\n", strings.Join(paths, ", "))
	return nil
}

func version(s *shell, line *commandLine) error {
	if len(line.args) > 1 {
		return malformed("version ")
	}
	number, rest, _ := strings.Cut(zkserver.Version, "-")
	fmt.Fprintf(s.out, "ZooKeeper CLI version: %s--%s\n", number, rest)
	return nil
}

func addAuth(s *shell, line *commandLine) error {
	var auth []byte
	if len(line.args) > 2 {
		auth = []byte(line.args[2])
	}
	return failure(s.conn.AddAuth(line.args[1], auth), "null")
}

// addWatch is one command of which only the form is known: the client library has
// no persistent watches.
func addWatch(_ *shell, line *commandLine) error {
	if mode := strings.ToUpper(line.value["m"]); line.has("m") && mode != "PERSISTENT" && mode != "PERSISTENT_RECURSIVE" {
		return malformed("addWatch %s", commands["addWatch"].usage)
	}
	return malformed("Persistent watches are not offered by this shell; use 'get -w', 'ls -w' or 'stat -w'")
}

func removeWatches(s *shell, line *commandLine) error {
	path := line.args[1]
	if err := validatePath(path); err != nil {
		return err
	}
	kind := dataWatch | childWatch
	event := "DataWatchRemoved"
	switch {
	case line.has("c"):
		kind, event = childWatch, "ChildWatchRemoved"
	case line.has("d"):
		kind = dataWatch
	}
	s.mu.Lock()
	had := s.watches[path] & kind
	s.mu.Unlock()
	if !s.forget(path, kind) {
		return malformed("KeeperErrorCode = No such watcher for %s", path)
	}
	if had == childWatch {
		event = "ChildWatchRemoved"
	}
	s.printEvent("SyncConnected", event, path)
	return nil
}

func getConfig(s *shell, line *commandLine) error {
	const path = "/zookeeper/config"
	data, stat, err := s.conn.Get(path)
	if err == nil && line.has("w") {
		data, stat, _, err = s.conn.GetW(path)
		s.watched(path, dataWatch)
	}
	if err != nil {
		return failure(err, path)
	}
	if line.has("c") {
		fmt.Fprintln(s.out, clientConfig(string(data)))
	} else {
		s.printData(data)
	}
	if line.has("s") {
		s.printStat(stat)
	}
	return nil
}

// clientConfig picks the clients' addresses and the version out of an ensemble's
// configuration.
func clientConfig(config string) string {
	version := ""
	var addresses []string
	for line := range strings.Lines(config) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "version" {
			version = value
		} else if _, address, found := strings.Cut(value, ";"); found && strings.HasPrefix(key, "server.") {
			addresses = append(addresses, address)
		}
	}
	return version + " " + strings.Join(addresses, ",")
}

func reconfig(s *shell, line *commandLine) error {
	members := line.has("file") || line.has("members")
	switch {
	case !members && !line.has("add") && !line.has("remove"):
		return malformed("reconfig %s", commands["reconfig"].usage)
	case members && (line.has("add") || line.has("remove")):
		return malformed("Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental modes is not allowed)")
	case line.has("file") && line.has("members"):
		return malformed("Can't use -file and -members together (conflicting non-incremental modes)")
	}
	version := int64(-1)
	if line.has("v") {
		var err error
		if version, err = strconv.ParseInt(line.value["v"], 16, 64); err != nil {
			return malformed("-v must be followed by a long (configuration version)")
		}
	}
	var stat *zk.Stat
	var err error
	if members {
		var list []string
		if list, err = reconfigMembers(line); err != nil {
			return err
		}
		stat, err = s.conn.Reconfig(list, version)
	} else {
		stat, err = s.conn.IncrementalReconfig(commaList(line.value["add"]), commaList(line.value["remove"]), version)
	}
	if err != nil {
		return failure(err, "null")
	}
	data, _, err := s.conn.Get("/zookeeper/config")
	if err != nil {
		return failure(err, "null")
	}
	fmt.Fprintf(s.out, "Committed new configuration:\n%s\n", data)
	if line.has("s") {
		s.printStat(stat)
	}
	return nil
}

func commaList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.ToLower(text), ",")
}
