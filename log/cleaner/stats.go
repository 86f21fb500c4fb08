package cleaner

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// cleanerStats is what one cleaning did, as kafka.log.CleanerStats.
type cleanerStats struct {
	start, mapDone, end time.Time

	bytesRead, bytesWritten       int64
	messagesRead, messagesWritten int64
	mapBytesRead, mapMessagesRead int64
	invalidMessages               int64
	bufferUtilization             float64
}

func (s *cleanerStats) elapsed() float64 { return seconds(s.start, s.end) }

func seconds(from, to time.Time) float64 { return float64(to.Sub(from).Milliseconds()) / 1000 }

// report is the text for the log, word for word that of Kafka.
func (s *cleanerStats) report(thread int, name string, from, to int64) string {
	mb := func(bytes float64) float64 { return bytes / (1024 * 1024) }
	all, indexing := s.elapsed(), seconds(s.start, s.mapDone)
	read, written := float64(s.bytesRead), float64(s.bytesWritten)
	var text strings.Builder
	fmt.Fprintf(&text, "\n\tLog cleaner thread %d cleaned log %s (dirty section = [%d, %d])\n", thread, name, from, to)
	fmt.Fprintf(&text, "\t%s MB of log processed in %s seconds (%s MB/sec).\n", grouped(mb(read)), grouped(all), grouped(mb(read/all)))
	fmt.Fprintf(&text, "\tIndexed %s MB in %s seconds (%s Mb/sec, %s%% of total time)\n",
		grouped(mb(float64(s.mapBytesRead))), plain(indexing), grouped(mb(float64(s.mapBytesRead))/indexing), plain(100*indexing/all))
	fmt.Fprintf(&text, "\tBuffer utilization: %s%%\n", plain(100*s.bufferUtilization))
	fmt.Fprintf(&text, "\tCleaned %s MB in %s seconds (%s Mb/sec, %s%% of total time)\n",
		grouped(mb(read)), plain(all-indexing), grouped(mb(read)/(all-indexing)), plain(100*(all-indexing)/all))
	fmt.Fprintf(&text, "\tStart size: %s MB (%s messages)\n", grouped(mb(read)), groupDigits(strconv.FormatInt(s.messagesRead, 10)))
	fmt.Fprintf(&text, "\tEnd size: %s MB (%s messages)\n", grouped(mb(written)), groupDigits(strconv.FormatInt(s.messagesWritten, 10)))
	fmt.Fprintf(&text, "\t%s%% size reduction (%s%% fewer messages)\n",
		plain(100*(1-written/read)), plain(100*(1-float64(s.messagesWritten)/float64(s.messagesRead))))
	return text.String()
}

// plain is Java's %.1f.
func plain(value float64) string {
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 1):
		return "Infinity"
	case math.IsInf(value, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(value, 'f', 1, 64)
}

// grouped is Java's %,.1f.
func grouped(value float64) string {
	text := plain(value)
	whole, fraction, ok := strings.Cut(text, ".")
	if !ok {
		return text
	}
	return groupDigits(whole) + "." + fraction
}

// groupDigits puts a comma between groups of three digits.
func groupDigits(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
