package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Version is what --version prints: the Kafka release whose behaviour the tools
// follow.
const Version = "3.1.0"

// VersionText is the whole answer to --version.
const VersionText = Version + " (Commit:gregor)"

// UsageError ends a tool with a message and its usage table on standard error,
// as CommandLineUtils.printUsageAndDie.
type UsageError struct{ Message string }

func (e *UsageError) Error() string { return e.Message }

// DieOfParse reports an error as the tools do whose
// main leaves the exception to the JVM.
func DieOfParse(err error, stderr io.Writer) int {
	fmt.Fprintln(stderr, Uncaught(err))
	return 1
}

// Usagef returns a [UsageError].
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// IsUsage tells whether the error is a [UsageError].
func IsUsage(err error) bool {
	var usage *UsageError
	return errors.As(err, &usage)
}

// AsUsage makes a [UsageError] of an error.
func AsUsage(err error) error {
	if err == nil || IsUsage(err) {
		return err
	}
	return &UsageError{err.Error()}
}

// Count tells how many of the options were given.
func (s *Set) Count(names ...string) int {
	given := 0
	for _, name := range names {
		if s.Has(name) {
			given++
		}
	}
	return given
}

// CheckRequired is CommandLineUtils.checkRequiredArgs.
func (s *Set) CheckRequired(names ...string) error {
	for _, name := range names {
		if !s.Has(name) {
			return Usagef("Missing required argument \"[%s]\"", name)
		}
	}
	return nil
}

// CheckInvalid is CommandLineUtils.checkInvalidArgs: the used option excludes
// the others.
func (s *Set) CheckInvalid(used string, invalid ...string) error {
	if !s.Has(used) {
		return nil
	}
	for _, name := range invalid {
		if name != used && s.Has(name) {
			return Usagef("Option \"[%s]\" can't be used with option \"[%s]\"", used, name)
		}
	}
	return nil
}

// Die reports how a tool ended: a [UsageError] with the usage table, anything
// else as its message. It returns the exit code.
func (o Options) Die(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, err)
	var usage *UsageError
	if errors.As(err, &usage) {
		o.PrintUsage(stderr)
	}
	return 1
}

// HelpOrVersion does what CommandLineUtils.printHelpAndExitIfNeeded does; done
// means the tool ends with that exit code. No argument at all asks for help.
func (o Options) HelpOrVersion(set *Set, args []string, blurb string, stdout, stderr io.Writer) (code int, done bool) {
	switch {
	case len(args) == 0 || set.Has("help"):
		fmt.Fprintln(stderr, blurb)
		o.PrintUsage(stderr)
		return 1, true
	case set.Has("version"):
		fmt.Fprintln(stdout, VersionText)
		return 0, true
	}
	return 0, false
}

// Run is the main of a tool that leaves all exceptions to the JVM: it parses the
// arguments, helps, or runs the tool, and returns the exit code.
func (o Options) Run(args []string, blurb string, stdout, stderr io.Writer, run func(set *Set, stdout io.Writer) error) int {
	set, err := o.Parse(args)
	if err != nil {
		return DieOfParse(err, stderr)
	}
	if code, done := o.HelpOrVersion(set, args, blurb, stdout, stderr); done {
		return code
	}
	return o.End(run(set, stdout), stderr)
}

// SignalExitCode is the code of a process that a signal ended: 128 plus its
// number, as the JVM's.
func SignalExitCode(caught os.Signal) int {
	if number, ok := caught.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 1
}

// Uncaught is how the JVM reports an exception that ended a tool.
func Uncaught(err error) string {
	return "Exception in thread \"main\" " + Thrown(err).Error()
}
