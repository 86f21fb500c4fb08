package command

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Flag is one argument of an [ArgumentParser].
type Flag struct {
	// Names are the ways to give it; the last is the key in the [Namespace].
	Names []string
	// Metavar stands for the value in the usage; a flag without one takes no
	// value and is true when given.
	Metavar string
	// Type is String when empty, Integer or Long.
	Type string
	// Many takes one value or more.
	Many, Required bool
	Default        string
	Choices        []string
	// Group is the mutually exclusive group it belongs to.
	Group *FlagGroup
	Doc   string
}

// FlagGroup is a set of flags of which at most one may be given, and one must be.
type FlagGroup struct{ Title, Doc string }

// ArgumentParser reads command lines as argparse4j 0.7.0, the library of Kafka's
// tools that are written in Java.
type ArgumentParser struct {
	Program, Description string
	Flags                []Flag
}

// Namespace is what was given on a command line, or the defaults.
type Namespace struct{ values map[string][]string }

// ArgumentError is a command line that an [ArgumentParser] does not take.
type ArgumentError struct {
	Message string
	// Unrecognized is the flag for which similar ones are named.
	Unrecognized string
}

func (e *ArgumentError) Error() string { return e.Message }

// errHelp ends the parsing of a command line that asks for help.
var errHelp = errors.New("help")

// Value returns the value of a flag, its default, or the empty string.
func (n *Namespace) Value(name string) string {
	if values := n.values[name]; len(values) > 0 {
		return values[len(values)-1]
	}
	return ""
}

// Values returns all values of a flag that takes many.
func (n *Namespace) Values(name string) []string { return n.values[name] }

// Has tells whether a flag was given or has a default.
func (n *Namespace) Has(name string) bool { return n.values[name] != nil }

// Int returns the value of a flag that is a number.
func (n *Namespace) Int(name string) int64 {
	number, _ := strconv.ParseInt(n.Value(name), 10, 64)
	return number
}

func (f *Flag) key() string    { return strings.TrimLeft(f.Names[len(f.Names)-1], "-") }
func (f *Flag) name() string   { return strings.Join(f.Names, "/") }
func (f *Flag) isSwitch() bool { return f.Metavar == "" }

func (f *Flag) errorf(format string, args ...any) error {
	return &ArgumentError{Message: "argument " + f.name() + ": " + fmt.Sprintf(format, args...)}
}

func (p *ArgumentParser) all() []Flag {
	help := Flag{Names: []string{"-h", "--help"}, Doc: "show this help message and exit"}
	return append([]Flag{help}, p.Flags...)
}

// Parse reads a command line. When it returns no namespace, the help or the error
// has been written and the tool ends with the code.
func (p *ArgumentParser) Parse(args []string, stdout, stderr io.Writer) (namespace *Namespace, code int) {
	if len(args) == 0 {
		p.PrintHelp(stdout)
		return nil, 0
	}
	namespace, err := p.parse(args)
	switch {
	case errors.Is(err, errHelp):
		p.PrintHelp(stdout)
		return nil, 1
	case err != nil:
		return nil, p.Fail(err, stderr)
	}
	return namespace, 0
}

// argumentState is how far a command line has been read.
type argumentState struct {
	flags     []Flag
	args      []string
	separator bool
	given     map[string][]string
	groups    map[*FlagGroup]*Flag
}

func (p *ArgumentParser) parse(args []string) (*Namespace, error) {
	s := &argumentState{flags: p.all(), args: args, given: map[string][]string{}, groups: map[*FlagGroup]*Flag{}}
	for len(s.args) > 0 {
		switch {
		case s.atFlag() && s.args[0] != "--":
			if err := s.takeFlag(); err != nil {
				return nil, err
			}
		case s.args[0] == "--" && !s.separator:
			s.separator = true
			s.args = s.args[1:]
		default:
			return nil, &ArgumentError{Message: "unrecognized arguments: '" + strings.Join(s.args, " ") + "'"}
		}
	}
	if err := s.checkRequired(); err != nil {
		return nil, err
	}
	return s.namespace(), nil
}

// atFlag tells whether the next word is a flag rather than a value; negative
// numbers are values.
func (s *argumentState) atFlag() bool {
	word := s.args[0]
	if s.separator {
		return false
	}
	if word == "--" {
		return true
	}
	return strings.HasPrefix(word, "-") && strings.Trim(word, "-") != "" && !allDigits(word[1:])
}

