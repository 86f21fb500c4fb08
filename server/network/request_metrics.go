package network

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/protocol"
)

// requestTimes are the moments of a request's life, by [now].
type requestTimes struct {
	received, dequeued int64
	handled, completed atomic.Int64
}

// phases are the parts of the time that a request took.
type phases struct{ total, queue, local, remote, responseQueue, send time.Duration }

// phases are those of a request whose response was written between the two
// moments.
func (t *requestTimes) phases(started, sent int64) phases {
	completed := t.completed.Load()
	dequeued, handled := t.dequeued, t.handled.Load()
	if dequeued == 0 {
		dequeued = completed // answered without a handler
	}
	if handled == 0 || handled > completed {
		handled = completed
	}
	return phases{
		total: time.Duration(sent - t.received), queue: time.Duration(dequeued - t.received),
		local: time.Duration(handled - dequeued), remote: time.Duration(completed - handled),
		responseQueue: time.Duration(started - completed), send: time.Duration(sent - started),
	}
}

// requestMetrics has the metrics of kafka.network:type=RequestMetrics. Those
// of an API come into being with its first request.
type requestMetrics struct {
	group *metrics.Group
	byKey [protocol.KeyAllocateProducerIds + 1]apiMetrics
	// Each fetch counts as Fetch and as one of these.
	consumerFetch, followerFetch apiMetrics
}

// apiMetrics has the metrics of one API.
type apiMetrics struct {
	name  string
	once  sync.Once
	group *metrics.Group

	total, queue, local, remote, throttle, responseQueue, responseSend, bytes *metrics.Histogram

	versions [32]atomic.Pointer[metrics.Meter]
	errors   sync.Map // of int16 to *metrics.Meter
}

func newRequestMetrics(registry *metrics.Registry) *requestMetrics {
	m := &requestMetrics{group: registry.Group("kafka.network", "RequestMetrics")}
	for key := range m.byKey {
		m.byKey[key].name = protocol.APIName(int16(key))
	}
	m.consumerFetch.name, m.followerFetch.name = "FetchConsumer", "FetchFollower"
	return m
}

func (a *apiMetrics) init(group *metrics.Group) {
	a.once.Do(func() {
		labels := metrics.Labels{{Name: "request", Value: a.name}}
		a.group = group
		for name, histogram := range map[string]**metrics.Histogram{
			"TotalTimeMs": &a.total, "RequestQueueTimeMs": &a.queue, "LocalTimeMs": &a.local,
			"RemoteTimeMs": &a.remote, "ThrottleTimeMs": &a.throttle, "ResponseQueueTimeMs": &a.responseQueue,
			"ResponseSendTimeMs": &a.responseSend, "RequestBytes": &a.bytes,
		} {
			*histogram = group.Histogram(name, labels)
		}
	})
}

// record counts a request that took so long.
func (m *requestMetrics) record(request *Request, took phases) {
	key := request.Context.Header.APIKey
	api := &m.byKey[key]
	api.init(m.group)
	if request.response != nil {
		request.errors.addResponse(request.response)
	}
	api.record(request, took)
	api.recordErrors(request)
	if fetch, ok := request.Body.(*kmsg.FetchRequest); ok {
		api = &m.consumerFetch
		if fetch.ReplicaID >= 0 {
			api = &m.followerFetch
		}
		api.init(m.group)
		api.record(request, took)
		api.recordErrors(request)
	}
}

func (a *apiMetrics) record(request *Request, took phases) {
	a.meterOf(request.Context.Header.APIVersion).Mark(1)
	a.total.UpdateDuration(took.total)
	a.queue.UpdateDuration(took.queue)
	a.local.UpdateDuration(took.local)
	a.remote.UpdateDuration(took.remote)
	a.throttle.UpdateDuration(request.throttle)
	a.responseQueue.UpdateDuration(took.responseQueue)
	a.responseSend.UpdateDuration(took.send)
	a.bytes.Update(int64(request.Size))
}

// meterOf returns the meter of a version; versions that do not exist, which
// only ApiVersions requests may have, share the last.
func (a *apiMetrics) meterOf(version int16) *metrics.Meter {
	index := min(uint16(version), uint16(len(a.versions)-1))
	if meter := a.versions[index].Load(); meter != nil {
		return meter
	}
	meter := a.group.Meter("RequestsPerSec", metrics.Labels{
		{Name: "request", Value: a.name}, {Name: "version", Value: strconv.Itoa(int(index))}})
	if !a.versions[index].CompareAndSwap(nil, meter) {
		return a.versions[index].Load()
	}
	return meter
}

func (a *apiMetrics) recordErrors(request *Request) {
	request.errors.each(func(code int16, n int64) {
		if meter, ok := a.errors.Load(code); ok {
			meter.(*metrics.Meter).Mark(n)
			return
		}
		meter, _ := a.errors.LoadOrStore(code, a.group.Meter("ErrorsPerSec", metrics.Labels{
			{Name: "request", Value: a.name}, {Name: "error", Value: protocol.ErrorName(code)}}))
		meter.(*metrics.Meter).Mark(n)
	})
}
