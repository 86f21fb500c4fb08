//go:build peers

package tools

import (
	"regexp"
	"slices"
	"strings"
)

// normaliser takes out of a tool's text what no two runs share.
type normaliser struct {
	cluster target
	dir     string
}

// replacements apply to every step.
var replacements = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`TopicId: [\w-]{22}`), "TopicId: <id>"},
	{regexp.MustCompile(`(?m)^\[?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,:]\d{3}\]?`), "<time>"},
	{regexp.MustCompile(`(CreateTime|LogAppendTime):\d+`), "$1:<time>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`"timestamp":\d+`), `"timestamp":<time>`},
	// Differences of timestamps within a batch take one byte or two.
	{regexp.MustCompile(`"size":\d+`), `"size":<n>`},
	{regexp.MustCompile(`/\S*/kafka-logs\b(-0)?`), "<log dir>"},
	// The Java tool prints an array's address.
	{regexp.MustCompile(`(has different replication factor: )\[[^]\n(]*\]?`), "${1}<replicas>"},
	// How often a client asks again is a matter of time.
	{regexp.MustCompile(`(?m)^<time> WARN .*Error while fetching metadata with correlation id.*\n`), ""},
	{regexp.MustCompile(`(?m)^(\tat |\t\.\.\. |Caused by: |SLF4J: ).*\n`), ""},
}

// optionDocs are what a table of options says beside their names: Gregor's tools say
// it in their own words.
var optionDocs = regexp.MustCompile(`(?s)(Option +Description *\n)(.*)`)

// optionNames keeps of a table of options their names.
func optionNames(table string) string {
	var names []string
	for _, line := range strings.Split(table, "\n") {
		if strings.HasPrefix(line, "-") {
			names = append(names, strings.Fields(line)[0])
		}
	}
	return strings.Join(names, "\n")
}

// figures are measurements.
var figures = regexp.MustCompile(`-?\d+(\.\d+)?`)

func (n normaliser) text(s step, text string) string {
	_, port, _ := strings.Cut(n.cluster.Bootstrap(), ":")
	text = strings.NewReplacer(n.cluster.Bootstrap(), "<broker>", n.cluster.ZooKeeperAddress(), "<zookeeper>", n.dir, "<dir>").Replace(text)
	text = strings.ReplaceAll(text, port, "<port>")
	for _, r := range replacements {
		text = r.pattern.ReplaceAllString(text, r.text)
	}
	text = optionDocs.ReplaceAllStringFunc(text, optionNames)
	if s.measures {
		text = figures.ReplaceAllString(text, "<n>")
	}
	if s.unordered {
		lines := strings.Split(text, "\n")
		slices.Sort(lines)
		text = strings.Join(lines, "\n")
	}
	return text
}
