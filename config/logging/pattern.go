package logging

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// converter appends its part of a line.
type converter func(line []byte, entry *logrus.Entry, logger string) []byte

// layout is log4j's PatternLayout.
type layout []converter

// render appends the line of an entry. The error it carries, if any, follows
// on lines of its own, as log4j prints a throwable.
func (l layout) render(line []byte, entry *logrus.Entry, logger string) []byte {
	for _, convert := range l {
		line = convert(line, entry, logger)
	}
	if failure, ok := entry.Data[logrus.ErrorKey]; ok && failure != nil {
		line = fmt.Appendln(line, failure)
	}
	return line
}

// parsePattern compiles a conversion pattern such as [%d] %p %m (%c)%n.
func parsePattern(pattern string) (layout, error) {
	var compiled layout
	for pattern != "" {
		percent := strings.IndexByte(pattern, '%')
		if percent < 0 {
			return append(compiled, literal(pattern)), nil
		}
		if percent > 0 {
			compiled = append(compiled, literal(pattern[:percent]))
		}
		convert, rest, err := parseConversion(pattern[percent+1:])
		if err != nil {
			return nil, err
		}
		compiled = append(compiled, convert)
		pattern = rest
	}
	return compiled, nil
}

func literal(text string) converter {
	return func(line []byte, _ *logrus.Entry, _ string) []byte { return append(line, text...) }
}

// parseConversion reads what follows a percent sign: width, letter, option.
func parseConversion(text string) (converter, string, error) {
	end := 0
	for end < len(text) && strings.IndexByte("-.0123456789", text[end]) >= 0 {
		end++
	}
	if end == len(text) {
		return nil, "", fmt.Errorf("the pattern ends within a conversion")
	}
	width, letter, rest, option := text[:end], text[end], text[end+1:], ""
	if closing := strings.IndexByte(rest, '}'); strings.HasPrefix(rest, "{") && closing > 0 {
		option, rest = rest[1:closing], rest[closing+1:]
	}
	convert, err := conversionOf(letter, option)
	if err != nil || width == "" {
		return convert, rest, err
	}
	return padded(convert, width), rest, nil
}

func conversionOf(letter byte, option string) (converter, error) {
	switch letter {
	case '%':
		return literal("%"), nil
	case 'n':
		return literal("\n"), nil
	case 'm':
		return func(line []byte, entry *logrus.Entry, _ string) []byte { return append(line, entry.Message...) }, nil
	case 'p':
		return func(line []byte, entry *logrus.Entry, _ string) []byte {
			return append(line, levelName(entry.Level)...)
		}, nil
	case 'c':
		return loggerConverter(option), nil
	case 'd':
		return dateConverter(option), nil
	case 'X':
		return func(line []byte, entry *logrus.Entry, _ string) []byte {
			if value, ok := entry.Data[option]; ok {
				return fmt.Append(line, value)
			}
			return line
		}, nil
	case 't':
		return literal("main"), nil
	case 'C', 'F', 'L', 'M', 'l', 'r', 'x':
		return literal("?"), nil
	}
	return nil, fmt.Errorf("unknown conversion %%%c", letter)
}

// loggerConverter renders the logger's name, or its last n parts.
func loggerConverter(option string) converter {
	parts, err := strconv.Atoi(option)
	return func(line []byte, _ *logrus.Entry, logger string) []byte {
		if err == nil && parts > 0 {
			names := strings.Split(logger, ".")
			logger = strings.Join(names[max(0, len(names)-parts):], ".")
		}
		return append(line, logger...)
	}
}

// dateConverter renders the time in one of log4j's named forms or by a
// SimpleDateFormat pattern.
func dateConverter(option string) converter {
	goLayout := "2006-01-02 15:04:05,000"
	switch option {
	case "", "ISO8601":
	case "ABSOLUTE":
		goLayout = "15:04:05,000"
	case "DATE":
		goLayout = "02 Jan 2006 15:04:05,000"
	default:
		format := parseDateFormat(option)
		return func(line []byte, entry *logrus.Entry, _ string) []byte {
			return append(line, format.render(entry.Time)...)
		}
	}
	return func(line []byte, entry *logrus.Entry, _ string) []byte {
		return entry.Time.AppendFormat(line, goLayout)
	}
}

// padded applies a width such as 5, -5 or -20.30: a minimum, aligned to the
// right or with a minus to the left, and a maximum that cuts from the left.
func padded(convert converter, width string) converter {
	minimumText, maximumText, _ := strings.Cut(width, ".")
	minimum, _ := strconv.Atoi(minimumText)
	maximum, _ := strconv.Atoi(maximumText)
	const widest = 1024
	minimum = min(max(minimum, -widest), widest)
	return func(line []byte, entry *logrus.Entry, logger string) []byte {
		text := string(convert(nil, entry, logger))
		if maximum > 0 && len(text) > maximum {
			text = text[len(text)-maximum:]
		}
		return fmt.Appendf(line, "%*s", minimum, text)
	}
}

// dateFormat is Java's SimpleDateFormat for the letters that log files use.
type dateFormat []datePart

type datePart struct {
	layout  string // of package time
	literal string
}

var dateLetters = map[string]string{
	"yyyy": "2006", "yy": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02", "d": "2",
	"HH": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5", "a": "PM",
	"EEEE": "Monday", "EEE": "Mon", "z": "MST", "Z": "-0700", "XXX": "Z07:00",
}

func parseDateFormat(pattern string) dateFormat {
	var format dateFormat
	for pattern != "" {
		if pattern[0] == '\'' {
			end := strings.IndexByte(pattern[1:], '\'')
			if end < 0 {
				return append(format, datePart{literal: pattern[1:]})
			}
			format = append(format, datePart{literal: pattern[1 : 1+end]})
			if end == 0 {
				format[len(format)-1].literal = "'"
			}
			pattern = pattern[end+2:]
			continue
		}
		run := 1
		for run < len(pattern) && pattern[run] == pattern[0] {
			run++
		}
		format = append(format, datePartOf(pattern[:run]))
		pattern = pattern[run:]
	}
	return format
}

func datePartOf(run string) datePart {
	if layout, ok := dateLetters[run]; ok {
		return datePart{layout: layout}
	}
	if strings.Trim(run, "S") == "" {
		return datePart{layout: "." + strings.Repeat("0", len(run))}
	}
	return datePart{literal: run}
}

func (f dateFormat) render(at time.Time) string {
	var text strings.Builder
	for _, part := range f {
		switch {
		case part.layout == "":
			text.WriteString(part.literal)
		case part.layout[0] == '.':
			text.WriteString(at.Format(part.layout)[1:])
		default:
			text.WriteString(at.Format(part.layout))
		}
	}
	return text.String()
}
