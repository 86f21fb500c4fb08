package controller

import (
	"fmt"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config/logging"
)

// stateChangeLogger writes state-change.log: every line begins with the
// controller's id and epoch, as Kafka's StateChangeLogger.
type stateChangeLogger struct {
	entry    *logrus.Entry
	brokerID int32
}

func newStateChangeLogger(brokerID int32) stateChangeLogger {
	return stateChangeLogger{logging.For("state.change.logger"), brokerID}
}

// at gives the logger of a controller epoch.
func (l stateChangeLogger) at(epoch int32) logger {
	return logger{l.entry, fmt.Sprintf("[Controller id=%d epoch=%d] ", l.brokerID, epoch)}
}

// tracing reports whether lines at TRACE, one a partition and broker, are wanted.
func (l stateChangeLogger) tracing() bool { return l.entry.Logger.IsLevelEnabled(logrus.TraceLevel) }

func (l stateChangeLogger) infof(epoch int32, format string, args ...any) {
	if l.entry.Logger.IsLevelEnabled(logrus.InfoLevel) {
		l.at(epoch).infof(format, args...)
	}
}

func (l stateChangeLogger) errorf(epoch int32, format string, args ...any) {
	l.at(epoch).errorf(format, args...)
}

func (l stateChangeLogger) tracef(epoch int32, format string, args ...any) {
	if l.tracing() {
		l.at(epoch).tracef(format, args...)
	}
}
