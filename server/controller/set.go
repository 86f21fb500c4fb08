package controller

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
)

// set is a set of comparable keys. The zero value is empty and read-only.
type set[K comparable] map[K]struct{}

func setOf[K comparable](keys ...K) set[K] {
	s := make(set[K], len(keys))
	for _, key := range keys {
		s[key] = struct{}{}
	}
	return s
}

func (s set[K]) has(key K) bool { _, ok := s[key]; return ok }

func (s set[K]) add(key K) { s[key] = struct{}{} }

func (s set[K]) remove(key K) { delete(s, key) }

// addTo puts a member into the set at key of an index, which it creates.
func addTo[K, M comparable](index map[K]set[M], key K, member M) {
	members := index[key]
	if members == nil {
		members = set[M]{}
		index[key] = members
	}
	members.add(member)
}

// removeFrom takes a member out of the set at key of an index, and the set
// with it when it becomes empty.
func removeFrom[K, M comparable](index map[K]set[M], key K, member M) {
	members := index[key]
	members.remove(member)
	if len(members) == 0 {
		delete(index, key)
	}
}

// sortedKeys gives a map's keys in order, so that work and log lines come in
// the same order each time.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// sortedPartitions gives a map's partitions by topic and number.
func sortedPartitions[V any](m map[topic.Partition]V) []topic.Partition {
	partitions := make([]topic.Partition, 0, len(m))
	for partition := range m {
		partitions = append(partitions, partition)
	}
	slices.SortFunc(partitions, comparePartitions)
	return partitions
}

func comparePartitions(a, b topic.Partition) int {
	if byTopic := strings.Compare(a.Topic, b.Topic); byTopic != 0 {
		return byTopic
	}
	return cmp.Compare(a.Partition, b.Partition)
}

// without gives the ids that are not in drop, in their order.
func without(ids, drop []int32) []int32 {
	kept := make([]int32, 0, len(ids))
	for _, id := range ids {
		if !slices.Contains(drop, id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// keep gives the ids that pass, in their order.
func keep(ids []int32, pass func(id int32) bool) []int32 {
	kept := make([]int32, 0, len(ids))
	for _, id := range ids {
		if pass(id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// joined prints elements as Kafka's mkString(",").
func joined[T any](elements []T) string { return jvm.Joined(elements, ",") }
