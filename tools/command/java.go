package command

import (
	"slices"
	"unicode/utf16"
)

// JavaHash is String.hashCode.
func JavaHash(text string) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(text)) {
		hash = 31*hash + int32(unit)
	}
	return hash
}

// JavaMapOrder sorts names into the order in which a java.util.HashMap that grew
// by default, filled in the given order, gives them. Tools that print such a map
// are compared text for text.
func JavaMapOrder(names []string) []string {
	capacity := uint32(16)
	for uint32(len(names)) > capacity/4*3 {
		capacity *= 2
	}
	bucket := func(name string) uint32 {
		hash := uint32(JavaHash(name))
		return (hash ^ hash>>16) & (capacity - 1)
	}
	ordered := slices.Clone(names)
	slices.SortStableFunc(ordered, func(a, b string) int { return int(bucket(a)) - int(bucket(b)) })
	return ordered
}
