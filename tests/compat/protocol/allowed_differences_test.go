//go:build peers

package protocol

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// difference is something that Gregor answers otherwise on purpose.
type difference struct {
	subject kmsg.Key
	path    *regexp.Regexp
	reason  string
}

// differences is the whole list.
var differences = []difference{
	{kmsg.DescribeConfigs, regexp.MustCompile(`\.Documentation$`), "Gregor describes its settings in its own words"},
}

// notServed are the APIs of Kafka 3.1.0 that Gregor does not have, with the reason.
// A request for one closes the connection, and ApiVersions leaves it out.
var notServed = map[kmsg.Key]string{}

func allowed(subject kmsg.Key, _ int16, m mismatch) bool {
	for _, d := range differences {
		if d.subject == subject && d.path.MatchString(m.path) {
			return true
		}
	}
	return false
}