func (s *argumentState) takeFlag() error {
	word := s.args[0]
	name, value, embedded := strings.Cut(word, "=")
	flag, err := s.resolve(name)
	switch {
	case err != nil:
		return err
	case flag == nil && !strings.HasPrefix(word, "--"):
		return s.takeShortFlags(word)
	case flag == nil:
		return unrecognized(word)
	}
	s.args = s.args[1:]
	return s.take(flag, value, embedded)
}

func unrecognized(word string) error {
	return &ArgumentError{"unrecognized arguments: '" + word + "'", word}
}

// takeShortFlags reads flags of one letter in a row; the last may have its value
// behind it.
func (s *argumentState) takeShortFlags(word string) error {
	s.args = s.args[1:]
	for i := 1; i < len(word); i++ {
		name := "-" + word[i:i+1]
		at := slices.IndexFunc(s.flags, func(flag Flag) bool { return slices.Contains(flag.Names, name) })
		if at < 0 {
			return unrecognized(word)
		}
		flag := &s.flags[at]
		if !flag.isSwitch() {
			return s.take(flag, word[i+1:], i+1 < len(word))
		}
		if err := s.take(flag, "", false); err != nil {
			return err
		}
	}
	return nil
}

func (s *argumentState) take(flag *Flag, value string, embedded bool) error {
	if group := flag.Group; group != nil {
		if used := s.groups[group]; used != nil && used != flag {
			return flag.errorf("not allowed with argument %s", used.name())
		}
		s.groups[group] = flag
	}
	return s.takeValue(flag, value, embedded)
}

// resolve finds a flag by its name or by the beginning of it.
func (s *argumentState) resolve(name string) (*Flag, error) {
	var candidates []string
	var found *Flag
	for i := range s.flags {
		for _, full := range s.flags[i].Names {
			if full == name {
				return &s.flags[i], nil
			}
			if strings.HasPrefix(full, name) {
				candidates, found = append(candidates, full), &s.flags[i]
			}
		}
	}
	if len(candidates) > 1 {
		slices.Sort(candidates)
		return nil, &ArgumentError{Message: "ambiguous option: " + name + " could match " + strings.Join(candidates, ", ")}
	}
	return found, nil
}

func (s *argumentState) takeValue(flag *Flag, value string, embedded bool) error {
	switch {
	case flag.isSwitch() && embedded:
		return flag.errorf("ignore implicit argument '%s'", value)
	case flag.key() == "help":
		return errHelp
	case flag.isSwitch():
		s.given[flag.key()] = []string{"true"}
		return nil
	}
	var values []string
	if embedded {
		values = []string{value}
	}
	for !embedded && len(s.args) > 0 && !s.atFlag() && (flag.Many || len(values) == 0) {
		values = append(values, s.args[0])
		s.args = s.args[1:]
	}
	if len(values) == 0 {
		if flag.Many {
			return flag.errorf("expected 1 argument(s)")
		}
		return flag.errorf("expected one argument")
	}
	for _, value := range values {
		if err := flag.check(value); err != nil {
			return err
		}
	}
	s.given[flag.key()] = values
	return nil
}

func (f *Flag) check(value string) error {
	if f.Type == Integer || f.Type == Long {
		bits := 64
		if f.Type == Integer {
			bits = 32
		}
		number, err := strconv.ParseInt(value, 10, bits)
		if err != nil {
			return f.errorf("could not convert '%s' to %s (For input string: \"%s\")", value, f.Type, value)
		}
		if len(f.Choices) > 0 && slices.Contains(f.Choices, strconv.FormatInt(number, 10)) {
			return nil
		}
	}
	if len(f.Choices) > 0 && !slices.Contains(f.Choices, value) {
		return f.errorf("invalid choice: '%s' (choose from {%s})", value, strings.Join(f.Choices, ","))
	}
	return nil
}

// checkRequired names the last required flag that is missing, as argparse4j does.
func (s *argumentState) checkRequired() error {
	var missing error
	for _, flag := range s.flags {
		if flag.Required && s.given[flag.key()] == nil {
			missing = &ArgumentError{Message: "argument " + flag.name() + " is required"}
		}
	}
	if missing != nil {
		return missing
	}
	for _, flag := range s.flags {
		if flag.Group == nil || s.groups[flag.Group] != nil {
			continue
		}
		names := ""
		for _, other := range s.flags {
			if other.Group == flag.Group {
				names += other.name() + " "
			}
		}
		missing = &ArgumentError{Message: "one of the arguments " + names + "is required"}
	}
	return missing
}

func (s *argumentState) namespace() *Namespace {
	for _, flag := range s.flags {
		if flag.Default != "" && s.given[flag.key()] == nil {
			s.given[flag.key()] = []string{flag.Default}
		}
	}
	return &Namespace{s.given}
}
