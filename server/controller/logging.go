package controller

import (
	"fmt"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config/logging"
)

// logger writes lines whose text begins with a prefix, as Kafka's logIdent.
type logger struct {
	entry  *logrus.Entry
	prefix string
}

func prefixed(name, format string, args ...any) logger {
	return logger{logging.For(name), fmt.Sprintf(format, args...)}
}

func (l logger) withError(err error) logger { return logger{l.entry.WithError(err), l.prefix} }

func (l logger) logf(level logrus.Level, format string, args []any) {
	if l.entry.Logger.IsLevelEnabled(level) {
		l.entry.Log(level, l.prefix+fmt.Sprintf(format, args...))
	}
}

func (l logger) tracef(format string, args ...any) { l.logf(logrus.TraceLevel, format, args) }
func (l logger) debugf(format string, args ...any) { l.logf(logrus.DebugLevel, format, args) }
func (l logger) infof(format string, args ...any)  { l.logf(logrus.InfoLevel, format, args) }
func (l logger) warnf(format string, args ...any)  { l.logf(logrus.WarnLevel, format, args) }
func (l logger) errorf(format string, args ...any) { l.logf(logrus.ErrorLevel, format, args) }
