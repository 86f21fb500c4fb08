package zookeeper

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// validatePath refuses what cannot be a node's path, in the words of ZooKeeper's
// PathUtils.
func validatePath(path string) error {
	switch {
	case path == "":
		return malformed("Path length must be > 0")
	case path[0] != '/':
		return malformed("Path must start with / character")
	case path == "/":
		return nil
	case strings.HasSuffix(path, "/"):
		return malformed("Path must not end with / character")
	}
	reason := ""
	for i, r := range path {
		component, _, _ := strings.Cut(path[i+utf8.RuneLen(r):], "/")
		switch {
		case r == 0:
			reason = fmt.Sprintf("null character not allowed @%d", i)
		case r == '/' && component == "":
			reason = fmt.Sprintf("empty node name specified @%d", i+1)
		case r == '/' && (component == "." || component == ".."):
			reason = fmt.Sprintf("relative paths not allowed @%d", i+len(component))
		case r <= 0x1f || r >= 0x7f && r <= 0x9f || r >= 0xd800 && r <= 0xf8ff || r >= 0xfff0:
			reason = fmt.Sprintf("invalid character @%d", i)
		default:
			continue
		}
		return malformed("Invalid path string %q caused by %s", path, reason)
	}
	return nil
}

// serverPath puts the chroot in front of a path.
func (s *shell) serverPath(path string) string {
	if s.chroot == "" {
		return path
	}
	if path == "/" {
		return s.chroot
	}
	return s.chroot + path
}

func (s *shell) clientPath(path string) string {
	if s.chroot == "" {
		return path
	}
	if path = strings.TrimPrefix(path, s.chroot); path == "" {
		return "/"
	}
	return path
}

var errorTexts = []struct {
	err  error
	text string
}{
	{zk.ErrNoNode, "Node does not exist: "},
	{zk.ErrNoChildrenForEphemerals, "Ephemerals cannot have children: "},
	{zk.ErrNodeExists, "Node already exists: "},
	{zk.ErrNotEmpty, "Node not empty: "},
	{zk.ErrInvalidACL, "Acl is not valid : "},
	{zk.ErrNoAuth, "Insufficient permission : "},
	{zk.ErrBadArguments, "Arguments are not valid : "},
	{zk.ErrBadVersion, "version No is not valid : "},
	{zk.ErrSessionExpired, "KeeperErrorCode = Session expired for "},
	{zk.ErrAuthFailed, "KeeperErrorCode = AuthFailed for "},
	{zk.ErrNoServer, "KeeperErrorCode = ConnectionLoss for "},
	{zk.ErrConnectionClosed, "KeeperErrorCode = ConnectionLoss for "},
	{zk.ErrClosing, "KeeperErrorCode = ConnectionLoss for "},
}

// failure turns the client's error into what the shell prints.
func failure(err error, path string) error {
	var known *commandError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, zk.ErrReconfigDisabled):
		return malformed("KeeperErrorCode = Reconfig is disabled")
	}
	for _, e := range errorTexts {
		if errors.Is(err, e.err) {
			return malformed("%s%s", e.text, path)
		}
	}
	if number, unknown := strings.CutPrefix(err.Error(), "unknown error: "); unknown {
		if code, parseErr := strconv.ParseInt(number, 10, 32); parseErr == nil {
			err = zkserver.Code(code)
		}
	}
	return malformed("%s for %s", err, path)
}

func (s *shell) children(path string, watch bool) ([]string, *zk.Stat, error) {
	if err := validatePath(path); err != nil {
		return nil, nil, err
	}
	var names []string
	var stat *zk.Stat
	var err error
	if watch {
		names, stat, _, err = s.conn.ChildrenW(s.serverPath(path))
	} else {
		names, stat, err = s.conn.Children(s.serverPath(path))
	}
	if err != nil {
		return nil, nil, failure(err, path)
	}
	if watch {
		s.watched(path, childWatch)
	}
	slices.Sort(names)
	return names, stat, nil
}

func (s *shell) get(path string, watch bool) ([]byte, *zk.Stat, error) {
	if err := validatePath(path); err != nil {
		return nil, nil, err
	}
	var data []byte
	var stat *zk.Stat
	var err error
	if watch {
		data, stat, _, err = s.conn.GetW(s.serverPath(path))
	} else {
		data, stat, err = s.conn.Get(s.serverPath(path))
	}
	if err == nil && watch {
		s.watched(path, dataWatch)
	}
	return data, stat, failure(err, path)
}

func (s *shell) exists(path string, watch bool) (bool, *zk.Stat, error) {
	if err := validatePath(path); err != nil {
		return false, nil, err
	}
	var found bool
	var stat *zk.Stat
	var err error
	if watch {
		found, stat, _, err = s.conn.ExistsW(s.serverPath(path))
	} else {
		found, stat, err = s.conn.Exists(s.serverPath(path))
	}
	if err == nil && watch {
		s.watched(path, dataWatch)
	}
	return found, stat, failure(err, path)
}

// visit calls back for a node and all below it: for all children of a node before
// what is below them. Nodes that go away meanwhile are passed over.
func (s *shell) visit(path string, watch bool, node func(path string) error) error {
	if _, _, err := s.get(path, watch); err != nil {
		return err
	}
	if err := node(path); err != nil {
		return err
	}
	return s.visitBelow(path, watch, node)
}

func (s *shell) visitBelow(path string, watch bool, node func(path string) error) error {
	names, _, err := s.children(path, watch)
	if isMissing(err, path) {
		return nil
	}
	if err != nil {
		return err
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(path, "/") + "/" + name
		if err := node(names[i]); err != nil {
			return err
		}
	}
	for _, child := range names {
		if err := s.visitBelow(child, watch, node); err != nil {
			return err
		}
	}
	return nil
}

// descendants lists the paths below a node, leaving out what may not be read.
func (s *shell) descendants(path string) ([]string, error) {
	names, _, err := s.children(path, false)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range names {
		child := strings.TrimSuffix(path, "/") + "/" + name
		all = append(all, child)
		below, err := s.descendants(child)
		if err != nil && !isMissing(err, child) && err.Error() != failure(zk.ErrNoAuth, child).Error() {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

func isMissing(err error, path string) bool {
	missing := failure(zk.ErrNoNode, path)
	return err != nil && err.Error() == missing.Error()
}

// javaDate is how Java prints a date.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"
