// Package metrics gives Kafka's metrics to Prometheus under the names that the
// JMX exporter's Kafka rules would make of them, so that dashboards of Kafka
// brokers work unchanged.
//
// A component makes a [Group] of its bean type, takes gauges, meters and
// histograms from it, and closes it when it stops:
//
//	group := registry.Group("kafka.server", "ReplicaManager")
//	group.Gauge("PartitionCount", nil, func() float64 { … })
//	shrinks := group.Meter("IsrShrinksPerSec", nil)
//	defer group.Close()
package metrics

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Labels are the tags of a bean behind type and name, in Kafka's order.
type Labels []Label

// Label is one tag.
type Label struct{ Name, Value string }

// Kind is the Prometheus type of a sample.
type Kind uint8

// The kinds of samples.
const (
	GaugeSample Kind = iota
	CounterSample
)

// Sample is one present value under its Prometheus name.
type Sample struct {
	Name   string
	Kind   Kind
	Labels Labels
	Value  float64
}

// Registry holds every metric of one broker. Package exporter hands it to
// Prometheus.
type Registry struct {
	mu      sync.RWMutex
	metrics map[string]*metric // by name and labels
}

// metric is one gauge, meter or histogram under its Prometheus name.
type metric struct {
	name   string
	labels Labels
	source any
	// owners counts the groups that hold it; it goes with the last.
	owners int
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{metrics: map[string]*metric{}} }

// Visit calls visit with the present value of every metric, in no order.
func (r *Registry) Visit(visit func(Sample)) {
	r.mu.RLock()
	all := make([]metric, 0, len(r.metrics))
	for _, m := range r.metrics {
		all = append(all, *m)
	}
	r.mu.RUnlock()
	for _, m := range all {
		switch source := m.source.(type) {
		case func() float64:
			visit(Sample{m.name, GaugeSample, m.labels, source()})
		case *Meter:
			visit(Sample{m.name, CounterSample, m.labels, float64(source.Count())})
		case *Histogram:
			source.visit(&m, visit)
		}
	}
}

// add registers a metric, or joins the one that is there already when both are
// meters or both are histograms.
func (r *Registry) add(name string, labels Labels, source any) *metric {
	key := name + labels.key()
	r.mu.Lock()
	defer r.mu.Unlock()
	if present := r.metrics[key]; present != nil {
		if _, gauge := source.(func() float64); gauge {
			present.source = source // the newest component answers
		}
		present.owners++
		return present
	}
	added := &metric{name: name, labels: labels, source: source, owners: 1}
	r.metrics[key] = added
	return added
}

func (r *Registry) remove(m *metric) {
	key := m.name + m.labels.key()
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.owners--; m.owners == 0 && r.metrics[key] == m {
		delete(r.metrics, key)
	}
}

func (l Labels) key() string {
	var text strings.Builder
	for _, label := range l {
		fmt.Fprintf(&text, "\x00%s=%s", label.Name, label.Value)
	}
	return text.String()
}

// exported gives the labels as Prometheus has them: legal names, and a tag
// without a value left out, as KafkaMetricsGroup does.
func (l Labels) exported() Labels {
	var labels Labels
	for _, label := range l {
		if label.Value != "" {
			labels = append(labels, Label{sanitize(label.Name), label.Value})
		}
	}
	return labels
}

// sanitize makes a legal Prometheus name part.
func sanitize(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' {
			return c
		}
		return '_'
	}, text)
}

// Group is the metrics of one component: those of one bean type.
type Group struct {
	registry *Registry
	prefix   string

	mu   sync.Mutex
	held []*metric
}

// Group makes a group for beans such as kafka.server:type=ReplicaManager. A
// nil registry gives a group whose metrics nobody sees.
func (r *Registry) Group(domain, beanType string) *Group {
	return &Group{registry: r, prefix: sanitize(strings.ToLower(domain + "_" + beanType + "_"))}
}

// Gauge registers a value that is asked for when metrics are gathered.
func (g *Group) Gauge(name string, labels Labels, value func() float64) {
	g.hold(g.prefix+sanitize(strings.ToLower(name)), labels, value)
}

// Meter returns the meter of that name and labels. A name that ends in PerSec
// becomes …_total, any other …_count.
func (g *Group) Meter(name string, labels Labels) *Meter {
	exported, perSecond := strings.CutSuffix(name, "PerSec")
	exported = g.prefix + sanitize(strings.ToLower(exported))
	if perSecond {
		exported += "_total"
	} else {
		exported += "_count"
	}
	meter, _ := g.hold(exported, labels, &Meter{}).(*Meter)
	return meter
}

// Histogram returns the histogram of that name and labels, of any whole unit;
// Kafka's timers are histograms of milliseconds.
func (g *Group) Histogram(name string, labels Labels) *Histogram {
	histogram, _ := g.hold(g.prefix+sanitize(strings.ToLower(name)), labels, &Histogram{}).(*Histogram)
	return histogram
}

func (g *Group) hold(name string, labels Labels, source any) any {
	if g.registry == nil {
		return source
	}
	m := g.registry.add(name, labels.exported(), source)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = append(g.held, m)
	return m.source
}

// Remove unregisters what the group holds with these labels, as when a topic
// leaves the broker.
func (g *Group) Remove(labels Labels) {
	key := labels.exported().key()
	g.removeIf(func(m *metric) bool { return m.labels.key() == key })
}

// Close unregisters all metrics of the group.
func (g *Group) Close() { g.removeIf(func(*metric) bool { return true }) }

func (g *Group) removeIf(condition func(*metric) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = slices.DeleteFunc(g.held, func(m *metric) bool {
		if condition(m) {
			g.registry.remove(m)
			return true
		}
		return false
	})
}
