package metrics

import "sync/atomic"

// Meter counts events, as Yammer's Meter; rates are the reader's business. The
// zero value is ready to use.
type Meter struct{ count atomic.Int64 }

// Mark counts n events.
func (m *Meter) Mark(n int64) { m.count.Add(n) }

// Count returns the number of events so far.
func (m *Meter) Count() int64 { return m.count.Load() }
