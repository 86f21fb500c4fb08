package zookeeper

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// quotaRoot is below which quotas are kept.
const quotaRoot = "/zookeeper/quota"

func setQuota(s *shell, line *commandLine) error {
	path := line.args[1]
	if strings.HasPrefix(path, quotaRoot) {
		fmt.Fprintln(s.err, "cannot set a quota under the path: "+quotaRoot)
		return nil
	}
	limit := zkserver.StatsTrack{Count: -1, Bytes: -1}
	option, field, size := "b", &limit.Bytes, 64
	if !line.has("b") {
		option, field, size = "n", &limit.Count, 32
	}
	if !line.has(option) {
		return malformed("org.apache.commons.cli.MissingOptionException: Missing required option: [-b bytes quota, -n num quota]")
	}
	n, err := strconv.ParseInt(line.value[option], 10, size)
	if err != nil {
		return notANumber(line.value[option])
	}
	*field = n
	stat, err := s.session.Exists(path, false)
	if err != nil {
		return err
	}
	if stat == nil {
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
		below := strings.TrimPrefix(node, quotaRoot)
		stat, err := s.session.Exists(zkserver.QuotaLimitPath(below), false)
		if stat != nil && below != path {
			return malformed("%s has a child %s which has a quota", path, below)
		}
		return err
	})
	if err != nil && !errors.Is(err, zkserver.CodeNoNode) {
		return err
	}
	for i, r := range path {
		if r != '/' || i == 0 {
			continue
		}
		stat, err := s.session.Exists(zkserver.QuotaLimitPath(path[:i]), false)
		if err != nil {
			return err
		}
		if stat != nil {
			return malformed("%s has a parent %s which has a quota", path, path[:i])
		}
	}
	return nil
}

func (s *shell) storeQuota(path string, limit zkserver.StatsTrack) error {
	node := quotaRoot
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if name == "" {
			continue
		}
		node += "/" + name
		if err := s.createQuotaNode(node, nil); err != nil && !errors.Is(err, zkserver.CodeNodeExists) {
			return err
		}
	}
	limits := zkserver.QuotaLimitPath(path)
	err := s.createQuotaNode(limits, []byte(limit.String()))
	if err == nil {
		return s.createQuotaNode(zkserver.QuotaStatPath(path), []byte(zkserver.StatsTrack{}.String()))
	}
	if !errors.Is(err, zkserver.CodeNodeExists) {
		return err
	}
	data, _, err := s.session.Get(limits, false)
	if err != nil {
		return err
	}
	now := zkserver.ParseStatsTrack(data)
	if limit.Bytes != -1 {
		now.Bytes = limit.Bytes
	}
	if limit.Count != -1 {
		now.Count = limit.Count
	}
	_, err = s.session.Set(limits, []byte(now.String()), -1)
	return err
}

func (s *shell) createQuotaNode(path string, data []byte) error {
	_, err := s.session.Create(path, data, zk.WorldACL(zk.PermAll), zk.FlagPersistent, 0)
	return err
}

func listQuota(s *shell, line *commandLine) error {
	path := line.args[1]
	limits := zkserver.QuotaLimitPath(path)
	fmt.Fprintln(s.err, "absolute path is "+limits)
	for _, part := range []struct{ what, node string }{{"quota", limits}, {"stat", zkserver.QuotaStatPath(path)}} {
		data, _, err := s.session.Get(part.node, false)
		if errors.Is(err, zkserver.CodeNoNode) {
			fmt.Fprintf(s.err, "quota for %s does not exist.\n", path)
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "Output %s for %s %s\n", part.what, path, zkserver.ParseStatsTrack(data))
	}
	return nil
}

func delQuota(s *shell, line *commandLine) error {
	path := line.args[1]
	parent := quotaRoot + path
	limits := zkserver.QuotaLimitPath(path)
	data, _, err := s.session.Get(limits, false)
	if errors.Is(err, zkserver.CodeNoNode) {
		fmt.Fprintln(s.out, "Quota does not exist for "+path)
		return nil
	}
	if err != nil {
		return err
	}
	limit := zkserver.ParseStatsTrack(data)
	switch {
	case line.has("b"):
		limit.Bytes = -1
	case line.has("n"):
		limit.Count = -1
	default:
		return s.removeQuota(parent)
	}
	_, err = s.session.Set(limits, []byte(limit.String()), -1)
	return err
}

// removeQuota removes a quota's nodes and the parents that only they needed.
func (s *shell) removeQuota(node string) error {
	names, _, err := s.children(node, false)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.session.Delete(node+"/"+name, -1); err != nil {
			return err
		}
	}
	for node != quotaRoot {
		names, _, err := s.children(node, false)
		if err != nil || len(names) > 0 {
			return err
		}
		if err := s.session.Delete(node, -1); err != nil {
			return err
		}
		node = node[:strings.LastIndexByte(node, '/')]
	}
	return nil
}
