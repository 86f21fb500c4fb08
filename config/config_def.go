// Package config holds every setting of a broker and of a topic: one table of
// rows, from which parsing, validation, DescribeConfigs and the documentation
// derive. A row is a typed package variable (a [Key]); its name is the Kafka
// key in camel case, so log.segment.bytes is [LogSegmentBytes].
//
// It mirrors org.apache.kafka.common.config.ConfigDef, kafka.server.KafkaConfig
// and kafka.log.LogConfig.
package config

import "fmt"

// Type is the type of a setting's value, as ConfigDef.Type.
type Type int

// The types a setting may have. List is comma separated; Class names a class.
const (
	Boolean Type = iota
	String
	Int
	Short
	Long
	Double
	List
	Class
	Password
)

// Importance is the weight documentation gives to a setting.
type Importance int

// The importances of ConfigDef.
const (
	High Importance = iota
	Medium
	Low
)

// Scope tells whether a broker setting can change while the broker runs, as
// the update modes of KIP-226.
type Scope int

// A read-only setting needs a restart, a per-broker one can be set for one
// broker, a cluster-wide one also as the default of all brokers.
const (
	ReadOnly Scope = iota
	PerBroker
	ClusterWide
)

// Row is one setting. Default is the text of the default value; HasDefault
// false means the default is null.
type Row struct {
	Name       string
	Type       Type
	Default    string
	HasDefault bool
	Validator  Validator
	Importance Importance
	Scope      Scope
	Doc        string
	// Fallbacks are the settings that give the value when this one is not
	// set, in order, as KafkaConfig's synonyms.
	Fallbacks []string
	// ServerDefault is the broker setting that gives a topic setting its
	// default, as LogConfig.ServerDefaultHeaderName.
	ServerDefault string
	// Internal rows are accepted but not described.
	Internal bool
	// DynamicOnly rows can be set while the broker runs and never in its file,
	// as kafka.server.DynamicConfig.Broker.
	DynamicOnly bool

	index int
}

// Def is a table of rows: [BrokerDef] or [TopicDef].
type Def struct {
	rows   []*Row
	byName map[string]*Row
}

// BrokerDef has the settings of a broker, TopicDef those of a topic.
var (
	BrokerDef = &Def{byName: map[string]*Row{}}
	TopicDef  = &Def{byName: map[string]*Row{}}
)

// Rows returns the table in the order of its definition.
func (d *Def) Rows() []*Row { return d.rows }

// Row returns the setting with that name, or nil.
func (d *Def) Row(name string) *Row { return d.byName[name] }

func (d *Def) add(row Row) *Row {
	if d.byName[row.Name] != nil {
		panic(fmt.Sprintf("config: %s is defined twice", row.Name))
	}
	row.index = len(d.rows)
	added := &row
	d.rows = append(d.rows, added)
	d.byName[row.Name] = added
	return added
}

// Key is a setting whose value has the Go type T.
type Key[T any] struct{ *Row }
