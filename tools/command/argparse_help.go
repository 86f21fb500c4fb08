package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	defaultFormatWidth = 75
	helpIndent         = 25
	maxTitleBeside     = 21
)

// formatWidth is how wide the usage may get: the terminal's width less five.
func formatWidth() int {
	width := -1
	if columns, ok := os.LookupEnv("COLUMNS"); ok {
		if number, err := strconv.Atoi(columns); err == nil {
			width = number
		}
	} else if terminal, err := os.Open("/dev/tty"); err == nil {
		if size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ); err == nil {
			width = int(size.Col)
		}
		terminal.Close()
	}
	if width <= 5 {
		return defaultFormatWidth
	}
	return width - 5
}

// Fail reports an error of the command line below the usage and returns the exit
// code.
func (p *ArgumentParser) Fail(err error, stderr io.Writer) int {
	width := formatWidth()
	p.printUsage(stderr, width)
	fmt.Fprint(stderr, wrapJustified(p.Program+": error: "+err.Error()+"\n", width, 0, ""))
	var failed *ArgumentError
	if errors.As(err, &failed) {
		if body := strings.TrimLeft(failed.Unrecognized, "-"); len(body) >= 2 {
			p.printSimilar(body, stderr)
		}
	}
	return 1
}

// PrintHelp writes the usage, the description and a table of the flags.
func (p *ArgumentParser) PrintHelp(out io.Writer) {
	width := formatWidth()
	p.printUsage(out, width)
	fmt.Fprintf(out, "\n%s\n\noptional arguments:\n", wrapJustified(p.Description, width, 0, ""))
	var groups []*FlagGroup
	for _, flag := range p.all() {
		switch {
		case flag.Group == nil:
			flag.printHelp(out, width)
		case !slices.Contains(groups, flag.Group):
			groups = append(groups, flag.Group)
		}
	}
	for _, group := range groups {
		fmt.Fprintln(out)
		if group.Title != "" {
			fmt.Fprintf(out, "%s:\n", group.Title)
		}
		if group.Doc != "" {
			fmt.Fprintf(out, "  %s\n\n", wrapJustified(group.Doc, width, 2, "  "))
		}
		for _, flag := range p.Flags {
			if flag.Group == group {
				flag.printHelp(out, width)
			}
		}
	}
}

func (f *Flag) printHelp(out io.Writer, width int) {
	var titles []string
	for _, name := range f.Names {
		titles = append(titles, f.syntax(name))
	}
	title, doc := strings.Join(titles, ", "), f.Doc
	switch {
	case f.Default != "":
		doc += " (default: " + f.Default + ")"
	case f.isSwitch() && f.key() != "help":
		doc += " (default: false)"
	}
	fmt.Fprint(out, "  "+title)
	indent := helpIndent
	if len(title) <= maxTitleBeside {
		indent -= len(title) + 2
	} else {
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, strings.Repeat(" ", indent)+wrapJustified(doc, width, helpIndent, strings.Repeat(" ", helpIndent)))
}

func (f *Flag) syntax(name string) string {
	switch {
	case f.isSwitch():
		return name
	case f.Many:
		return name + " " + f.Metavar + " [" + f.Metavar + " ...]"
	}
	return name + " " + f.Metavar
}

func (p *ArgumentParser) printUsage(out io.Writer, width int) {
	begin := "usage: " + p.Program
	indent := strings.Repeat(" ", len(begin))
	at := len(begin)
	fmt.Fprint(out, begin)
	for i, word := range p.usageWords() {
		if i > 0 && at+len(word)+1 > width {
			fmt.Fprint(out, "\n"+indent)
			at = len(indent)
		}
		fmt.Fprint(out, " "+word)
		at += 1 + len(word)
	}
	fmt.Fprintln(out)
}

