package logging

import (
	"strings"

	"github.com/sirupsen/logrus"
)

// level is a level by its name in log4j and in logrus.
type level struct {
	name   string
	logrus logrus.Level
}

// levels from the quietest on. OFF lets nothing of ours pass, since nobody
// logs at PANIC.
var levels = []level{
	{"OFF", logrus.PanicLevel},
	{"FATAL", logrus.FatalLevel},
	{"ERROR", logrus.ErrorLevel},
	{"WARN", logrus.WarnLevel},
	{"INFO", logrus.InfoLevel},
	{"DEBUG", logrus.DebugLevel},
	{"TRACE", logrus.TraceLevel},
	{"ALL", logrus.TraceLevel},
}

// parseLevel is log4j's Level.toLevel: an unknown name means DEBUG.
func parseLevel(name string) level {
	name = strings.ToUpper(strings.TrimSpace(name))
	for _, known := range levels {
		if known.name == name {
			return known
		}
	}
	return level{"DEBUG", logrus.DebugLevel}
}

// levelName gives log4j's name of a logged line's level.
func levelName(logged logrus.Level) string {
	for _, known := range levels[1:] {
		if known.logrus == logged {
			return known.name
		}
	}
	return "FATAL"
}
