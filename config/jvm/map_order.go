package jvm

import (
	"cmp"
	"math/bits"
	"slices"
)

// MapOrder sorts keys into the order in which a java.util.HashMap made
// without a size and filled in the given order gives them.
func MapOrder[K any](keys []K, hash func(K) int32) []K {
	return SizedMapOrder(16, keys, hash)
}

// SizedMapOrder is the order of a java.util.HashMap made for size entries.
func SizedMapOrder[K any](size int, keys []K, hash func(K) int32) []K {
	capacity := uint32(1) << bits.Len32(uint32(max(size, 1)-1))
	for uint32(len(keys)) > capacity*3/4 {
		capacity *= 2
	}
	return slices.SortedStableFunc(slices.Values(keys), func(a, b K) int {
		return cmp.Compare(spread(hash(a))&(capacity-1), spread(hash(b))&(capacity-1))
	})
}

// SetOrder is the order of a java.util.HashSet copied from a collection.
func SetOrder[K any](keys []K, hash func(K) int32) []K {
	return SizedMapOrder(max(int(float32(len(keys))/.75)+1, 16), keys, hash)
}

func spread(hash int32) uint32 { return uint32(hash) ^ uint32(hash)>>16 }

// ScalaMutableMapOrder is the order of a scala.collection.mutable.HashMap.
func ScalaMutableMapOrder[K any](keys []K, hash func(K) int32) []K {
	capacity := uint32(16)
	for uint32(len(keys)) >= capacity*3/4 {
		capacity *= 2
	}
	return slices.SortedStableFunc(slices.Values(keys), func(a, b K) int {
		left, right := spread(hash(a)), spread(hash(b))
		return cmp.Or(cmp.Compare(left&(capacity-1), right&(capacity-1)), cmp.Compare(int32(left), int32(right)))
	})
}

// scalaSmallMap is the number of entries up to which an immutable map of Scala
// keeps them in the order they came.
const scalaSmallMap = 4

// ScalaMapOrder is the order of a scala.collection.immutable.Map or Set.
func ScalaMapOrder[K any](keys []K, hash func(K) int32) []K {
	if len(keys) <= scalaSmallMap {
		return slices.Clone(keys)
	}
	return ScalaHashMapOrder(keys, hash)
}

// ScalaHashMapOrder is the order of a scala.collection.immutable.HashMap, such as
// groupBy gives, however few its entries are.
func ScalaHashMapOrder[K any](keys []K, hash func(K) int32) []K {
	return trieOrder(keys, func(key K) uint32 { return improve(hash(key)) }, 0)
}

// trieOrder is that of a compressed hash-array trie: of each node first the
// entries that are alone in their slot, then the nodes below.
func trieOrder[K any](keys []K, hash func(K) uint32, shift uint) []K {
	if shift >= 32 {
		return slices.Clone(keys)
	}
	var slots [32][]K
	for _, key := range keys {
		slot := hash(key) >> shift & 31
		slots[slot] = append(slots[slot], key)
	}
	var ordered []K
	for _, slot := range slots {
		if len(slot) == 1 {
			ordered = append(ordered, slot[0])
		}
	}
	for _, slot := range slots {
		if len(slot) > 1 {
			ordered = append(ordered, trieOrder(slot, hash, shift+5)...)
		}
	}
	return ordered
}

func improve(code int32) uint32 {
	hash := uint32(code)
	hash += ^(hash << 9)
	hash ^= hash >> 14
	hash += hash << 4
	return hash ^ hash>>10
}
