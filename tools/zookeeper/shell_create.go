package zookeeper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/tools/zookeeper/session"
	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// maxTTL is the longest lifetime a node can be given.
const maxTTL = 1<<40 - 1

func create(s *shell, line *commandLine) error {
	ephemeral, sequential, container := line.has("e"), line.has("s"), line.has("c")
	if container && (ephemeral || sequential) {
		return malformed("-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.")
	}
	ttl, err := ttlOption(line)
	if err != nil {
		return err
	}
	path := line.args[1]
	var data []byte
	if len(line.args) > 2 {
		data = []byte(line.args[2])
	}
	acl := zk.WorldACL(zk.PermAll)
	if len(line.args) > 3 {
		acl = s.parseACL(line.args[3])
	}
	if len(acl) == 0 {
		fmt.Fprintln(s.err, "KeeperErrorCode = InvalidACL")
		return &session.Error{Code: zkserver.CodeInvalidACL}
	}
	created, err := s.session.Create(path, data, acl, createFlags(line), ttl)
	if errors.Is(err, zkserver.CodeInvalidACL) {
		fmt.Fprintf(s.err, "KeeperErrorCode = InvalidACL for %s\n", path)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "Created %s\n", created)
	return nil
}

// createFlags gives the CreateMode that a command line asks for.
func createFlags(line *commandLine) int32 {
	switch {
	case line.has("e") && line.has("s"):
		return zk.FlagEphemeralSequential
	case line.has("e"):
		return zk.FlagEphemeral
	case line.has("c"):
		return zk.FlagContainer
	case line.has("t") && line.has("s"):
		return zk.FlagPersistentSequentialWithTTL
	case line.has("t"):
		return zk.FlagTTL
	case line.has("s"):
		return zk.FlagSequence
	}
	return zk.FlagPersistent
}

func ttlOption(line *commandLine) (int64, error) {
	if !line.has("t") {
		return 0, nil
	}
	ttl, err := strconv.ParseInt(line.value["t"], 10, 64)
	switch {
	case err != nil:
		return 0, malformed("-t argument must be a long value")
	case line.has("e"):
		return 0, malformed("TTLs cannot be used with Ephemeral znodes")
	case line.has("c"):
		return 0, malformed("TTLs cannot be used with Container znodes")
	case ttl < 1 || ttl > maxTTL:
		return 0, malformed("ttl must be positive and cannot be larger than: %d", int64(maxTTL))
	}
	return ttl, nil
}

// permissionLetters are the letters of an ACL's permissions in the order in which
// they are printed.
const permissionLetters = "cdrwa"

var permissionBits = map[rune]int32{
	'c': zk.PermCreate, 'd': zk.PermDelete, 'r': zk.PermRead, 'w': zk.PermWrite, 'a': zk.PermAdmin,
}

// parseACL reads scheme:id:permissions, separated by commas. It complains about
// what it cannot read and leaves that out.
func (s *shell) parseACL(text string) []zk.ACL {
	var acl []zk.ACL
	for item := range strings.SplitSeq(text, ",") {
		first, last := strings.IndexByte(item, ':'), strings.LastIndexByte(item, ':')
		if first == last {
			fmt.Fprintf(s.err, "%s does not have the form scheme:id:perm\n", item)
			continue
		}
		entry := zk.ACL{Scheme: item[:first], ID: item[first+1 : last]}
		for _, letter := range item[last+1:] {
			bit, known := permissionBits[letter]
			if !known {
				fmt.Fprintf(s.err, "Unknown perm type: %c\n", letter)
			}
			entry.Perms |= bit
		}
		acl = append(acl, entry)
	}
	return acl
}

func getACL(s *shell, line *commandLine) error {
	path := line.args[1]
	acl, stat, err := s.session.GetACL(path)
	if err != nil {
		return err
	}
	for _, entry := range acl {
		letters := ""
		for _, letter := range permissionLetters {
			if entry.Perms&permissionBits[letter] != 0 {
				letters += string(letter)
			}
		}
		fmt.Fprintf(s.out, "'%s,'%s\n: %s\n", entry.Scheme, entry.ID, letters)
	}
	if line.has("s") {
		s.printStat(stat)
	}
	return nil
}

func setACL(s *shell, line *commandLine) error {
	path := line.args[1]
	acl := s.parseACL(line.args[2])
	version, err := versionOption(line)
	if err != nil {
		return err
	}
	if len(acl) == 0 {
		return &session.Error{Code: zkserver.CodeInvalidACL}
	}
	if line.has("R") {
		return s.visit(path, false, func(path string) error {
			if _, err := s.session.SetACL(path, acl, version); err != nil {
				fmt.Fprint(s.out, err)
			}
			return nil
		})
	}
	stat, err := s.session.SetACL(path, acl, version)
	if err != nil {
		return err
	}
	if line.has("s") {
		s.printStat(stat)
	}
	return nil
}

// reconfigMembers gives the servers that reconfig names by -members or -file.
func reconfigMembers(line *commandLine) (string, error) {
	if line.has("members") {
		return strings.ToLower(line.value["members"]), nil
	}
	path := line.value["file"]
	file, err := os.Open(path)
	if err != nil {
		return "", malformed("Error processing %s%s", path, fileNotFound(err))
	}
	defer file.Close()
	properties, err := config.ReadProperties(file)
	if err != nil {
		return "", malformed("Error processing %s%s", path, err)
	}
	var members []string
	for key, value := range properties {
		if strings.HasPrefix(key, "server.") {
			members = append(members, key+"="+value)
		}
	}
	slices.Sort(members)
	return strings.Join(members, ","), nil
}

// fileNotFound is the message of a java.io.FileNotFoundException.
func fileNotFound(err error) string {
	var failed *fs.PathError
	if !errors.As(err, &failed) {
		return err.Error()
	}
	reason := failed.Err.Error() // the system's, which begins in lower case in Go
	return fmt.Sprintf("%s (%s)", failed.Path, strings.ToUpper(reason[:1])+reason[1:])
}
