package jvm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Joined is Scala's mkString.
func Joined[T any](items []T, separator string) string {
	texts := make([]string, 0, len(items))
	for _, item := range items {
		texts = append(texts, fmt.Sprint(item))
	}
	return strings.Join(texts, separator)
}

// Collection prints a collection as Scala does: Set(a, b), HashSet().
func Collection[T any](class string, items []T) string {
	return class + "(" + Joined(items, ", ") + ")"
}

// Map prints a map as Scala does, in the order of its keys: Map(a -> 1, b -> 2).
func Map[K cmp.Ordered, V any](class string, entries map[K]V) string {
	texts := make([]string, 0, len(entries))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		texts = append(texts, fmt.Sprintf("%v -> %v", key, entries[key]))
	}
	return Collection(class, texts)
}
