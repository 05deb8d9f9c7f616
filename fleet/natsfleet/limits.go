package natsfleet

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock/fleet"
)

const (
	// telling is how often a member tells the others of its connections.
	telling = 250 * time.Millisecond
	// mostCounts bounds the networks in one message, mostWaiting those that wait for one, and
	// mostMembers those whose messages are counted.
	mostCounts  = 1000
	mostWaiting = 10_000
	mostMembers = 256
	// mostLimiters bounds the subscriptions of a member.
	mostLimiters = 256
	countSize    = 16 + 1 + 4
	countHead    = 1 + 16 + 8
	// stale is how old a message may be.
	stale = 30 * time.Second
)

// A limiter is a fleet.Limiter of a member.
type limiter struct {
	rates   *fleet.Rates
	subject string

	mu     sync.Mutex
	counts map[netip.Prefix]uint32 // not told yet
	last   map[[16]byte]uint64     // the number of the last message of each other member
	number uint64
	sub    *nats.Subscription
}

// Limiter returns a limiter that allows each network most connections within per, at all members
// together that ask for the same, under the same name. See the package comment for what may exceed
// this. A member shares at most 256 limiters; further ones are its own.
func (m *Member) Limiter(name string, most int, per time.Duration) fleet.Limiter {
	l := &limiter{
		rates: fleet.NewRates(most, per), counts: make(map[netip.Prefix]uint32),
		last: make(map[[16]byte]uint64),
	}
	if m == nil || m.nc == nil {
		return l
	}
	hash := sha256.Sum256([]byte(name))
	l.subject = fmt.Sprintf("%s.limits.%x.%d.%d", m.name, hash[:8], most, per)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, known := range m.limiters {
		if known.subject == l.subject {
			return known
		}
	}
	if m.closed || len(m.limiters) >= mostLimiters {
		return l
	}
	// An error leaves a limiter of this member alone.
	l.sub, _ = m.nc.Subscribe(l.subject, func(msg *nats.Msg) { m.count(l, msg.Data) })
	m.limiters = append(m.limiters, l)
	return l
}

// Take implements fleet.Limiter.
func (l *limiter) Take(network netip.Prefix, now time.Time) bool {
	if !l.rates.Take(network, now) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.counts[network]; (known || len(l.counts) < mostWaiting) && l.sub != nil {
		l.counts[network]++
	}
	return true
}

// tell tells the others of the connections that were counted.
func (m *Member) tell() {
	m.mu.Lock()
	limiters := m.limiters
	m.mu.Unlock()
	for _, l := range limiters {
		for _, plain := range l.messages(m.id, m.fleetTime()) {
			b, err := m.seal(plain, l.subject)
			if err == nil && m.nc.IsConnected() {
				m.nc.Publish(l.subject, b) // what is lost is not counted elsewhere
			}
		}
	}
}

// fleetTime is the time by the clock of NATS, as far as it is known: members with clocks of their
// own that differ would take each other's messages for old ones.
func (m *Member) fleetTime() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(-m.ahead)
}

// messages returns what is to be told: a version, the member, the number of the message, which is
// a time and grows, and for each network its address, its bits and its count. A member that is
// restarted has another identifier, so that its numbers begin again.
func (l *limiter) messages(id [16]byte, now time.Time) (list [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b []byte
	for network, n := range l.counts {
		if len(b) == 0 {
			l.number = next(l.number, now)
			b = binary.BigEndian.AppendUint64(append([]byte{1}, id[:]...), l.number)
		}
		address := network.Addr().As16()
		b = append(append(b, address[:]...), byte(network.Bits()))
		b = binary.BigEndian.AppendUint32(b, n)
		if len(b) >= countHead+mostCounts*countSize {
			list, b = append(list, b), nil
		}
	}
	clear(l.counts)
	if len(b) > 0 {
		list = append(list, b)
	}
	return list
}

// next returns the number of the message after the one with last. It is the time, or last and one
// more if a clock went back a little. After a clock that was far ahead the numbers go back too: the
// other members have taken none of those, and would take none until that time has come.
func next(last uint64, now time.Time) uint64 {
	n := uint64(now.UnixNano())
	if last >= n && last-n <= uint64(stale) {
		return last + 1
	}
	return n
}

// count counts what another member tells.
func (m *Member) count(l *limiter, b []byte) {
	plain, err := m.open(b, l.subject)
	if err != nil || len(plain) < countHead || plain[0] != 1 ||
		len(plain) > countHead+mostCounts*countSize || (len(plain)-countHead)%countSize != 0 {
		return
	}
	now := time.Now()
	from, number := [16]byte(plain[1:]), binary.BigEndian.Uint64(plain[17:])
	if from == m.id || !l.news(from, number, m.fleetTime()) {
		return
	}
	for rest := plain[countHead:]; len(rest) > 0; rest = rest[countSize:] {
		network, ok := networkOf(rest)
		if ok {
			l.rates.Spend(network, int(binary.BigEndian.Uint32(rest[17:])), now)
		}
	}
}

// news reports whether a message is not one that was counted before, and notes it.
func (l *limiter) news(from [16]byte, number uint64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, known := l.last[from]
	age := now.Sub(time.Unix(0, int64(number)))
	if number <= last || age.Abs() > stale {
		return false
	}
	if !known && len(l.last) >= mostMembers {
		for other, n := range l.last {
			if now.Sub(time.Unix(0, int64(n))) > stale {
				delete(l.last, other) // its messages are too old by now
			}
		}
		if len(l.last) >= mostMembers {
			return false
		}
	}
	l.last[from] = number
	return true
}

// networkOf returns the network of a count. An IPv4 network has at most 32 bits.
func networkOf(b []byte) (netip.Prefix, bool) {
	address := netip.AddrFrom16([16]byte(b))
	if address.Is4In6() {
		address = address.Unmap()
	}
	network := netip.PrefixFrom(address, int(b[16]))
	return network, network.IsValid()
}

// stopLimiters ends the subscriptions.
func (m *Member) stopLimiters() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.limiters {
		l.mu.Lock()
		if l.sub != nil {
			l.sub.Unsubscribe()
			l.sub = nil
		}
		l.mu.Unlock()
	}
}
