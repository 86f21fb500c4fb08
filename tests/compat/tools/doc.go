// Package tools runs the command-line tools of Apache Kafka 3.1.0 and Gregor's own,
// each against both brokers, through the same steps, and compares what they print
// text for text.
package tools
