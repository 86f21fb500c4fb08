// Package integration runs whole brokers, in the process or from the scripts of
// bin/, and uses them as their users do: clients and tools publish, subscribe,
// share groups and administer, and servers stop, start and meet hostile bytes.
// Tests with the build tag peers need clients that are not Go's.
package integration
