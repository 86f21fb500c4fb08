package zookeeper

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-zookeeper/zk"
)

// Where quotas are kept (class Quotas).
const (
	quotaRoot      = "/zookeeper/quota"
	quotaLimitNode = "zookeeper_limits"
	quotaStatNode  = "zookeeper_stats"
)

// statsTrack is a quota or what is used of one.
type statsTrack struct {
	count int64
	bytes int64
}

func (t statsTrack) String() string {
	return fmt.Sprintf("count=%d,bytes=%d", t.count, t.bytes)
}

func parseStatsTrack(data []byte) statsTrack {
	t := statsTrack{-1, -1}
	for part := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return r == ',' || r == ';' }) {
		key, value, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "count":
			t.count = n
		case "bytes":
			t.bytes = n
		}
	}
	return t
}

func setQuota(s *shell, line *commandLine) error {
	path := line.args[1]
	if strings.HasPrefix(path, quotaRoot) {
		fmt.Fprintln(s.err, "cannot set a quota under the path: "+quotaRoot)
		return nil
	}
	limit := statsTrack{-1, -1}
	option, field, size := "b", &limit.bytes, 64
	if !line.has("b") {
		option, field, size = "n", &limit.count, 32
	}
	if !line.has(option) {
		return malformed("org.apache.commons.cli.MissingOptionException: Missing required option: [-b bytes quota, -n num quota]")
	}
	n, err := strconv.ParseInt(line.value[option], 10, size)
	if err != nil {
		return notANumber(line.value[option])
	}
	*field = n
	found, _, err := s.exists(path, false)
	if err != nil {
		return err
	}
	if !found {
		return malformed("%s does not exist.", path)
	}
	if err := s.checkOtherQuotas(path); err != nil {
		return err
	}
	return s.storeQuota(path, limit)
}

// checkOtherQuotas refuses a quota above or below another one.
func (s *shell) checkOtherQuotas(path string) error {
	err := s.visit(quotaRoot+path, false, func(node string) error {
		found, _, err := s.exists(node+"/"+quotaLimitNode, false)
		if err == nil && found && node != quotaRoot+path {
			err = malformed("%s has a child %s which has a quota", path, strings.TrimPrefix(node, quotaRoot))
		}
		return err
	})
	if err != nil && !isMissing(err, quotaRoot+path) {
		return err
	}
	for i, r := range path {
		if r != '/' || i == 0 {
			continue
		}
		found, _, err := s.exists(quotaRoot+path[:i]+"/"+quotaLimitNode, false)
		if err != nil {
			return err
		}
		if found {
			return malformed("%s has a parent %s which has a quota", path, path[:i])
		}
	}
	return nil
}

func (s *shell) storeQuota(path string, limit statsTrack) error {
	node := quotaRoot
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if name == "" {
			continue
		}
		node += "/" + name
		if err := s.createQuotaNode(node, nil); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return failure(err, node)
		}
	}
	limits := node + "/" + quotaLimitNode
	err := s.createQuotaNode(limits, []byte(limit.String()))
	if err == nil {
		return failure(s.createQuotaNode(node+"/"+quotaStatNode, []byte(statsTrack{}.String())), node)
	}
	if !errors.Is(err, zk.ErrNodeExists) {
		return failure(err, limits)
	}
	data, _, err := s.get(limits, false)
	if err != nil {
		return err
	}
	now := parseStatsTrack(data)
	if limit.bytes != -1 {
		now.bytes = limit.bytes
	}
	if limit.count != -1 {
		now.count = limit.count
	}
	_, err = s.conn.Set(s.serverPath(limits), []byte(now.String()), -1)
	return failure(err, limits)
}

func (s *shell) createQuotaNode(path string, data []byte) error {
	_, err := s.conn.Create(s.serverPath(path), data, 0, zk.WorldACL(zk.PermAll))
	return err
}

func listQuota(s *shell, line *commandLine) error {
	path := line.args[1]
	limits := quotaRoot + path + "/" + quotaLimitNode
	fmt.Fprintln(s.err, "absolute path is "+limits)
	for _, part := range []struct{ what, node string }{{"quota", limits}, {"stat", quotaRoot + path + "/" + quotaStatNode}} {
		data, _, err := s.get(part.node, false)
		if isMissing(err, part.node) {
			fmt.Fprintf(s.err, "quota for %s does not exist.\n", path)
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Output %s for %s %s\n", part.what, path, parseStatsTrack(data))
	}
	return nil
}

func delQuota(s *shell, line *commandLine) error {
	path := line.args[1]
	parent := quotaRoot + path
	limits := parent + "/" + quotaLimitNode
	data, _, err := s.get(limits, false)
	if isMissing(err, limits) {
		fmt.Fprintln(s.out, "Quota does not exist for "+path)
		return nil
	}
	if err != nil {
		return err
	}
	limit := parseStatsTrack(data)
	switch {
	case line.has("b"):
		limit.bytes = -1
	case line.has("n"):
		limit.count = -1
	default:
		return s.removeQuota(parent)
	}
	_, err = s.conn.Set(s.serverPath(limits), []byte(limit.String()), -1)
	return failure(err, limits)
}

// removeQuota removes a quota's nodes and the parents that only they needed.
func (s *shell) removeQuota(node string) error {
	names, _, err := s.children(node, false)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.conn.Delete(s.serverPath(node+"/"+name), -1); err != nil {
			return failure(err, node+"/"+name)
		}
	}
	for node != quotaRoot {
		names, _, err := s.children(node, false)
		if err != nil || len(names) > 0 {
			return err
		}
		if err := s.conn.Delete(s.serverPath(node), -1); err != nil {
			return failure(err, node)
		}
		node = node[:strings.LastIndexByte(node, '/')]
	}
	return nil
}
