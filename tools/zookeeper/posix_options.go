package zookeeper

import (
	"fmt"
	"strings"
)

// commandLine is a command's words split into options and the rest, as
// commons-cli's PosixParser does it for ZooKeeper's shell.
type commandLine struct {
	flags map[string]bool
	value map[string]string
	// args holds what is no option; args[0] is the command.
	args []string
}

func (l *commandLine) has(option string) bool {
	return l.flags[option]
}

// parseOptions splits words. The options are the names that are known, with ":"
// behind those that take a value, and "|" before those of which one may be given.
func parseOptions(words []string, options ...string) (*commandLine, error) {
	takesValue, exclusive, selected := map[string]bool{}, map[string]bool{}, ""
	for _, option := range options {
		option, grouped := strings.CutPrefix(option, "|")
		name, found := strings.CutSuffix(option, ":")
		takesValue[name], exclusive[name] = found, grouped
	}
	l := &commandLine{flags: map[string]bool{}, value: map[string]string{}}
	for i := 0; i < len(words); i++ {
		name := strings.TrimLeft(words[i], "-")
		if len(words[i]) < 2 || words[i][0] != '-' {
			l.args = append(l.args, words[i])
			continue
		}
		wants, known := takesValue[name]
		if !known && !l.burst(name, takesValue) {
			return nil, fmt.Errorf("org.apache.commons.cli.UnrecognizedOptionException: Unrecognized option: %s", words[i])
		}
		if exclusive[name] {
			if selected != "" && selected != name {
				return nil, fmt.Errorf("org.apache.commons.cli.AlreadySelectedException: The option '%s' was specified but an option from this group has already been selected: '%s'", name, selected)
			}
			selected = name
		}
		if wants {
			if i+1 == len(words) || strings.HasPrefix(words[i+1], "-") && takesOption(words[i+1], takesValue) {
				return nil, fmt.Errorf("org.apache.commons.cli.MissingArgumentException: Missing argument for option: %s", name)
			}
			i++
			l.value[name] = words[i]
		}
		l.flags[name] = true
	}
	return l, nil
}

func takesOption(word string, known map[string]bool) bool {
	_, ok := known[strings.TrimLeft(word, "-")]
	return ok
}

// burst takes several one-letter options in one word, such as -se.
func (l *commandLine) burst(name string, takesValue map[string]bool) bool {
	for _, letter := range name {
		if wants, known := takesValue[string(letter)]; !known || wants {
			return false
		}
	}
	for _, letter := range name {
		l.flags[string(letter)] = true
	}
	return name != ""
}

// splitWords splits a line at white space; a word wholly in quotes is taken as it is.
func splitWords(line string) []string {
	const space = " \t\n\v\f\r"
	var words []string
	for {
		line = strings.TrimLeft(line, space)
		if line == "" {
			return words
		}
		if quote := line[0]; quote == '"' || quote == '\'' {
			if end := strings.IndexByte(line[1:], quote); end >= 0 {
				words = append(words, line[1:end+1])
				line = line[end+2:]
			} else {
				line = line[1:] // a quote that is never closed counts for nothing
			}
			continue
		}
		end := strings.IndexAny(line, space)
		if end < 0 {
			end = len(line)
		}
		words = append(words, line[:end])
		line = line[end:]
	}
}
