package zookeeper

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/tools/zookeeper/session"
)

// exitNotFound is the shell's exit code for a command it does not know.
const exitNotFound = 127

const tlsConfigOption = "-zk-tls-config-file"

// shell is zookeeper-shell.sh (class ZooKeeperMainWithTlsSupportForKafka over
// ZooKeeperMain).
type shell struct {
	out, err io.Writer
	options  shellOptions

	session      *session.Session
	host         string
	printWatches atomic.Bool

	history  map[int]string
	count    int
	exitCode int
	quit     bool
}

// shellOptions is what stands before the command.
type shellOptions struct {
	server  string
	timeout string // in milliseconds
	command []string
	tls     *tls.Config
}

// commandError is what a command says on stderr, and the exit code it means.
type commandError struct {
	message string
	exit    int
}

func (e *commandError) Error() string { return e.message }

func malformed(format string, args ...any) error {
	return &commandError{fmt.Sprintf(format, args...), 1}
}

// uncaughtError is one that ends the shell where Java would have thrown an
// exception that nobody catches.
type uncaughtError struct {
	class, message string
}

func (e *uncaughtError) Error() string {
	return fmt.Sprintf("Exception in thread \"main\" %s: %s", e.class, e.message)
}

// ZooKeeperMain runs zookeeper-shell.sh: one command if the arguments hold one,
// otherwise the commands that stdin gives line by line. It returns the process's
// exit code, that of the last command.
func ZooKeeperMain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &lockedWriter{w: stdout}
	s := &shell{out: out, err: stderr, history: map[int]string{}}
	s.printWatches.Store(true)
	options, err := s.parseArguments(args)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUnexpectedError
	}
	s.options = options
	fmt.Fprintf(out, "Connecting to %s\n", options.server)
	if err := s.connect(options.server); err != nil {
		fmt.Fprintln(stderr, err)
		return exitUnexpectedError
	}
	defer s.session.Abandon() // only quit and close tell the servers
	if len(options.command) > 0 {
		err = s.run(options.command)
	} else {
		err = s.readCommands(stdin)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUnexpectedError
	}
	logging.For("org.apache.zookeeper.util.ServiceUtils").Errorf("Exiting JVM with code %d", s.exitCode)
	return s.exitCode
}

// lockedWriter keeps the lines of commands and of events apart.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (s *shell) parseArguments(args []string) (shellOptions, error) {
	o := shellOptions{server: "localhost:2181", timeout: "30000"}
	explicitTLS := false
	if i := slices.Index(args, tlsConfigOption); i >= 0 {
		if i == len(args)-1 {
			return o, &uncaughtError{"java.lang.IllegalArgumentException", "Error: no filename provided with option " + tlsConfigOption}
		}
		settings, err := TLSConfig(args[i+1])
		if errors.Is(err, fs.ErrNotExist) {
			err = &uncaughtError{"java.nio.file.NoSuchFileException", args[i+1]}
		}
		if err != nil {
			return o, err
		}
		o.tls, explicitTLS = settings, true
		args = slices.Concat(args[:i], args[i+2:])
	}
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-server" || arg == "-timeout" || arg == "-client-configuration":
			if i+1 == len(args) {
				fmt.Fprintf(s.err, "Error: no argument found for option %s\n", arg)
				return o, nil
			}
			i++
			switch arg {
			case "-server":
				o.server = args[i]
			case "-timeout":
				o.timeout = args[i]
			}
		case arg == "-r" && explicitTLS:
			return o, &uncaughtError{"java.lang.IllegalArgumentException",
				"read-only mode (-r) is not supported with an explicit TLS config (" + tlsConfigOption + ")"}
		case !strings.HasPrefix(arg, "-"):
			o.command = args[i:]
			return o, nil
		}
	}
	return o, nil
}

func notANumber(text string) error {
	return &uncaughtError{"java.lang.NumberFormatException", fmt.Sprintf("For input string: %q", text)}
}

func (s *shell) readCommands(stdin io.Reader) error {
	fmt.Fprint(s.out, "Welcome to ZooKeeper!\nJLine support is disabled\n")
	in := bufio.NewReader(stdin)
	for !s.quit {
		line, err := in.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			s.history[s.count] = line
			if err := s.run(splitWords(line)); err != nil {
				return err
			}
			s.count++
		}
		if err != nil {
			return nil
		}
	}
	return nil
}

// run executes a command. What is returned ends the shell.
func (s *shell) run(words []string) error {
	err := failure(s.execute(words))
	var failed *commandError
	if errors.As(err, &failed) {
		s.exitCode = failed.exit
		fmt.Fprintln(s.err, failed.message)
		return nil
	}
	if err == nil && !s.quit {
		s.exitCode = exitFinished
	}
	return err
}

func (s *shell) execute(words []string) error {
	if len(words) == 0 {
		s.usage()
		return malformed("No command entered")
	}
	c, known := commands[words[0]]
	if !known {
		s.usage()
		return &commandError{"Command not found: Command not found " + words[0], exitNotFound}
	}
	if c.local != nil {
		if err := c.local(s, words); err != nil || s.quit {
			return err
		}
	}
	if !s.session.IsAlive() {
		fmt.Fprintln(s.out, "Not connected")
		return nil
	}
	if c.run == nil {
		return nil
	}
	line, err := parseOptions(words, c.options...)
	if err != nil {
		return malformed("%s", err)
	}
	if len(line.args) <= c.least {
		return malformed("%s %s", words[0], c.usage)
	}
	return c.run(s, line)
}

// usage lists the commands, as Kafka's wrapper of the shell does.
func (s *shell) usage() {
	fmt.Fprintln(s.err, "ZooKeeper -server host:port [-zk-tls-config-file <file>] cmd args")
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		fmt.Fprintf(s.err, "\t%s %s\n", name, commands[name].usage)
	}
}

// connect closes the session in use and begins one with other servers.
func (s *shell) connect(host string) error {
	if s.session != nil && s.session.IsAlive() {
		s.session.Close()
	}
	s.host = host
	timeout, err := strconv.ParseInt(s.options.timeout, 10, 32)
	if err != nil {
		return notANumber(s.options.timeout)
	}
	started, err := session.Connect(host, session.Options{Timeout: time.Duration(timeout) * time.Millisecond, Dial: s.options.dial, OnEvent: s.onEvent})
	if err != nil {
		return &uncaughtError{"java.lang.IllegalArgumentException", err.Error()}
	}
	s.session = started
	return nil
}
