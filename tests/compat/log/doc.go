// Package log has directories that Apache Kafka 3.1.0 wrote taken over by Gregor
// and those that Gregor wrote by Apache Kafka, after clean stops and after kills,
// which needs the build tag peers, and a Gregor broker on disks that fill up or
// fail. The full disk needs the right to mount a small file system.
package log