// usageWords are the flags one by one, then the groups.
func (p *ArgumentParser) usageWords() []string {
	var words []string
	groups := map[*FlagGroup][]string{}
	var order []*FlagGroup
	for _, flag := range p.all() {
		syntax := flag.syntax(flag.Names[0])
		switch {
		case flag.Group != nil:
			if groups[flag.Group] == nil {
				order = append(order, flag.Group)
			}
			groups[flag.Group] = append(groups[flag.Group], syntax)
		case flag.Required:
			words = append(words, syntax)
		default:
			words = append(words, "["+syntax+"]")
		}
	}
	for _, group := range order {
		members := groups[group]
		members[0] = "(" + members[0]
		members[len(members)-1] += ")"
		for i, member := range members {
			if i > 0 {
				words = append(words, "|")
			}
			words = append(words, member)
		}
	}
	return words
}

// wrapJustified breaks text into lines of the width, all but the last of a
// paragraph filled up with spaces between the words. The first line begins at
// the offset.
func wrapJustified(text string, width, offset int, indent string) string {
	var out, line strings.Builder
	at := offset
	for _, paragraph := range strings.SplitAfter(text, "\n") {
		ended := strings.HasSuffix(paragraph, "\n")
		words := lineBreaks(strings.TrimSuffix(paragraph, "\n"))
		if ended && len(words) > 0 {
			words[len(words)-1] += "\n"
		}
		for _, word := range words {
			size := utf8.RuneCountInString(word)
			at += size
			if at > width {
				out.WriteString(justify(line.String(), width, at-size) + "\n" + indent)
				line.Reset()
				at = len(indent) + size
			}
			line.WriteString(word)
		}
		if ended {
			out.WriteString(line.String() + indent)
			line.Reset()
			at = len(indent)
		}
	}
	return out.String() + line.String()
}

// justify spreads the spaces that the line lacks to the width over its gaps; what
// does not divide goes to the gaps in the middle.
func justify(line string, width, at int) string {
	trimmed := strings.Trim(line, " ")
	at -= len(line) - len(trimmed)
	gaps := 0
	for i := 1; i < len(trimmed); i++ {
		if trimmed[i] == ' ' && trimmed[i-1] != ' ' {
			gaps++
		}
	}
	if gaps == 0 {
		return trimmed
	}
	each, rest := (width-at)/gaps, (width-at)%gaps
	first := (gaps - rest + 1) / 2
	var out strings.Builder
	gap := 0
	for i := range len(trimmed) {
		if i > 0 && trimmed[i] == ' ' && trimmed[i-1] != ' ' {
			extra := each
			if first <= gap && gap < first+rest {
				extra++
			}
			out.WriteString(strings.Repeat(" ", max(extra, 0)))
			gap++
		}
		out.WriteByte(trimmed[i])
	}
	return out.String()
}

// unlike is from which distance on no flag is named as similar.
const unlike = 7

func (p *ArgumentParser) printSimilar(body string, out io.Writer) {
	type candidate struct {
		distance int
		name     string
	}
	var candidates []candidate
	for _, flag := range p.all() {
		for _, name := range flag.Names {
			switch other := strings.TrimLeft(name, "-"); {
			case len(other) <= 1:
			case strings.HasPrefix(other, body):
				candidates = append(candidates, candidate{0, name})
			default:
				candidates = append(candidates, candidate{distance(body, other), name})
			}
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
	})
	if candidates[0].distance >= unlike {
		return
	}
	fmt.Fprint(out, "\nDid you mean:\n")
	for _, similar := range candidates {
		if similar.distance == candidates[0].distance {
			fmt.Fprintf(out, "\t%s\n", similar.name)
		}
	}
}

// distance is git's: swapping neighbours costs nothing, a letter to add 1, to
// replace 2, to take out 4.
func distance(from, to string) int {
	const substitute, add, remove = 2, 1, 4
	rows := [3][]int{make([]int, len(to)+1), make([]int, len(to)+1), make([]int, len(to)+1)}
	before, last, now := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(from); i++ {
		now[0] = i
		for j := 1; j <= len(to); j++ {
			now[j] = last[j-1]
			if from[i-1] != to[j-1] {
				now[j] += substitute
			}
			if i >= 2 && j >= 2 && from[i-1] != to[j-1] && from[i-2] == to[j-1] && from[i-1] == to[j-2] {
				now[j] = min(now[j], before[j-2])
			}
			now[j] = min(now[j], last[j]+remove, now[j-1]+add)
		}
		before, last, now = last, now, before
	}
	return last[len(to)]
}
