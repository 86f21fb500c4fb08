// Package logging sets up logrus as Kafka's log4j files do: loggers by Kafka's
// names with levels by the hierarchy of the names, the console, and files that
// roll every hour. [ConfigureFromEnvironment] reads a user's log4j.properties.
//
// Each name has a logrus logger of its own that carries the level in force, so
// that a line below it costs one atomic load and no formatting.
package logging

import (
	"io"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"
)

// LoggerField is the field that carries a logger's name, such as
// kafka.server.ReplicaManager.
const LoggerField = "logger"

// Root is the name of the logger that all others inherit from.
const Root = "root"

// For returns the logger of that name.
func For(name string) *logrus.Entry {
	return loggers.get(name).logger.WithField(LoggerField, name)
}

// Levels returns the level in force of every logger, the root's included, by
// name, as kafka.utils.Log4jController.
func Levels() map[string]string { return loggers.levels() }

// Exists reports whether a logger of that name has been used or configured.
func Exists(name string) bool { return loggers.exists(name) }

// SetLevel gives a logger, and those below it without a level of their own, a
// level while the program runs. It reports false for a logger that does not
// exist; a level that does not exist counts as DEBUG, as in log4j.
func SetLevel(name, level string) bool {
	if !Exists(name) || strings.TrimSpace(level) == "" {
		return false
	}
	parsed := parseLevel(level)
	return loggers.setLevel(name, &parsed)
}

// UnsetLevel lets a logger inherit its level again. It reports false for a
// logger that does not exist and for the root, which has nothing to inherit.
func UnsetLevel(name string) bool {
	return name != Root && Exists(name) && loggers.setLevel(name, nil)
}

// Close closes the files that the appenders write. Lines logged after it go to
// the standard error stream from WARN on, as before [ConfigureFromEnvironment].
func Close() error { return loggers.apply(unconfigured()) }

// namedLogger is a logger in use; its outputs change with the configuration.
type namedLogger struct {
	name    string
	logger  *logrus.Logger
	outputs atomic.Pointer[[]*appender]
}

// Levels and Fire make a namedLogger the hook that writes a line to its
// appenders.
func (l *namedLogger) Levels() []logrus.Level { return logrus.AllLevels }

// Fire writes a line to the appenders of its logger and of those above.
func (l *namedLogger) Fire(entry *logrus.Entry) error {
	for _, output := range *l.outputs.Load() {
		output.append(entry, l.name)
	}
	return nil
}

// silentFormatter gives logrus itself nothing to write: the hook has written.
type silentFormatter struct{}

func (silentFormatter) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

// hierarchy is the set of loggers and the configuration in force.
type hierarchy struct {
	mu      sync.RWMutex
	current *configuration
	byName  map[string]*namedLogger
}

var loggers = &hierarchy{current: unconfigured(), byName: map[string]*namedLogger{}}

func (h *hierarchy) get(name string) *namedLogger {
	h.mu.RLock()
	known := h.byName[name]
	h.mu.RUnlock()
	if known != nil {
		return known
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if known = h.byName[name]; known != nil {
		return known
	}
	added := &namedLogger{name: name, logger: logrus.New()}
	added.logger.SetOutput(io.Discard)
	added.logger.SetFormatter(silentFormatter{})
	added.logger.AddHook(added)
	h.byName[name] = added
	h.refreshLocked(added)
	return added
}

func (h *hierarchy) refreshLocked(logger *namedLogger) {
	outputs := h.current.outputsOf(logger.name)
	logger.outputs.Store(&outputs)
	logger.logger.SetLevel(h.current.levelOf(logger.name).logrus)
}

func (h *hierarchy) refreshAllLocked() {
	for _, logger := range h.byName {
		h.refreshLocked(logger)
	}
}

func (h *hierarchy) levels() map[string]string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	levels := map[string]string{Root: h.current.root.level.name}
	for name := range h.byName {
		levels[name] = h.current.levelOf(name).name
	}
	for name := range h.current.loggers {
		levels[name] = h.current.levelOf(name).name
	}
	return levels
}

func (h *hierarchy) exists(name string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return name == Root || h.byName[name] != nil || h.current.loggers[name] != nil
}

func (h *hierarchy) setLevel(name string, wanted *level) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if name == Root {
		h.current.root.level = wanted
	} else {
		changed := loggerConfig{additive: true}
		if known := h.current.loggers[name]; known != nil {
			changed = *known
		}
		changed.level = wanted
		h.current.loggers = maps.Clone(h.current.loggers)
		h.current.loggers[name] = &changed
	}
	h.refreshAllLocked()
	return true
}

// apply puts a configuration in force and closes the appenders of the last.
func (h *hierarchy) apply(next *configuration) error {
	h.mu.Lock()
	last := h.current
	h.current = next
	h.refreshAllLocked()
	h.mu.Unlock()
	return last.close()
}
