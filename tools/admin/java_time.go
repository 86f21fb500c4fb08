package admin

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/tools/command"
)

var datetimePattern = regexp.MustCompile(`^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)(Z|[+-]\d\d(?::\d\d)?)`)

// parseDatetime is Utils.getDateTime: milliseconds since the epoch of
// YYYY-MM-DDTHH:mm:SS.sss with a zone, UTC when there is none.
func parseDatetime(text string) (int64, error) {
	_, clock, found := strings.Cut(text, "T")
	if !found || clock == "" {
		return 0, command.Throw("java.text.ParseException", "Error parsing timestamp. It does not contain a 'T' according to ISO8601 format")
	}
	clock, _, _ = strings.Cut(clock, "T")
	if !strings.ContainsAny(clock, "+-Z") {
		text += "Z"
	}
	unparseable := command.Throw("java.text.ParseException", "Unparseable date: \"%s\"", text)
	fields := datetimePattern.FindStringSubmatch(text)
	if fields == nil {
		return 0, unparseable
	}
	var numbers [7]int
	for i := range numbers {
		number, err := strconv.Atoi(fields[i+1])
		if err != nil {
			return 0, unparseable
		}
		numbers[i] = number
	}
	zone, ok := zoneOffset(fields[8])
	day := time.Date(numbers[0], time.Month(numbers[1]), numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]*int(time.Millisecond), time.UTC)
	same := day.Year() == numbers[0] && int(day.Month()) == numbers[1] && day.Day() == numbers[2] && day.Hour() == numbers[3] &&
		day.Minute() == numbers[4] && day.Second() == numbers[5] && day.Nanosecond() == numbers[6]*int(time.Millisecond)
	if !ok || !same || numbers[0] == 0 {
		return 0, unparseable
	}
	return day.UnixMilli() - zone.Milliseconds(), nil
}

func zoneOffset(text string) (time.Duration, bool) {
	if text == "Z" {
		return 0, true
	}
	hours, _ := strconv.Atoi(text[1:3])
	minutes := 0
	if len(text) > 3 {
		minutes, _ = strconv.Atoi(text[4:6])
	}
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, hours < 24 && minutes < 60
}

var durationPattern = regexp.MustCompile(`(?i)^([-+]?)P(?:([-+]?[0-9]+)D)?(T(?:([-+]?[0-9]+)H)?(?:([-+]?[0-9]+)M)?(?:([-+]?[0-9]+)(?:[.,]([0-9]{0,9}))?S)?)?$`)

// parseDuration is java.time.Duration.parse: PnDTnHnMn.nS.
func parseDuration(text string) (time.Duration, error) {
	unparseable := command.Throw("java.time.format.DateTimeParseException", "Text cannot be parsed to a Duration")
	fields := durationPattern.FindStringSubmatch(text)
	if fields == nil || strings.EqualFold(fields[3], "T") || fields[2]+fields[4]+fields[5]+fields[6] == "" {
		return 0, unparseable
	}
	var total float64
	for i, unit := range map[int]time.Duration{2: 24 * time.Hour, 4: time.Hour, 5: time.Minute, 6: time.Second} {
		if fields[i] == "" {
			continue
		}
		number, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, unparseable
		}
		total += float64(number) * float64(unit)
	}
	fraction, _ := strconv.ParseFloat("0."+fields[7], 64)
	if strings.HasPrefix(fields[6], "-") {
		fraction = -fraction
	}
	total += fraction * float64(time.Second)
	if fields[1] == "-" {
		total = -total
	}
	if math.Abs(total) > float64(math.MaxInt64/2) {
		return 0, command.Throw("java.lang.ArithmeticException", "long overflow")
	}
	return time.Duration(total), nil
}
