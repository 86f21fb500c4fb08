package zookeeper

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/tools/zookeeper/session"
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
		"delquota":             {usage: "[-n|-b] path", options: []string{"|n", "|b"}, least: 1, run: delQuota},
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
		"setquota":      {usage: "-n|-b val path", options: []string{"|n:", "|b:"}, least: 1, run: setQuota},
		"stat":          {usage: "[-w] path", options: []string{"w"}, least: 1, run: printStat},
		"sync":          {usage: "path", least: 1, run: syncPath},
		"version":       {run: version},
	}
}

func closeSession(s *shell, _ *commandLine) error {
	s.session.Close()
	return nil
}

func connect(s *shell, words []string) error {
	if len(words) > 1 {
		return s.connect(words[1])
	}
	return s.connect(s.host)
}

func quit(s *shell, _ []string) error {
	s.session.Close()
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
	if len(words) > 1 {
		s.printWatches.Store(words[1] == "on")
		return nil
	}
	state := "off"
	if s.printWatches.Load() {
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
	data, stat, err := s.session.Get(line.args[1], watch)
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
	stat, err := s.session.Exists(line.args[1], watch)
	if err == nil && stat == nil {
		err = &session.Error{Code: zkserver.CodeNoNode, Path: line.args[1]}
	}
	if err != nil {
		return err
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
	stat, err := s.session.Set(path, []byte(line.args[2]), version)
	if err != nil {
		return err
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
	return s.session.Delete(path, version)
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
		if s.session.DeleteAll(batch) != nil {
			failed = true
		}
	}
	if failed {
		fmt.Fprintln(s.err, "Failed to delete some node(s) in the subtree!")
	}
	return nil
}

func syncPath(s *shell, line *commandLine) error {
	err := s.session.Sync(line.args[1])
	var code zkserver.Code
	switch {
	case err == nil:
		fmt.Fprintln(s.out, "Sync is OK")
	case errors.As(err, &code):
		fmt.Fprintf(s.out, "Sync has failed. rc=%d\n", code)
	default:
		return err
	}
	return nil
}

func getAllChildrenNumber(s *shell, line *commandLine) error {
	count, err := s.session.AllChildrenNumber(line.args[1])
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, count)
	return nil
}

func getEphemerals(s *shell, line *commandLine) error {
	prefix := "/"
	if len(line.args) > 1 {
		prefix = line.args[1]
	}
	paths, err := s.session.Ephemerals(prefix)
	if err != nil {
		return err
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
	s.session.AddAuth(line.args[1], auth)
	return nil
}

var addWatchModes = map[string]session.AddWatchMode{
	"PERSISTENT": session.Persistent, "PERSISTENT_RECURSIVE": session.PersistentRecursive,
}

func addWatch(s *shell, line *commandLine) error {
	mode, known := session.PersistentRecursive, true
	if line.has("m") {
		mode, known = addWatchModes[strings.ToUpper(line.value["m"])]
	}
	if !known || len(line.args) > 2 {
		return malformed("addWatch %s", commands["addWatch"].usage)
	}
	return s.session.AddWatch(line.args[1], mode)
}

func removeWatches(s *shell, line *commandLine) error {
	kind := session.ChildrenOrData
	switch {
	case line.has("c"):
		kind = session.Children
	case line.has("d"):
		kind = session.Data
	}
	return s.session.RemoveWatches(line.args[1], kind, line.has("l"))
}

func getConfig(s *shell, line *commandLine) error {
	data, stat, err := s.session.Config(line.has("w"))
	if err != nil {
		return err
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
	joining, leaving, list := optional(line, "add"), optional(line, "remove"), (*string)(nil)
	if members {
		servers, err := reconfigMembers(line)
		if err != nil {
			return err
		}
		list = &servers
	}
	stat, err := s.session.Reconfig(joining, leaving, list, version)
	if err != nil {
		return err
	}
	data, _, err := s.session.Config(false)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Committed new configuration:\n%s\n", data)
	if line.has("s") {
		s.printStat(stat)
	}
	return nil
}

// optional gives an option's list of servers, nil if it is not there.
func optional(line *commandLine, option string) *string {
	if !line.has(option) {
		return nil
	}
	list := strings.ToLower(line.value[option])
	return &list
}
