package zkdata

import (
	"maps"
	"slices"

	"github.com/gregor-broker/gregor/config/jvm"
)

// Kafka's encoders hand Scala and Java maps to Jackson, which writes the keys in
// the order in which the map iterates. For maps of fixed keys the encoders below
// list the keys in the resulting order; for maps whose keys vary these functions
// compute it. Nobody who reads the nodes depends on it; it makes a node written
// here indistinguishable from one written by Kafka (built with Scala 2.13).

// hashMapOrder is the order of scala.collection.mutable.HashMap, and of
// java.util.Properties as long as no two keys share a bucket.
func hashMapOrder[V any](m map[string]V) []string {
	return jvm.ScalaMutableMapOrder(slices.Sorted(maps.Keys(m)), jvm.StringHash)
}

// immutableMapOrder is the order of an immutable Scala map built from the keys
// in the order given.
func immutableMapOrder(keys []string) []string {
	return jvm.ScalaMapOrder(keys, jvm.StringHash)
}
