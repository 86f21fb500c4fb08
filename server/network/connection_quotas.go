package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/quota"
)

const unlimited = 1<<31 - 1

var errQuotasClosed = errors.New("the listener is closed")

// tooManyConnectionsError says that an address has all the connections it may have.
type tooManyConnectionsError struct {
	address netip.Addr
	maximum int
}

func (e *tooManyConnectionsError) Error() string {
	return fmt.Sprintf("Too many connections from /%s (maximum = %d)", e.address, e.maximum)
}

// connectionThrottledError says that an address opens connections too fast.
type connectionThrottledError struct {
	address  netip.Addr
	throttle time.Duration
}

func (e *connectionThrottledError) Error() string {
	return fmt.Sprintf("/%s throttled for %d", e.address, e.throttle.Milliseconds())
}

// ConnectionQuotas bounds the number of connections and the rate at which they
// come: of the broker, of each listener and of each client address, as
// kafka.network.ConnectionQuotas. The inter-broker listener is protected when
// it is not the only one: the broker's bounds do not stop it.
type ConnectionQuotas struct {
	interBrokerListener string
	samples             int
	window              time.Duration

	mu sync.Mutex
	// changed is closed and replaced when acceptors that wait are to look again.
	changed       chan struct{}
	maxPerAddress int
	overrides     map[netip.Addr]int
	broker        bound
	listeners     map[string]*bound
	perAddress    map[netip.Addr]int
	addressRates  map[netip.Addr]*addressRate
	// defaultAddressRate and addressRateLimits are the quotas of entity type ip.
	defaultAddressRate int
	addressRateLimits  map[netip.Addr]int
}

// bound is the bounds and the present state of the broker or of a listener.
type bound struct {
	maxConnections int
	connections    int
	maxRate        int
	rate           *quota.Rate
}

type addressRate struct {
	rate *quota.Rate
	last time.Time
}

// idleAddressRate is how long the rate of an address is kept unused.
const idleAddressRate = time.Hour

func newConnectionQuotas(cfg *config.BrokerConfig) (*ConnectionQuotas, error) {
	q := &ConnectionQuotas{
		interBrokerListener: cfg.InterBrokerListenerName(),
		samples:             config.QuotaWindowNum.Get(cfg),
		window:              time.Duration(config.QuotaWindowSizeSeconds.Get(cfg)) * time.Second,
		changed:             make(chan struct{}),
		listeners:           map[string]*bound{},
		perAddress:          map[netip.Addr]int{},
		addressRates:        map[netip.Addr]*addressRate{},
		addressRateLimits:   map[netip.Addr]int{},
		defaultAddressRate:  unlimited,
	}
	q.broker.rate = q.newRate()
	return q, q.reconfigure(cfg)
}

func (q *ConnectionQuotas) newRate() *quota.Rate { return quota.NewRate(q.samples, q.window) }

// reconfigure puts the bounds of a new configuration in force.
func (q *ConnectionQuotas) reconfigure(cfg *config.BrokerConfig) error {
	texts, err := cfg.MaxConnectionsPerIpOverrides()
	if err != nil {
		return err
	}
	overrides := map[netip.Addr]int{}
	for host, maximum := range texts {
		addresses, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", host)
		if err != nil || len(addresses) == 0 {
			return fmt.Errorf("%s: address of %s: %w", config.MaxConnectionsPerIpOverrides.Name, host, err)
		}
		overrides[addresses[0].Unmap()] = maximum
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.maxPerAddress, q.overrides = config.MaxConnectionsPerIp.Get(cfg), overrides
	q.broker.maxConnections = config.MaxConnections.Get(cfg)
	q.broker.maxRate = config.MaxConnectionCreationRate.Get(cfg)
	for name, listener := range q.listeners {
		if err := listener.configure(cfg, name); err != nil {
			return err
		}
	}
	q.notifyLocked()
	return nil
}

func (b *bound) configure(cfg *config.BrokerConfig, listenerName string) error {
	values, err := cfg.ForListener(listenerName)
	if err != nil {
		return err
	}
	// Without a prefixed setting the broker's bounds hold for each listener.
	b.maxConnections = config.MaxConnections.Get(values)
	b.maxRate = config.MaxConnectionCreationRate.Get(values)
	return nil
}

func (q *ConnectionQuotas) addListener(cfg *config.BrokerConfig, name string) error {
	listener := &bound{rate: q.newRate()}
	if err := listener.configure(cfg, name); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.listeners[name] = listener
	q.notifyLocked()
	return nil
}

func (q *ConnectionQuotas) notifyLocked() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// UpdateAddressRate sets the quota connection_creation_rate of one address; a
// nil rate removes it. The zero address is the default of all addresses.
func (q *ConnectionQuotas) UpdateAddressRate(address netip.Addr, rate *int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch address = address.Unmap(); {
	case !address.IsValid() && rate == nil:
		q.defaultAddressRate = unlimited
	case !address.IsValid():
		q.defaultAddressRate = *rate
	case rate == nil:
		delete(q.addressRateLimits, address)
	default:
		q.addressRateLimits[address] = *rate
	}
}

// increase counts a new connection. It waits until broker and listener have
// room and their rates allow one more. An error of a too fast address leaves
// nothing counted; one of too many connections is counted and must be
// decreased again, as upstream does.
func (q *ConnectionQuotas) increase(listenerName string, address netip.Addr, closing <-chan struct{}) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.awaitSlotLocked(listenerName, closing); err != nil {
		return err
	}
	if err := q.checkAddressRateLocked(listenerName, address, time.Now()); err != nil {
		return err
	}
	count := q.perAddress[address]
	q.perAddress[address] = count + 1
	q.broker.connections++
	q.listeners[listenerName].connections++
	maximum, ok := q.overrides[address]
	if !ok {
		maximum = q.maxPerAddress
	}
	if count >= maximum {
		return &tooManyConnectionsError{address, maximum}
	}
	return nil
}

