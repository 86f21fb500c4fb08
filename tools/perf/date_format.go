package perf

import (
	"fmt"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/tools/command"
)

// dateFormat writes times as java.text.SimpleDateFormat does in English.
type dateFormat struct{ fields []dateField }

// dateField is a letter and how often it stands, or a text to copy.
type dateField struct {
	letter byte
	count  int
	text   string
}

const dateLetters = "GyMwWDdFEuaHkKhmsSzZYLX"

func newDateFormat(pattern string) (*dateFormat, error) {
	format := &dateFormat{}
	for i := 0; i < len(pattern); {
		letter := pattern[i]
		switch {
		case letter == '\'':
			text, length := quotedText(pattern[i:])
			if length < 0 {
				return nil, command.Throw(command.IllegalArgument, "Unterminated quote")
			}
			format.fields = append(format.fields, dateField{text: text})
			i += length
		case letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z':
			if strings.IndexByte(dateLetters, letter) < 0 {
				return nil, command.Throw(command.IllegalArgument, "Illegal pattern character '%c'", letter)
			}
			count := 1
			for i+count < len(pattern) && pattern[i+count] == letter {
				count++
			}
			if letter == 'X' && count > 3 {
				return nil, command.Throw(command.IllegalArgument, "invalid ISO 8601 format: length=%d", count)
			}
			format.fields = append(format.fields, dateField{letter: letter, count: count})
			i += count
		default:
			format.fields = append(format.fields, dateField{text: pattern[i : i+1]})
			i++
		}
	}
	return format, nil
}

// quotedText reads a text in apostrophes, in which two stand for one; two alone are
// one as well. The length is negative when the text does not end.
func quotedText(pattern string) (text string, length int) {
	if strings.HasPrefix(pattern, "''") {
		return "'", 2
	}
	for i := 1; i < len(pattern); i++ {
		switch {
		case pattern[i] != '\'':
			text += pattern[i : i+1]
		case strings.HasPrefix(pattern[i:], "''"):
			text += "'"
			i++
		default:
			return text, i + 1
		}
	}
	return "", -1
}

func (f *dateFormat) format(at time.Time) string {
	var out strings.Builder
	for _, field := range f.fields {
		out.WriteString(field.format(at))
	}
	return out.String()
}

func (f dateField) format(at time.Time) string {
	number := func(value int) string { return fmt.Sprintf("%0*d", f.count, value) }
	year := func(value int) string {
		if f.count == 2 {
			return fmt.Sprintf("%02d", value%100)
		}
		return number(value)
	}
	first := at.AddDate(0, 0, 1-at.Day())
	switch f.letter {
	case 0:
		return f.text
	case 'G':
		return "AD"
	case 'y':
		return year(at.Year())
	case 'Y':
		return year(weekYear(at))
	case 'M', 'L':
		return f.name(at.Month().String(), int(at.Month()), 3)
	case 'w':
		return number(week(at))
	case 'W':
		return number((at.Day()-1+int(first.Weekday()))/7 + 1)
	case 'D':
		return number(at.YearDay())
	case 'd':
		return number(at.Day())
	case 'F':
		return number((at.Day()-1)/7 + 1)
	case 'E':
		return f.name(at.Weekday().String(), 0, 0)
	case 'u':
		return number((int(at.Weekday())+6)%7 + 1)
	}
	return f.formatClock(at, number)
}

func (f dateField) formatClock(at time.Time, number func(int) string) string {
	switch f.letter {
	case 'a':
		return at.Format("PM")
	case 'H':
		return number(at.Hour())
	case 'k':
		return number((at.Hour()+23)%24 + 1)
	case 'K':
		return number(at.Hour() % 12)
	case 'h':
		return number((at.Hour()+11)%12 + 1)
	case 'm':
		return number(at.Minute())
	case 's':
		return number(at.Second())
	case 'S':
		return number(at.Nanosecond() / int(time.Millisecond))
	case 'z':
		return at.Format("MST")
	case 'X':
		return at.Format([]string{"Z07", "Z0700", "Z07:00"}[f.count-1])
	}
	return at.Format("-0700")
}

// name is a name in full from four letters on, its beginning before, and the number
// below the count from which names begin.
func (f dateField) name(full string, number, names int) string {
	switch {
	case f.count < names:
		return fmt.Sprintf("%0*d", f.count, number)
	case f.count >= 4:
		return full
	}
	return full[:3]
}

// week counts weeks from Sunday on; the one with the first of January is the first.
func week(at time.Time) int {
	if weekYear(at) > at.Year() {
		return 1
	}
	first := time.Date(at.Year(), time.January, 1, 0, 0, 0, 0, at.Location())
	return (at.YearDay()-1+int(first.Weekday()))/7 + 1
}

func weekYear(at time.Time) int {
	return at.AddDate(0, 0, 6-int(at.Weekday())).Year()
}
