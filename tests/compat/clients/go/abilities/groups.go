package abilities

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// Member is what a group's member has been given and has got.
type Member struct {
	mu            sync.Mutex
	assigned      []int32
	got           map[string]bool
	changes, lost int
	err           error

	leave func()
	once  sync.Once
}

// Got notes a record's value.
func (m *Member) Got(value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.got == nil {
		m.got = map[string]bool{}
	}
	m.got[string(value)] = true
}

// Assigned notes all partitions that it has now.
func (m *Member) Assigned(partitions []int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.assign(slices.Sorted(slices.Values(partitions)))
}

// Gained notes partitions that it has besides the others.
func (m *Member) Gained(partitions []int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.assign(slices.Sorted(slices.Values(append(slices.Clone(partitions), m.assigned...))))
}

// Lost notes partitions that it has no more.
func (m *Member) Lost(partitions []int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.assign(slices.DeleteFunc(slices.Clone(m.assigned), func(p int32) bool { return slices.Contains(partitions, p) }))
}

func (m *Member) assign(partitions []int32) {
	partitions = slices.Compact(partitions)
	if slices.Equal(partitions, m.assigned) {
		return
	}
	m.changes++
	for _, p := range m.assigned {
		if !slices.Contains(partitions, p) {
			m.lost++
		}
	}
	m.assigned = partitions
}

// Failed notes what ended it.
func (m *Member) Failed(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Partitions are those it has.
func (m *Member) Partitions() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	Check(m.err)
	return m.assigned
}

// Has waits until it has so many partitions.
func (m *Member) Has(count int) *Member {
	Until(fmt.Sprintf("a member has %d partitions", count), func() bool { return len(m.Partitions()) == count })
	return m
}

func (m *Member) counts() (changes, lost int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changes, m.lost
}

func (m *Member) values() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.got)
}

// Close has it leave.
func (m *Member) Close() { m.once.Do(m.leave) }

// Member joins the group named as the topic.
func (s *Suite) Member(topic string, how Membership) *Member {
	member := &Member{}
	member.leave = s.Join(topic, how, member)
	return member
}

func (s *Suite) sendToEach(topic string, partitions int32, round string) {
	var records []Record
	for i := range partitions {
		records = append(records, Record{Value: fmt.Appendf(nil, "%s-%d", round, i), Partition: i})
	}
	s.Send(topic, Settings{}, records...)
}

func got(round string, count int, members ...*Member) {
	Until(round+" arrives", func() bool {
		all := map[string]bool{}
		for _, m := range members {
			maps.Copy(all, m.values())
		}
		maps.DeleteFunc(all, func(value string, _ bool) bool { return !strings.HasPrefix(value, round) })
		return len(all) == count
	})
}

func (s *Suite) groupJoinLeave() string {
	topic := s.Topic("join-leave", 4)
	first := s.Member(topic, Membership{})
	defer first.Close()
	first.Has(4)
	second := s.Member(topic, Membership{})
	defer second.Close()
	second.Has(2)
	first.Has(2)
	s.sendToEach(topic, 4, "both")
	got("both", 4, first, second)
	second.Close()
	first.Has(4)
	s.sendToEach(topic, 4, "one")
	got("one", 4, first)
	return ""
}

func (s *Suite) groupCooperative() string {
	topic := s.Topic("cooperative", 4)
	first := s.Member(topic, Membership{Cooperative: true})
	defer first.Close()
	first.Has(4)
	second := s.Member(topic, Membership{Cooperative: true})
	defer second.Close()
	second.Has(2)
	first.Has(2)
	s.sendToEach(topic, 4, "both")
	got("both", 4, first, second)
	_, lost := first.counts()
	return fmt.Sprintf("the first gave up %d", lost)
}

func (s *Suite) groupStatic() string {
	topic := s.Topic("static", 4)
	first := s.Member(topic, Membership{Instance: "one"})
	defer first.Close()
	first.Has(4)
	second := s.Member(topic, Membership{Instance: "two"})
	defer second.Close()
	before := second.Has(2).Partitions()
	first.Has(2)
	changes, _ := first.counts()
	second.Close()
	again := s.Member(topic, Membership{Instance: "two"})
	defer again.Close()
	Require(slices.Equal(again.Has(2).Partitions(), before), "other partitions than before")
	s.sendToEach(topic, 4, "both")
	got("both", 4, first, again)
	now, _ := first.counts()
	return fmt.Sprintf("%d rebalances", now-changes)
}

func (s *Suite) groupCrash() string {
	topic := s.Topic("crash", 4)
	first := s.Member(topic, Membership{})
	defer first.Close()
	first.Has(4)
	second := exec.Command(Checked(os.Executable()), "member", s.Bootstrap, topic)
	output := Checked(second.StdoutPipe())
	Check(second.Start())
	defer func() {
		_ = second.Process.Kill()
		_ = second.Wait()
	}()
	Require(bufio.NewScanner(output).Scan(), "the second member ended")
	first.Has(2)
	Check(second.Process.Kill())
	first.Has(4)
	s.sendToEach(topic, 4, "one")
	got("one", 4, first)
	return ""
}