func (q *ConnectionQuotas) awaitSlotLocked(listenerName string, closing <-chan struct{}) error {
	started := time.Now()
	until := started.Add(q.recordRatesLocked(listenerName, started))
	for {
		wait := time.Until(until)
		if wait <= 0 && q.slotAvailableLocked(listenerName) {
			return nil
		}
		changed := q.changed
		q.mu.Unlock()
		err := waitForChange(changed, closing, wait)
		q.mu.Lock()
		if err != nil {
			return err
		}
	}
}

func waitForChange(changed, closing <-chan struct{}, wait time.Duration) error {
	var throttled <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		throttled = timer.C
	}
	select {
	case <-changed:
	case <-throttled:
	case <-closing:
		return errQuotasClosed
	}
	return nil
}

func (q *ConnectionQuotas) slotAvailableLocked(listenerName string) bool {
	listener := q.listeners[listenerName]
	switch {
	case listener.connections >= listener.maxConnections:
		return false
	case q.protectedLocked(listenerName):
		return true
	}
	return q.broker.connections < q.broker.maxConnections
}

func (q *ConnectionQuotas) protectedLocked(listenerName string) bool {
	return listenerName == q.interBrokerListener && len(q.listeners) > 1
}

// recordRatesLocked counts a connection in the rates of broker and listener
// and returns how long it has to wait, at most a window.
func (q *ConnectionQuotas) recordRatesLocked(listenerName string, now time.Time) time.Duration {
	wait := q.listeners[listenerName].recordRate(now)
	if !q.protectedLocked(listenerName) {
		wait = max(wait, q.broker.recordRate(now))
	}
	return min(wait, q.window)
}

func (b *bound) recordRate(now time.Time) time.Duration {
	b.rate.Record(1, now)
	if b.maxRate == unlimited {
		return 0
	}
	return b.rate.ThrottleTime(float64(b.maxRate), now)
}

func (q *ConnectionQuotas) checkAddressRateLocked(listenerName string, address netip.Addr, now time.Time) error {
	limit, ok := q.addressRateLimits[address]
	if !ok {
		limit = q.defaultAddressRate
	}
	if limit == unlimited {
		return nil
	}
	rate := q.addressRates[address]
	if rate == nil {
		q.forgetIdleRatesLocked(now)
		rate = &addressRate{rate: q.newRate()}
		q.addressRates[address] = rate
	}
	rate.last = now
	rate.rate.Record(1, now)
	throttle := rate.rate.ThrottleTime(float64(limit), now)
	if throttle == 0 {
		return nil
	}
	// A connection that is not served does not count against any rate.
	rate.rate.Record(-1, now)
	q.listeners[listenerName].rate.Record(-1, now)
	if !q.protectedLocked(listenerName) {
		q.broker.rate.Record(-1, now)
	}
	return &connectionThrottledError{address, min(throttle, q.window)}
}

func (q *ConnectionQuotas) forgetIdleRatesLocked(now time.Time) {
	for address, rate := range q.addressRates {
		if now.Sub(rate.last) > idleAddressRate {
			delete(q.addressRates, address)
		}
	}
}

// decrease takes a connection that has ended out of the counts.
func (q *ConnectionQuotas) decrease(listenerName string, address netip.Addr) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.perAddress[address]--; q.perAddress[address] <= 0 {
		delete(q.perAddress, address)
	}
	q.broker.connections--
	q.listeners[listenerName].connections--
	q.notifyLocked()
}

// exceeded tells that the broker has more connections than it may have, which
// the protected listener can cause, and that this listener has to give one up.
func (q *ConnectionQuotas) exceeded(listenerName string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.broker.connections > q.broker.maxConnections && !q.protectedLocked(listenerName)
}

// Connections returns how many connections an address has.
func (q *ConnectionQuotas) Connections(address net.IP) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.perAddress[addressOf(address)]
}

// addressOf gives an address in the form that the counts go by.
func addressOf(ip net.IP) netip.Addr {
	address, _ := netip.AddrFromSlice(ip)
	return address.Unmap()
}

// hostOf gives the text of a socket address as Java does.
func hostOf(address net.Addr) (net.IP, string, int) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return nil, address.String(), 0
	}
	return tcp.IP, protocol.HostAddress(tcp.IP), tcp.Port
}
