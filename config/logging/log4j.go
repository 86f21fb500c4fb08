package logging

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
)

// defaultPattern is that of all files Kafka ships.
const defaultPattern = "[%d] %p %m (%c)%n"

// loggerConfig is what a configuration says of one logger.
type loggerConfig struct {
	level     *level // nil inherits
	appenders []string
	additive  bool
}

// configuration is a log4j configuration: the root, the named loggers and the
// appenders they write to.
type configuration struct {
	root      loggerConfig
	loggers   map[string]*loggerConfig
	appenders map[string]*appender
}

// unconfigured is in force until [ConfigureFromEnvironment]: WARN and worse to the standard
// error stream, as for tools.
func unconfigured() *configuration {
	warn := parseLevel("WARN")
	compiled, _ := parsePattern(defaultPattern)
	return &configuration{
		root:    loggerConfig{level: &warn, appenders: []string{"stderr"}},
		loggers: map[string]*loggerConfig{},
		appenders: map[string]*appender{
			"stderr": {name: "stderr", layout: compiled, threshold: logrus.TraceLevel, target: console{os.Stderr}},
		},
	}
}

// levelOf walks up the name's parts to the first logger with a level.
func (c *configuration) levelOf(name string) level {
	for ; name != ""; name = parent(name) {
		if known := c.loggers[name]; known != nil && known.level != nil {
			return *known.level
		}
	}
	return *c.root.level
}

// outputsOf collects the appenders of a logger and of those above it, up to
// one that is not additive.
func (c *configuration) outputsOf(name string) []*appender {
	var outputs []*appender
	add := func(names []string) {
		for _, name := range names {
			if output := c.appenders[name]; output != nil {
				outputs = append(outputs, output)
			}
		}
	}
	for ; name != ""; name = parent(name) {
		if known := c.loggers[name]; known != nil {
			add(known.appenders)
			if !known.additive {
				return outputs
			}
		}
	}
	add(c.root.appenders)
	return outputs
}

func parent(name string) string {
	return name[:max(strings.LastIndexByte(name, '.'), 0)]
}

func (c *configuration) close() error {
	var errs []error
	for _, output := range c.appenders {
		errs = append(errs, output.close())
	}
	return errors.Join(errs...)
}

// ConfigureFromEnvironment follows the -D options in KAFKA_LOG4J_OPTS, which
// bin/kafka-run-class.sh completes: log4j.configuration names the file, and
// kafka.logs.dir and all others may be used in it as ${name}. Without a file,
// or with one that cannot be read, WARN and worse go to the standard error
// stream.
func ConfigureFromEnvironment() {
	properties := systemProperties(os.Getenv("KAFKA_LOG4J_OPTS"))
	location := properties["log4j.configuration"]
	if location == "" {
		return
	}
	if err := configure(pathOf(location), properties); err != nil {
		complain("ERROR", "Could not read configuration file from URL [%s].\n%v", location, err)
	}
}

// systemProperties collects the -D options; a word without a dash belongs to
// the value before it, so that a directory may have a space in its name.
func systemProperties(options string) map[string]string {
	properties := map[string]string{}
	last := ""
	for option := range strings.FieldsSeq(options) {
		definition, isDefinition := strings.CutPrefix(option, "-D")
		switch {
		case isDefinition:
			key, value, _ := strings.Cut(definition, "=")
			properties[key], last = value, key
		case strings.HasPrefix(option, "-"):
			last = ""
		case last != "":
			properties[last] += " " + option
		}
	}
	return properties
}

// pathOf gives the file that a path, file:path or file URL names.
func pathOf(location string) string {
	path, isURL := strings.CutPrefix(location, "file:")
	if !isURL {
		return location
	}
	if strings.HasPrefix(path, "///") {
		path = path[2:]
	}
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}

// configure puts a file in force. What it asks for and this package does not have
// is told on the standard error stream in log4j's form.
func configure(path string, system map[string]string) error {
	file, err := config.ReadPropertiesFile(path)
	if err != nil {
		return err
	}
	parsed := parseConfiguration(file, system)
	parsed.openFiles()
	return loggers.apply(parsed)
}

// openFiles makes the log files at once, as log4j does: who follows one finds it
// before its first line.
func (c *configuration) openFiles() {
	for name, appender := range c.appenders {
		if file, ok := appender.target.(*logFile); ok {
			if err := file.prepare(time.Now()); err != nil {
				complain("ERROR", "Could not open the file of appender [%s].\n%v", name, err)
			}
		}
	}
}

// complain prints a line about the configuration as log4j does.
func complain(severity, format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "log4j:"+severity+" "+format+"\n", arguments...)
}

