package perf

import (
	"testing"
	"time"
)

// The expectations were printed by java.text.SimpleDateFormat.
func TestDateFormat(t *testing.T) {
	zone := time.FixedZone("IST", 5*3600+1800)
	first, second := time.UnixMilli(1642759200005).In(zone), time.UnixMilli(1640955599999).In(zone)
	for _, test := range []struct{ pattern, want string }{
		{"yyyy-MM-dd HH:mm:ss:SSS", "2022-01-21 15:30:00:005 | 2021-12-31 18:29:59:999"},
		{"yy y yyyyy M MM MMM MMMM L", "22 2022 02022 1 01 Jan January 1 | 21 2021 02021 12 12 Dec December 12"},
		{"EEE EEEE u D F d dd", "Fri Friday 5 21 3 21 21 | Fri Friday 5 365 5 31 31"},
		{"h hh K k H a", "3 03 3 15 15 PM | 6 06 6 18 18 PM"},
		{"Z X XX XXX", "+0530 +05 +0530 +05:30 | +0530 +05 +0530 +05:30"},
		{"w W YYYY", "4 4 2022 | 1 5 2022"},
		{"S SS", "5 05 | 999 999"},
		{"'it''s' HH", "it's 15 | it's 18"},
		{"G''yy", "AD'22 | AD'21"},
		{"'it''s' o''clock HH", "Illegal pattern character 'o'"},
		{"ss.SSS/x", "Illegal pattern character 'x'"},
		{"'open", "Unterminated quote"},
		{"XXXX", "invalid ISO 8601 format: length=4"},
	} {
		format, err := newDateFormat(test.pattern)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = format.format(first) + " | " + format.format(second)
		}
		if got != test.want {
			t.Errorf("%q gives %q, want %q", test.pattern, got, test.want)
		}
	}
}
