package zookeeper

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/tools/zookeeper/session"
	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

var errorTexts = map[zkserver.Code]string{
	zkserver.CodeNoNode:                  "Node does not exist: ",
	zkserver.CodeNoChildrenForEphemerals: "Ephemerals cannot have children: ",
	zkserver.CodeNodeExists:              "Node already exists: ",
	zkserver.CodeNotEmpty:                "Node not empty: ",
	zkserver.CodeInvalidACL:              "Acl is not valid : ",
	zkserver.CodeNoAuth:                  "Insufficient permission : ",
	zkserver.CodeBadArguments:            "Arguments are not valid : ",
	zkserver.CodeBadVersion:              "version No is not valid : ",
}

// failure turns an error of the session's into what the shell prints
// (CliWrapperException).
func failure(err error) error {
	var code *session.Error
	var path session.PathError
	switch {
	case errors.As(err, &path):
		return malformed("%s", path)
	case !errors.As(err, &code):
		return err
	}
	if text, known := errorTexts[code.Code]; known {
		return malformed("%s%s", text, cmp.Or(code.Path, "null"))
	}
	return malformed("%s", code)
}

// children gives the sorted names below a node.
func (s *shell) children(path string, watch bool) ([]string, *zk.Stat, error) {
	names, stat, err := s.session.Children(path, watch)
	slices.Sort(names)
	return names, stat, err
}

// visit calls back for a node and all below it: for all children of a node before
// what is below them. Nodes that go away meanwhile are passed over.
func (s *shell) visit(path string, watch bool, node func(path string) error) error {
	if _, _, err := s.session.Get(path, watch); err != nil {
		return err
	}
	if err := node(path); err != nil {
		return err
	}
	return s.visitBelow(path, watch, node)
}

func (s *shell) visitBelow(path string, watch bool, node func(path string) error) error {
	names, _, err := s.children(path, watch)
	if errors.Is(err, zkserver.CodeNoNode) {
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

// javaDate is how Java prints a date.
const javaDate = "Mon Jan 02 15:04:05 MST 2006"
