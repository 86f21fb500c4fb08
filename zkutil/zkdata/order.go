package zkdata

import (
	"cmp"
	"maps"
	"slices"
	"unicode/utf16"
)

// Kafka's encoders hand Scala and Java maps to Jackson, which writes the keys in
// the order in which the map iterates. For maps of fixed keys the encoders below
// list the keys in the resulting order; for maps whose keys vary these functions
// compute it. Nobody who reads the nodes depends on it; it makes a node written
// here indistinguishable from one written by Kafka (built with Scala 2.13).

// javaHash is String.hashCode.
func javaHash(s string) uint32 {
	var h uint32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(unit)
	}
	return h
}

// hashMapOrder is the order of scala.collection.mutable.HashMap, and of
// java.util.Properties as long as no two keys share a bucket: buckets rising, a
// table of 16 that doubles at three quarters full.
func hashMapOrder[V any](m map[string]V) []string {
	size := 16
	for len(m) >= size/4*3 {
		size *= 2
	}
	spread := func(s string) uint32 { h := javaHash(s); return h ^ h>>16 }
	mask := uint32(size - 1)
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		ha, hb := spread(a), spread(b)
		return cmp.Or(cmp.Compare(ha&mask, hb&mask), cmp.Compare(int32(ha), int32(hb)), cmp.Compare(a, b))
	})
}

// immutableMapOrder is the order of an immutable Scala map built from the keys
// in the order given: up to four keys keep it, more make a hash trie.
func immutableMapOrder(keys []string) []string {
	if len(keys) <= 4 {
		return keys
	}
	return trieOrder(keys, 0)
}

// trieOrder walks one node of scala.collection.immutable.HashMap: the keys that
// are alone in their five bits of hash first, then the nodes below.
func trieOrder(keys []string, shift uint) []string {
	if shift > 30 {
		return keys
	}
	var slots [32][]string
	for _, key := range keys {
		slot := improveHash(javaHash(key)) >> shift & 31
		slots[slot] = append(slots[slot], key)
	}
	ordered := make([]string, 0, len(keys))
	for _, slot := range slots {
		if len(slot) == 1 {
			ordered = append(ordered, slot[0])
		}
	}
	for _, slot := range slots {
		if len(slot) > 1 {
			ordered = append(ordered, trieOrder(slot, shift+5)...)
		}
	}
	return ordered
}

// improveHash is scala.collection.Hashing.improve.
func improveHash(code uint32) uint32 {
	h := code + ^(code << 9)
	h ^= h >> 14
	h += h << 4
	return h ^ h>>10
}