func parseConfiguration(file, system map[string]string) *configuration {
	parsed := &configuration{loggers: map[string]*loggerConfig{}, appenders: map[string]*appender{}}
	reader := &configurationReader{file: file, system: system, into: parsed}
	debug := parseLevel("DEBUG")
	parsed.root = loggerConfig{level: &debug}
	for _, key := range slices.Sorted(maps.Keys(file)) {
		if key == "log4j.rootLogger" || key == "log4j.rootCategory" {
			reader.logger(&parsed.root, key)
			if parsed.root.level == nil {
				parsed.root.level = &debug
			}
		}
		for _, prefix := range []string{"log4j.logger.", "log4j.category."} {
			if name, ok := strings.CutPrefix(key, prefix); ok {
				added := &loggerConfig{additive: !strings.EqualFold(strings.TrimSpace(reader.value("log4j.additivity."+name)), "false")}
				reader.logger(added, key)
				parsed.loggers[name] = added
			}
		}
	}
	maps.DeleteFunc(parsed.appenders, func(_ string, made *appender) bool { return made == nil })
	return parsed
}

type configurationReader struct {
	file, system map[string]string
	into         *configuration
}

// value gives a key's text with ${name} replaced by the -D option or the key
// of the file of that name.
func (r *configurationReader) value(key string) string {
	return r.expand(r.file[key], 8)
}

func (r *configurationReader) expand(text string, depth int) string {
	var expanded strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		expanded.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			if found {
				expanded.WriteString("${" + rest)
			}
			return expanded.String()
		}
		if value, ok := r.system[name]; ok {
			expanded.WriteString(value)
		} else if value, ok := r.file[name]; ok && depth > 0 {
			expanded.WriteString(r.expand(value, depth-1))
		}
		text = after
	}
}

// logger reads "LEVEL, appender, appender".
func (r *configurationReader) logger(into *loggerConfig, key string) {
	names := strings.Split(r.value(key), ",")
	if text := strings.TrimSpace(names[0]); text != "" && !strings.EqualFold(text, "inherited") && !strings.EqualFold(text, "null") {
		parsed := parseLevel(text)
		into.level = &parsed
	}
	into.appenders = nil
	for _, name := range names[1:] {
		if name = strings.TrimSpace(name); name != "" && r.appender(name) {
			into.appenders = append(into.appenders, name)
		}
	}
}

// appender makes the appender of that name unless it has been made.
func (r *configurationReader) appender(name string) bool {
	if _, made := r.into.appenders[name]; made {
		return r.into.appenders[name] != nil
	}
	r.into.appenders[name] = nil
	prefix := "log4j.appender." + name
	written := r.target(name, prefix)
	if written == nil {
		return false
	}
	pattern := r.value(prefix + ".layout.ConversionPattern")
	if pattern == "" {
		pattern = defaultPattern
	}
	if class := strings.TrimSpace(r.value(prefix + ".layout")); class != "" && class != "org.apache.log4j.PatternLayout" {
		complain("WARN", "Layout [%s] of appender [%s] is not available; its lines have the form %s", class, name, defaultPattern)
		pattern = defaultPattern
	}
	compiled, err := parsePattern(pattern)
	if err != nil {
		complain("ERROR", "Conversion pattern [%s] of appender [%s]: %v", pattern, name, err)
		compiled, _ = parsePattern(defaultPattern)
	}
	threshold := logrus.TraceLevel
	if text := r.value(prefix + ".Threshold"); text != "" {
		threshold = parseLevel(text).logrus
	}
	r.into.appenders[name] = &appender{name: name, layout: compiled, threshold: threshold, target: written}
	return true
}

func (r *configurationReader) target(name, prefix string) target {
	class := strings.TrimSpace(r.value(prefix))
	switch class {
	case "":
		complain("ERROR", "Could not find value for key %s", prefix)
		return nil
	case "org.apache.log4j.ConsoleAppender":
		if strings.TrimSpace(r.value(prefix+".Target")) == "System.err" {
			return console{os.Stderr}
		}
		return console{os.Stdout}
	case "org.apache.log4j.FileAppender", "org.apache.log4j.DailyRollingFileAppender":
		return r.logFile(name, prefix, class)
	}
	complain("WARN", "Appender [%s] asks for class [%s], which is not available: console, file and daily rolling file appenders are. It gets no lines.", name, class)
	return nil
}

func (r *configurationReader) logFile(name, prefix, class string) target {
	path := strings.TrimSpace(r.value(prefix + ".File"))
	if path == "" {
		complain("ERROR", "File option not set for appender [%s].", name)
		return nil
	}
	written := &logFile{path: path, truncate: strings.EqualFold(strings.TrimSpace(r.value(prefix+".Append")), "false")}
	if strings.HasSuffix(class, "DailyRollingFileAppender") {
		pattern := r.value(prefix + ".DatePattern")
		if pattern == "" {
			pattern = "'.'yyyy-MM-dd"
		}
		written.suffix = parseDateFormat(pattern)
	}
	return written
}
