// Package command is what the tools share: the option grammar and the usage
// table of Kafka's tools (those of jopt-simple), exit codes, property files and
// the admin client.
package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Argument tells whether an option takes a value.
type Argument int

// A flag takes none; an optional argument is taken only when the next word does
// not look like an option.
const (
	None Argument = iota
	Required
	Optional
)

// The types a value can have, as the usage table names them.
const (
	String  = "String"
	Integer = "Integer"
	Long    = "Long"
	Short   = "Short"
)

// Option is one row of a tool's options.
type Option struct {
	Name     string
	Argument Argument
	// Type is the type of the value, String when empty; ArgName describes it
	// in the usage table.
	Type, ArgName string
	// Default is the value in force when the option is not given, and
	// HasDefault whether there is one.
	Default    string
	HasDefault bool
	// Mandatory options must be given unless an option marked Help is, and so
	// must one of AvailableIf with an option that names some.
	Mandatory, Help bool
	AvailableIf     []string
	Doc             string
}

// Options are the rows of a tool.
type Options []Option

// Set is what was given on a command line.
type Set struct {
	options Options
	given   map[string][]string
	order   []string
	// Rest are the words that belong to no option.
	Rest []string
}

// ParseError is a command line that does not follow the grammar, with
// jopt-simple's sentence and the name of its exception.
type ParseError struct{ Class, Message string }

func (e *ParseError) Error() string { return e.Message }

func parseErrorf(class, format string, args ...any) error {
	return &ParseError{"joptsimple." + class + "Exception", fmt.Sprintf(format, args...)}
}

func (o Options) find(name string) *Option {
	for i := range o {
		if o[i].Name == name {
			return &o[i]
		}
	}
	return nil
}

// Parse reads a command line: --name value, --name=value and the same with one
// dash; -- ends the options.
func (o Options) Parse(args []string) (*Set, error) {
	set := &Set{options: o, given: map[string][]string{}}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		if word == "--" {
			set.Rest = append(set.Rest, args...)
			break
		}
		if !strings.HasPrefix(word, "-") || word == "-" {
			set.Rest = append(set.Rest, word)
			continue
		}
		rest, err := set.take(word, args)
		if err != nil {
			return nil, err
		}
		args = rest
	}
	return set, set.checkMandatory()
}

func (s *Set) take(word string, args []string) ([]string, error) {
	name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
	option := s.options.find(name)
	if option == nil {
		if !strings.HasPrefix(word, "--") && name != "" {
			name = name[:1]
		}
		return nil, parseErrorf("UnrecognizedOption", "%s is not a recognized option", name)
	}
	switch {
	case option.Argument == None:
		if hasValue {
			return nil, parseErrorf("UnrecognizedOption", "Option %s does not accept arguments", name)
		}
	case hasValue:
	case option.Argument == Required:
		if len(args) == 0 {
			return nil, parseErrorf("OptionMissingRequiredArgument", "Option %s requires an argument", name)
		}
		value, hasValue, args = args[0], true, args[1:]
	case len(args) > 0 && !s.looksLikeOption(args[0]):
		value, hasValue, args = args[0], true, args[1:]
	}
	values := s.given[name]
	if values == nil {
		values = []string{}
	}
	if hasValue {
		values = append(values, value)
	}
	s.given[name] = values
	s.order = append(s.order, name)
	return args, nil
}

func (s *Set) looksLikeOption(word string) bool {
	return strings.HasPrefix(word, "-") && word != "-"
}

func (s *Set) checkMandatory() error {
	var missing []string
	for _, option := range s.options {
		if option.Help && s.Has(option.Name) {
			return nil
		}
		if option.Mandatory && !s.Has(option.Name) {
			missing = append(missing, option.Name)
		}
	}
	if len(missing) > 0 {
		return parseErrorf("MissingRequiredOptions", "Missing required option(s) [%s]", strings.Join(missing, ", "))
	}
	return s.checkAvailable()
}

func (s *Set) checkAvailable() error {
	var unavailable []string
	for _, option := range s.options {
		if s.Has(option.Name) && len(option.AvailableIf) > 0 && !slices.ContainsFunc(option.AvailableIf, s.Has) {
			unavailable = append(unavailable, option.Name)
		}
	}
	if len(unavailable) > 0 {
		return parseErrorf("UnavailableOption", "Option(s) [%s] are unavailable given other options on the command line", strings.Join(unavailable, ", "))
	}
	return nil
}

// Has reports whether the option was given.
func (s *Set) Has(name string) bool {
	_, ok := s.given[name]
	return ok
}

// HasValue reports whether the option was given with a value.
func (s *Set) HasValue(name string) bool { return len(s.given[name]) > 0 }

// InOrder returns which of the options were given, each time they were, in the
// order of the command line.
func (s *Set) InOrder(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(s.order), func(name string) bool { return !slices.Contains(names, name) })
}

// Value returns the option's value, its default when it was not given. Giving it
// more than once is an error.
func (s *Set) Value(name string) (string, error) {
	values := s.given[name]
	switch len(values) {
	case 0:
		return s.options.find(name).Default, nil
	case 1:
		return values[0], nil
	}
	return "", parseErrorf("MultipleArgumentsForOption", "Found multiple arguments for option %s, but you asked for only one", name)
}

// Values returns every value given for the option.
func (s *Set) Values(name string) []string { return slices.Clone(s.given[name]) }

// Int returns the option's value as a number of the option's type; zero when the
// option has neither value nor default.
func (s *Set) Int(name string) (int64, error) {
	text, err := s.Value(name)
	if err != nil || text == "" {
		return 0, err
	}
	number, parseErr := strconv.ParseInt(text, 10, s.options.find(name).bits())
	if parseErr != nil {
		return 0, parseErrorf("OptionArgumentConversion", "Cannot parse argument '%s' of option %s", text, name)
	}
	return number, nil
}

func (o *Option) bits() int {
	switch o.Type {
	case Short:
		return 16
	case Integer:
		return 32
	}
	return 64
}
