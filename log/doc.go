// Package log is the log of a partition.
package log
