package logging

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// configureText puts a configuration in force for one test and returns the
// directory that ${kafka.logs.dir} stands for.
func configureText(t *testing.T, text string) string {
	t.Helper()
	directory := t.TempDir()
	path := filepath.Join(directory, "log4j.properties")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := configure(path, map[string]string{"kafka.logs.dir": directory}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close() })
	return directory
}

func fileText(t *testing.T, directory, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

const twoFiles = `
log4j.rootLogger=INFO, main
log4j.appender.main=org.apache.log4j.FileAppender
log4j.appender.main.File=${kafka.logs.dir}/server.log
log4j.appender.main.layout=org.apache.log4j.PatternLayout
log4j.appender.main.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.appender.own=org.apache.log4j.FileAppender
log4j.appender.own.File=${kafka.logs.dir}/controller.log
log4j.logger.kafka.controller=TRACE, own
log4j.additivity.kafka.controller=false
log4j.logger.kafka.server=WARN
`

func TestLinesGoWhereTheConfigurationSays(t *testing.T) {
	directory := configureText(t, twoFiles)
	For("kafka.log.LogManager").Info("Loading logs.")
	For("kafka.log.LogManager").Debug("not at INFO")
	For("kafka.server.ReplicaManager").Info("below WARN")
	For("kafka.server.ReplicaManager").WithError(errors.New("disk full")).Error("Halting")
	For("kafka.controller.KafkaController").Trace("own file")

	server := fileText(t, directory, "server.log")
	want := regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] INFO Loading logs\. \(kafka\.log\.LogManager\)\n` +
		`\[[^]]*\] ERROR Halting \(kafka\.server\.ReplicaManager\)\ndisk full\n$`)
	if !want.MatchString(server) {
		t.Errorf("server.log:\n%s", server)
	}
	controller := fileText(t, directory, "controller.log")
	if !strings.HasSuffix(controller, "TRACE own file (kafka.controller.KafkaController)\n") {
		t.Errorf("controller.log:\n%s", controller)
	}
}

func TestLevelsChangeAtRunTime(t *testing.T) {
	directory := configureText(t, twoFiles)
	logger := For("kafka.server.KafkaApis")
	logger.Info("one")
	if !SetLevel("kafka.server.KafkaApis", "debug") {
		t.Fatal("the logger was not found")
	}
	logger.Debug("two")
	if got := Levels()["kafka.server.KafkaApis"]; got != "DEBUG" {
		t.Errorf("level %s", got)
	}
	UnsetLevel("kafka.server.KafkaApis")
	logger.Info("three")
	SetLevel(Root, "ERROR")
	For("org.example.Other").Warn("four")
	levels := Levels()
	if levels[Root] != "ERROR" || levels["kafka.server.KafkaApis"] != "WARN" || levels["org.example.Other"] != "ERROR" ||
		levels["kafka.controller"] != "TRACE" {
		t.Errorf("levels %v", levels)
	}
	if text := fileText(t, directory, "server.log"); strings.Count(text, "\n") != 1 || !strings.Contains(text, "DEBUG two (") {
		t.Errorf("server.log:\n%s", text)
	}
	if SetLevel("no.such.logger", "INFO") || UnsetLevel(Root) || SetLevel(Root, " ") {
		t.Error("an impossible change was accepted")
	}
}

type counted struct{ calls *int }

func (c counted) String() string {
	*c.calls++
	return "text"
}

func TestDisabledLevelFormatsNothing(t *testing.T) {
	configureText(t, twoFiles)
	logger, calls := For("kafka.server.Fetch"), 0
	logger.Debugf("%s", counted{&calls})
	logger.Info(counted{&calls})
	if calls != 0 {
		t.Errorf("%d values of lines below the level were formatted", calls)
	}
	if allocations := testing.AllocsPerRun(100, func() { logger.Debug("text") }); allocations > 0 {
		t.Errorf("%v allocations for a line below the level", allocations)
	}
}

func TestShippedConfigurationIsUnderstood(t *testing.T) {
	directory := t.TempDir()
	if err := configure("../log4j.properties", map[string]string{"kafka.logs.dir": directory}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Close() })
	for logger, file := range map[string]string{
		"state.change.logger":              "state-change.log",
		"kafka.log.LogCleaner":             "log-cleaner.log",
		"kafka.controller.KafkaController": "controller.log",
		"kafka.authorizer.logger":          "kafka-authorizer.log",
		"kafka.request.logger":             "kafka-request.log",
		"kafka.network.RequestChannel$":    "kafka-request.log",
	} {
		For(logger).Warn("to " + logger)
		if !strings.Contains(fileText(t, directory, file), "WARN to "+logger+" ("+logger+")\n") {
			t.Errorf("%s does not write to %s", logger, file)
		}
	}
	if text := fileText(t, directory, "server.log"); text != "" {
		t.Errorf("loggers without additivity wrote to server.log:\n%s", text)
	}
}

func TestFileRollsByTheHour(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "server.log")
	file := &logFile{path: path, suffix: parseDateFormat("'.'yyyy-MM-dd-HH")}
	at := time.Date(2022, 1, 21, 10, 59, 58, 0, time.Local)
	for _, line := range []struct {
		after time.Duration
		text  string
	}{{0, "a\n"}, {time.Second, "b\n"}, {2 * time.Second, "c\n"}, {62 * time.Minute, "d\n"}} {
		if err := file.write([]byte(line.text), at.Add(line.after)); err != nil {
			t.Fatal(err)
		}
		// The file's own time stands in for the clock of the test.
		os.Chtimes(path, at.Add(line.after), at.Add(line.after))
	}
	if err := file.close(); err != nil {
		t.Fatal(err)
	}
	// A later run rolls what this one left.
	next := &logFile{path: path, suffix: file.suffix}
	if err := next.write([]byte("e\n"), at.Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	next.close()
	for name, want := range map[string]string{
		"server.log.2022-01-21-10": "a\nb\n",
		"server.log.2022-01-21-11": "c\n",
		"server.log.2022-01-21-12": "d\n",
		"server.log":               "e\n",
	} {
		if got := fileText(t, directory, name); got != want {
			t.Errorf("%s holds %q, not %q", name, got, want)
		}
	}
}

func TestFileRolledByAnotherProcessIsReopened(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "server.log")
	file := &logFile{path: path, suffix: parseDateFormat("'.'yyyy-MM-dd-HH")}
	at := time.Date(2022, 1, 21, 10, 0, 0, 0, time.Local)
	file.write([]byte("a\n"), at)
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := file.write([]byte("b\n"), at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	file.close()
	if got := fileText(t, directory, "server.log"); got != "b\n" {
		t.Errorf("the new file holds %q", got)
	}
	if got := fileText(t, directory, "server.log.moved"); got != "a\n" {
		t.Errorf("the moved file holds %q", got)
	}
}

func TestRollingKeepsAFileThatIsThere(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "server.log")
	at := time.Date(2022, 1, 21, 10, 0, 0, 0, time.Local)
	os.WriteFile(path+".2022-01-21-10", []byte("kept\n"), 0o644)
	file := &logFile{path: path, suffix: parseDateFormat("'.'yyyy-MM-dd-HH")}
	file.write([]byte("a\n"), at)
	file.write([]byte("b\n"), at.Add(time.Hour))
	file.close()
	if got := fileText(t, directory, "server.log.2022-01-21-10"); got != "kept\n" {
		t.Errorf("the earlier file was replaced by %q", got)
	}
	if got := fileText(t, directory, "server.log"); got != "a\nb\n" {
		t.Errorf("server.log holds %q", got)
	}
}

func TestPatterns(t *testing.T) {
	entry := &logrus.Entry{
		Time: time.Date(2022, 1, 21, 10, 0, 0, 123e6, time.UTC), Level: logrus.WarnLevel, Message: "text",
		Data: logrus.Fields{"connector.context": "[c|worker] "},
	}
	for _, test := range []struct{ pattern, want string }{
		{"[%d] %p %m (%c)%n", "[2022-01-21 10:00:00,123] WARN text (kafka.server.KafkaServer)\n"},
		{"%d{HH:mm:ss.SSS} %-6p|%c{1}|%c{2}", "10:00:00.123 WARN  |KafkaServer|server.KafkaServer"},
		{"%6p %.4c %5.2m%%", "  WARN rver    xt%"},
		{"%d{ABSOLUTE} %d{DATE}", "10:00:00,123 21 Jan 2022 10:00:00,123"},
		{"%X{connector.context}%m%X{none} (%c:%L) %t", "[c|worker] text (kafka.server.KafkaServer:?) main"},
		{"%d{yyyy-MM-dd'T'HH:mm:ss,SSSZ}", "2022-01-21T10:00:00,123+0000"},
		{"plain", "plain"},
	} {
		compiled, err := parsePattern(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		if got := string(compiled.render(nil, entry, "kafka.server.KafkaServer")); got != test.want {
			t.Errorf("%s gives %q, not %q", test.pattern, got, test.want)
		}
	}
	for _, bad := range []string{"%", "%-5", "%q"} {
		if _, err := parsePattern(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestUnknownPartsAreSkipped(t *testing.T) {
	directory := configureText(t, `
