// Package logging sets up logrus as Kafka's log4j files do: loggers by Kafka's
// names, the console and hourly rotated files.
package logging

import "github.com/sirupsen/logrus"

// LoggerField is the field that carries a logger's name, such as
// kafka.server.ReplicaManager.
const LoggerField = "logger"

// For returns the logger of that name.
func For(name string) *logrus.Entry {
	return logrus.WithField(LoggerField, name)
}
