package config

import (
	"maps"
	"slices"
	"strings"
)

// Source tells where a described value comes from; its values are those of
// DescribeConfigsResponse.
type Source int8

// The sources, from DescribeConfigsResponse.ConfigSource.
const (
	SourceUnknown Source = iota
	SourceTopic
	SourceDynamicBroker
	SourceDynamicDefaultBroker
	SourceStaticBroker
	SourceDefault
	SourceDynamicBrokerLogger
)

// Synonym is one of the keys that can give a described setting.
type Synonym struct {
	Name   string
	Value  *string
	Source Source
}

// Entry is one described setting, as DescribeConfigsResourceResult. A nil
// value is null, as every sensitive value is.
type Entry struct {
	Name          string
	Value         *string
	Source        Source
	IsSensitive   bool
	ReadOnly      bool
	Synonyms      []Synonym
	Documentation *string
	// TypeCode is DescribeConfigsResponse.ConfigType, 0 for an unknown key.
	TypeCode int8
}

// Layers are the texts that a broker's settings come from, the strongest
// first; the defaults of the table come last.
type Layers struct {
	// DynamicBroker and DynamicDefault are set while the broker runs, for it
	// or for all; Static is its file with the overrides of the command line.
	DynamicBroker, DynamicDefault, Static map[string]string
}

// typeCodes are DescribeConfigsResponse.ConfigType by [Type].
var typeCodes = [...]int8{Boolean: 1, String: 2, Int: 3, Short: 4, Long: 5, Double: 6, List: 7, Class: 8, Password: 9}

// DescribeBroker returns what DescribeConfigs tells of a broker: all its
// settings, sorted, and given keys that are no setting, as
// kafka.server.ConfigHelper.
func DescribeBroker(broker *BrokerConfig, layers Layers) []Entry {
	names := map[string]bool{}
	for key := range broker.originals {
		names[key] = true
	}
	for _, row := range BrokerDef.rows {
		if !row.Internal && !row.DynamicOnly {
			names[row.Name] = true
		}
	}
	layers.Static = withBrokerAndNodeID(layers.Static)
	entries := make([]Entry, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		entries = append(entries, layers.brokerEntry(name, broker.textFor(name), true))
	}
	return entries
}

// DescribeBrokerDefaults returns what DescribeConfigs tells of the dynamic
// defaults of all brokers.
func DescribeBrokerDefaults(layers Layers) []Entry {
	entries := make([]Entry, 0, len(layers.DynamicDefault))
	for _, name := range slices.Sorted(maps.Keys(layers.DynamicDefault)) {
		text := layers.DynamicDefault[name]
		entries = append(entries, layers.brokerEntry(name, &text, false))
	}
	return entries
}

// DescribeTopic returns what DescribeConfigs tells of a topic with the given
// configuration and overrides.
func DescribeTopic(topic *TopicConfig, layers Layers) []Entry {
	layers.Static = withBrokerAndNodeID(layers.Static)
	names := map[string]bool{}
	for key := range topic.originals {
		names[key] = true
	}
	for _, row := range TopicDef.rows {
		if !row.Internal {
			names[row.Name] = true
		}
	}
	entries := make([]Entry, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		entries = append(entries, layers.topicEntry(topic, name))
	}
	return entries
}

func (c *BrokerConfig) textFor(name string) *string {
	row := BrokerDef.Row(name)
	if row == nil || row.DynamicOnly {
		text, ok := c.originals[name]
		return optional(text, ok)
	}
	return optional(c.Text(row))
}

func optional(text string, ok bool) *string {
	if !ok {
		return nil
	}
	return &text
}

func (l Layers) brokerEntry(name string, value *string, perBroker bool) Entry {
	row := BrokerDef.Row(settingOf(name))
	own := BrokerDef.Row(name)
	entry := Entry{
		Name:        name,
		Value:       value,
		IsSensitive: IsSensitive(name),
		ReadOnly:    own == nil || own.DynamicOnly || !own.IsDynamic(),
	}
	if row != nil {
		entry.TypeCode = typeCodes[row.Type]
	}
	if own != nil {
		entry.Documentation = &own.Doc
	}
	if entry.IsSensitive {
		entry.Value = nil
	}
	entry.Synonyms = l.synonyms(name, BrokerSynonyms(name, true), entry.IsSensitive)
	if !perBroker {
		entry.Synonyms = slices.DeleteFunc(entry.Synonyms, func(s Synonym) bool { return s.Source != SourceDynamicDefaultBroker })
	}
	entry.Source = firstSource(entry.Synonyms)
	return entry
}

func (l Layers) topicEntry(topic *TopicConfig, name string) Entry {
	row := TopicDef.Row(name)
	entry := Entry{Name: name, IsSensitive: row == nil}
	if row != nil {
		entry.Value = optional(topic.Text(row))
		entry.TypeCode = typeCodes[row.Type]
		entry.Documentation = &row.Doc
		if row.ServerDefault != "" {
			entry.Synonyms = l.synonyms(row.ServerDefault, BrokerSynonyms(row.ServerDefault, true), false)
		}
	}
	if _, overridden := topic.originals[name]; overridden {
		entry.Synonyms = append([]Synonym{{name, entry.Value, SourceTopic}}, entry.Synonyms...)
	}
	entry.Source = firstSource(entry.Synonyms)
	return entry
}

func firstSource(synonyms []Synonym) Source {
	if len(synonyms) == 0 {
		return SourceDefault
	}
	return synonyms[0].Source
}

// synonyms lists by layer what each of the names gives, from the first one
// that is the described name itself.
func (l Layers) synonyms(name string, names []string, sensitive bool) []Synonym {
	var synonyms []Synonym
	add := func(key string, value *string, source Source) {
		if value == nil || len(synonyms) == 0 && key != name {
			return
		}
		if sensitive {
			value = nil
		}
		synonyms = append(synonyms, Synonym{key, value, source})
	}
	for _, layer := range []struct {
		texts  map[string]string
		source Source
	}{
		{l.DynamicBroker, SourceDynamicBroker},
		{l.DynamicDefault, SourceDynamicDefaultBroker},
		{l.Static, SourceStaticBroker},
	} {
		for _, key := range names {
			text, ok := layer.texts[key]
			add(key, optional(text, ok), layer.source)
		}
	}
	for _, key := range names {
		if row := BrokerDef.Row(key); row != nil && !row.DynamicOnly {
			add(key, row.defaultText(), SourceDefault)
		}
	}
	return synonyms
}

// defaultText is the default as described, nil for null.
func (r *Row) defaultText() *string {
	value, err := r.defaultValue()
	return optional(formatValue(value), err == nil && value != nil)
}

// Describe returns the block that a broker logs when it starts: every setting
// with its value, sorted, passwords hidden, as AbstractConfig.logAll.
func (c *BrokerConfig) Describe() string {
	rows := slices.Clone(BrokerDef.rows)
	slices.SortFunc(rows, func(a, b *Row) int { return strings.Compare(a.Name, b.Name) })
	var text strings.Builder
	text.WriteString("KafkaConfig values: \n")
	for _, row := range rows {
		if !row.DynamicOnly {
			text.WriteString("\t" + row.Name + " = " + row.loggable(c.parsed[row.index]) + "\n")
		}
	}
	return text.String()
}

// HiddenPassword stands in logs for the value of a password.
const HiddenPassword = "[hidden]"

func (r *Row) loggable(value any) string {
	switch {
	case value == nil:
		return "null"
	case r.Type == Password:
		return HiddenPassword
	case r.Type == Class:
		return "class " + formatValue(value)
	default:
		return renderValue(value)
	}
}
