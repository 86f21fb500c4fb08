// Package protocol sends the same raw requests to Gregor and to Apache Kafka 3.1.0
// and compares the decoded answers field by field. Its tests need the build tag
// peers. A scenario runs once on each broker, at every version of its API; what may
// differ stands in one list, allowed_differences_test.go.
package protocol
