//go:build peers

package zookeeper

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
)

// node is all that a client can learn of a znode.
type node struct {
	Data []byte
	Stat zk.Stat
	ACL  []zk.ACL
}

func (n node) String() string {
	data := fmt.Sprintf("%q", n.Data)
	if n.Data == nil {
		data = "null"
	}
	return fmt.Sprintf("%s %+v %v", data, n.Stat, n.ACL)
}

// readTree reads every node. Nodes that vanish meanwhile are left out.
func readTree(t testing.TB, c *zk.Conn) map[string]node {
	t.Helper()
	tree := map[string]node{}
	var visit func(string)
	visit = func(at string) {
		found, err := readNode(c, at)
		if err == nil {
			var children []string
			if children, _, err = c.Children(at); err == nil {
				tree[at] = found
				for _, child := range children {
					visit(path.Join(at, child))
				}
			}
		}
		if err != nil && !errors.Is(err, zk.ErrNoNode) {
			t.Fatalf("%s: %v", at, err)
		}
	}
	visit("/")
	return tree
}

func readNode(c *zk.Conn, at string) (node, error) {
	data, stat, err := c.Get(at)
	if err != nil {
		return node{}, err
	}
	acl, _, err := c.GetACL(at)
	return node{data, *stat, acl}, err
}

// compareTrees names every node that the two do not have alike.
func compareTrees(t testing.TB, want, got map[string]node) {
	t.Helper()
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, at := range slices.Sorted(maps.Keys(all)) {
		w, inWant := want[at]
		g, inGot := got[at]
		switch {
		case !inGot:
			t.Errorf("%s is gone, it was\n  %v", at, w)
		case !inWant:
			t.Errorf("%s is new:\n  %v", at, g)
		case w.String() != g.String():
			t.Errorf("%s was\n  %v\nand is\n  %v", at, w, g)
		}
	}
}

// paths are those of a tree below a prefix.
func paths(tree map[string]node, prefix string) []string {
	var found []string
	for at := range tree {
		if strings.HasPrefix(at, prefix) {
			found = append(found, at)
		}
	}
	slices.Sort(found)
	return found
}
