package zkserver

import (
	"fmt"
	"strconv"
	"strings"
)

// A quota on a path is a node below quotaPath with the limits, and beside it one with
// what is used of them, which the server keeps true without transactions (class Quotas).
const (
	quotaLimitNode = "zookeeper_limits"
	quotaStatNode  = "zookeeper_stats"
)

// QuotaLimitPath is the node with the limits for a path and all below it.
func QuotaLimitPath(path string) string { return quotaPath + path + "/" + quotaLimitNode }

// QuotaStatPath is the node with what is used of a path's quota.
func QuotaStatPath(path string) string { return quotaPath + path + "/" + quotaStatNode }

// StatsTrack is a number of nodes and the bytes of their data, -1 for no limit
// (class StatsTrack).
type StatsTrack struct {
	Count, Bytes int64
}

func (t StatsTrack) String() string {
	return fmt.Sprintf("count=%d,bytes=%d", t.Count, t.Bytes)
}

// ParseStatsTrack reads what String wrote; what it does not understand is not limited.
func ParseStatsTrack(data []byte) StatsTrack {
	t := StatsTrack{-1, -1}
	for part := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return r == ',' || r == ';' }) {
		key, value, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(strings.TrimSuffix(value, "="), 10, 64) // 3.8 ends the old fields with one
		if err != nil {
			continue
		}
		switch key {
		case "count":
			t.Count = n
		case "bytes":
			t.Bytes = n
		}
	}
	return t
}

// quotaPart says whether a path is a node of a quota, for which path and which node.
func quotaPart(path string) (quoted, part string) {
	parent, name := splitPath(path)
	quoted, below := strings.CutPrefix(parent, quotaPath)
	if !below || quoted == "" || name != quotaLimitNode && name != quotaStatNode {
		return "", ""
	}
	return quoted, name
}

// setupQuotas finds the quotas of a tree that was loaded and measures their use.
func (t *dataTree) setupQuotas() {
	t.quotas = map[string]struct{}{}
	t.findQuotas(t.lookup(quotaPath), "")
}

func (t *dataTree) findQuotas(n *node, quoted string) {
	n.children.each(func(child *node) bool {
		if child.name == quotaLimitNode && quoted != "" {
			t.quotas[quoted] = struct{}{}
			t.measureQuota(quoted)
		} else {
			t.findQuotas(child, quoted+"/"+child.name)
		}
		return true
	})
}

// quotaCreated takes a new quota into account, or a new node under one.
func (t *dataTree) quotaCreated(path string, n *node) {
	switch quoted, part := quotaPart(path); part {
	case quotaLimitNode:
		t.quotas[quoted] = struct{}{}
		t.onUndo(func() { delete(t.quotas, quoted) })
	case quotaStatNode:
		t.measureQuota(quoted)
	}
	t.useQuota(path, 1, int64(len(n.data)))
}

// quotaDeleted is quotaCreated's opposite.
func (t *dataTree) quotaDeleted(path string, n *node) {
	if quoted, part := quotaPart(path); part == quotaLimitNode {
		delete(t.quotas, quoted)
		t.onUndo(func() { t.quotas[quoted] = struct{}{} })
	}
	t.useQuota(path, -1, -int64(len(n.data)))
}

// quotaOver gives the path whose quota covers another path, the nearest one; "" is none.
func (t *dataTree) quotaOver(path string) string {
	if len(t.quotas) == 0 {
		return ""
	}
	for path != "" {
		if _, has := t.quotas[path]; has {
			return path
		}
		path, _ = splitPath(path)
	}
	return ""
}

// useQuota adds to what is used of the quota that covers a path.
func (t *dataTree) useQuota(path string, count, bytes int64) {
	quoted := t.quotaOver(path)
	if quoted == "" {
		return
	}
	if n := t.lookup(QuotaStatPath(quoted)); n != nil {
		used := ParseStatsTrack(n.data)
		t.setQuotaUse(n, StatsTrack{used.Count + count, used.Bytes + bytes})
	}
}

// measureQuota counts what is used of a quota from nothing.
func (t *dataTree) measureQuota(quoted string) {
	n := t.lookup(QuotaStatPath(quoted))
	if n == nil {
		return
	}
	var used StatsTrack
	for unseen := []*node{t.lookup(quoted)}; len(unseen) > 0; {
		at := unseen[len(unseen)-1]
		unseen = unseen[:len(unseen)-1]
		if at == nil {
			break
		}
		used.Count++
		used.Bytes += int64(len(at.data))
		at.children.each(func(child *node) bool {
			unseen = append(unseen, child)
			return true
		})
	}
	t.setQuotaUse(n, used)
}

func (t *dataTree) setQuotaUse(n *node, used StatsTrack) {
	before, now := n.data, []byte(used.String())
	grown := int64(len(now) - len(before))
	n.data = now
	t.dataBytes += grown
	t.onUndo(func() {
		n.data = before
		t.dataBytes -= grown
	})
}

// warnOfQuota says in the log if a change left more used than its quota allows. That
// is all that happens: limits are not enforced.
func (s *Server) warnOfQuota(path string) {
	quoted := s.tree.quotaOver(path)
	if quoted == "" {
		return
	}
	limits, stats := s.tree.lookup(QuotaLimitPath(quoted)), s.tree.lookup(QuotaStatPath(quoted))
	if limits == nil || stats == nil {
		return
	}
	limit, used := ParseStatsTrack(limits.data), ParseStatsTrack(stats.data)
	if limit.Count > -1 && limit.Count < used.Count {
		s.logger("DataTree").Warnf("Quota exceeded: %s count=%d limit=%d", quoted, used.Count, limit.Count)
	}
	if limit.Bytes > -1 && limit.Bytes < used.Bytes {
		s.logger("DataTree").Warnf("Quota exceeded: %s bytes=%d limit=%d", quoted, used.Bytes, limit.Bytes)
	}
}
