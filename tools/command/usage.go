package command

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	usageWidth  = 80
	columnSpace = 2
	indentWidth = 2
)

type usageRow struct{ option, description string }

// PrintUsage writes the table of options as jopt-simple's BuiltinHelpFormatter
// lays it out: two columns, 80 characters wide, sorted by name.
func (o Options) PrintUsage(out io.Writer) {
	rows := o.usageRows()
	optionWidth, descriptionWidth := columnWidths(rows)
	var fitted []usageRow
	for _, row := range rows {
		fitted = append(fitted, row.fit(optionWidth, descriptionWidth)...)
	}
	optionWidth, descriptionWidth = columnWidths(fitted)
	for _, row := range fitted {
		fmt.Fprintf(out, "%-*s%*s%-*s\n", optionWidth, row.option, columnSpace, "", descriptionWidth, row.description)
	}
}

func (o Options) usageRows() []usageRow {
	heading := usageRow{"Option", "Description"}
	if slices.ContainsFunc(o, func(option Option) bool { return option.Mandatory }) {
		heading.option = "Option (* = required)"
	}
	rows := []usageRow{heading, {strings.Repeat("-", len(heading.option)), strings.Repeat("-", len(heading.description))}}
	sorted := slices.SortedFunc(slices.Values(o), func(a, b Option) int { return strings.Compare(a.Name, b.Name) })
	for _, option := range sorted {
		rows = append(rows, option.usageRow())
	}
	return rows
}

func (o *Option) usageRow() usageRow {
	cell := "--" + o.Name
	if o.Mandatory {
		cell = "* " + cell
	}
	valueType := o.Type
	if valueType == "" {
		valueType = String
	}
	if o.ArgName != "" {
		valueType += ": " + o.ArgName
	}
	switch o.Argument {
	case Required:
		cell += " <" + valueType + ">"
	case Optional:
		cell += " [" + valueType + "]"
	}
	doc := o.Doc
	if o.HasDefault {
		doc = strings.TrimSpace(doc + " (default: " + o.Default + ")")
	}
	return usageRow{cell, doc}
}

func columnWidths(rows []usageRow) (option, description int) {
	for _, row := range rows {
		option = max(option, utf8.RuneCountInString(row.option))
		description = max(description, utf8.RuneCountInString(row.description))
	}
	option = min((usageWidth-columnSpace)/2, option)
	return option, min(usageWidth-option-columnSpace, description)
}

func (r usageRow) fit(optionWidth, descriptionWidth int) []usageRow {
	options, descriptions := wrap(r.option, optionWidth), wrap(r.description, descriptionWidth)
	rows := make([]usageRow, max(len(options), len(descriptions)))
	for i := range rows {
		if i < len(options) {
			rows[i].option = options[i]
		}
		if i < len(descriptions) {
			rows[i].description = descriptions[i]
		}
	}
	return rows
}

func wrap(text string, width int) []string {
	var pieces []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		piece := ""
		for _, word := range lineBreaks(line) {
			if utf8.RuneCountInString(piece)+utf8.RuneCountInString(word) > width {
				pieces = append(pieces, strings.TrimRight(piece, " "))
				piece = strings.Repeat(" ", indentWidth)
			}
			piece += word
		}
		if piece != "" {
			pieces = append(pieces, piece)
		}
	}
	return pieces
}

// lineBreaks cuts a line where java.text.BreakIterator's line instance allows a
// break: after spaces, hyphens and closing punctuation, before opening
// punctuation, and not inside a number.
func lineBreaks(line string) []string {
	var words []string
	for line != "" {
		end := nextBreak(line)
		words = append(words, line[:end])
		line = line[end:]
	}
	return words
}

func nextBreak(line string) int {
	at := skip(line, 0, "([{\"")
	at = skipCore(line, at)
	if hyphens := skip(line, at, "-"); hyphens > at {
		at = hyphens
	} else {
		at = skip(line, at, ")]}.,:;!?%\"")
	}
	return max(skip(line, at, " "), 1)
}

func skip(line string, at int, set string) int {
	for at < len(line) && strings.IndexByte(set, line[at]) >= 0 {
		at++
	}
	return at
}

func skipCore(line string, at int) int {
	digit := func(i int) bool { return i < len(line) && line[i] >= '0' && line[i] <= '9' }
	if digit(at) || at < len(line) && line[at] == '-' && digit(at+1) {
		at++
		for digit(at) || at < len(line) && (line[at] == '.' || line[at] == ',') && digit(at-1) && digit(at+1) {
			at++
		}
	}
	for at < len(line) && strings.IndexByte(" -([{)]}.,:;!?%\"", line[at]) < 0 {
		at++
	}
	return at
}
