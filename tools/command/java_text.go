package command

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"strconv"
	"strings"
)

// JavaFixed is String.format("%.<digits>f"), which rounds the number's shortest
// decimal form, a 5 away from zero.
func JavaFixed(number float64, digits int) string {
	if text, ok := notFinite(number); ok {
		return text
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(number, 'f', -1, 64), ".")
	if len(fraction) <= digits {
		return joinFraction(whole, fraction+strings.Repeat("0", digits-len(fraction)))
	}
	roundUp := fraction[digits] >= '5'
	kept := []byte(whole + fraction[:digits])
	for i := len(kept) - 1; roundUp && i >= 0 && kept[i] != '-'; i-- {
		if kept[i] == '9' {
			kept[i] = '0'
			continue
		}
		kept[i]++
		roundUp = false
	}
	text := string(kept)
	if roundUp {
		sign := strings.HasPrefix(text, "-")
		text = "1" + strings.TrimPrefix(text, "-")
		if sign {
			text = "-" + text
		}
	}
	return joinFraction(text[:len(text)-digits], text[len(text)-digits:])
}

func joinFraction(whole, fraction string) string {
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

func notFinite(number float64) (string, bool) {
	switch {
	case math.IsNaN(number):
		return "NaN", true
	case math.IsInf(number, 1):
		return "Infinity", true
	case math.IsInf(number, -1):
		return "-Infinity", true
	}
	return "", false
}

// LoadProperties is Utils.loadProps: the properties of a file, none when the path
// is empty.
func LoadProperties(path string) (map[string]string, error) {
	properties, err := ClientProperties(path, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Throw("java.nio.file.NoSuchFileException", "%s", path)
	}
	return properties, err
}

// RequireUnless is jopt-simple's requiredUnless: one of the two options must be
// given, unless an option marked Help is.
func (s *Set) RequireUnless(name, unless string) error {
	for _, option := range s.options {
		if option.Help && s.Has(option.Name) {
			return nil
		}
	}
	if s.Has(name) || s.Has(unless) {
		return nil
	}
	return parseErrorf("MissingRequiredOptions", "Missing required option(s) [%s]", name)
}

// End reports how a tool ended whose main leaves exceptions to the JVM: a
// [UsageError] with the usage table, others as uncaught. It returns the exit code.
func (o Options) End(err error, stderr io.Writer) int {
	if err == nil || IsUsage(err) {
		return o.Die(err, stderr)
	}
	return DieOfParse(err, stderr)
}