log4j.rootLogger=INFO, syslog, missing, good
log4j.appender.syslog=org.apache.log4j.net.SyslogAppender
log4j.appender.good=org.apache.log4j.FileAppender
log4j.appender.good.File=${kafka.logs.dir}/good.log
log4j.appender.good.Threshold=WARN
log4j.appender.good.layout.ConversionPattern=${form}
form=%p ${inner}%n
inner=%m
log4j.logger.quiet=OFF
`)
	For("any").Info("below the threshold")
	For("any").Warn("text")
	For("quiet.one").Error("off")
	if got := fileText(t, directory, "good.log"); got != "WARN text\n" {
		t.Errorf("good.log holds %q", got)
	}
}

func TestEnvironmentNamesTheFile(t *testing.T) {
	directory := t.TempDir()
	directory = filepath.Join(directory, "with a space")
	os.Mkdir(directory, 0o755)
	path := filepath.Join(directory, "my log4j.properties")
	os.WriteFile(path, []byte(twoFiles), 0o644)
	t.Setenv("KAFKA_LOG4J_OPTS", "-Dkafka.logs.dir="+directory+" -Xany -Dlog4j.configuration=file:"+strings.ReplaceAll(path, "my log4j", "my%20log4j"))
	ConfigureFromEnvironment()
	t.Cleanup(func() { Close() })
	For("any.logger").Info("text")
	if !strings.Contains(fileText(t, directory, "server.log"), "INFO text (any.logger)") {
		t.Error("the file of -Dlog4j.configuration is not in force")
	}
}

func TestLoggingWhileTheConfigurationChanges(t *testing.T) {
	directory := configureText(t, twoFiles)
	path := filepath.Join(directory, "log4j.properties")
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 200 {
				For("kafka.server.Concurrent").Warn("line")
			}
		})
	}
	for range 20 {
		if err := configure(path, map[string]string{"kafka.logs.dir": directory}); err != nil {
			t.Fatal(err)
		}
		SetLevel("kafka.server", "INFO")
	}
	writers.Wait()
	if err := Close(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(fileText(t, directory, "server.log")) {
		if !strings.HasSuffix(line, "WARN line (kafka.server.Concurrent)\n") {
			t.Fatalf("a torn line: %q", line)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{defaultPattern, "%-5.3p{%c{2}}", "%d{yyyy'x", "%99999m", "%X{"} {
		f.Add(seed)
	}
	entry := &logrus.Entry{Message: "text", Level: logrus.InfoLevel}
	f.Fuzz(func(t *testing.T, pattern string) {
		if compiled, err := parsePattern(pattern); err == nil {
			compiled.render(nil, entry, "a.b")
		}
	})
}
