package fleet

import (
	"net/netip"
	"sync"
	"time"
)

// A Limiter bounds how many connections a network opens in a time.
type Limiter interface {
	// Take reports whether a network may open one more connection, and counts it. It must
	// not block for long.
	Take(network netip.Prefix, now time.Time) bool
}

// MaxNetworks bounds the networks that a [Rates] remembers, at about 100 bytes each.
const MaxNetworks = 1 << 16

// Rates is the Limiter of one process. Each network has a bucket, which is full at first and is
// refilled within a time. It is safe for concurrent use.
type Rates struct {
	most int
	per  time.Duration

	mu    sync.Mutex
	seen  map[netip.Prefix]bucket
	swept time.Time // when all of them were looked at last
}

type bucket struct {
	left float64
	at   time.Time
}

// NewRates returns a Limiter that allows each network most connections within per. Values that
// are not positive allow none.
func NewRates(most int, per time.Duration) *Rates {
	return &Rates{most: max(most, 0), per: per, seen: make(map[netip.Prefix]bucket)}
}

// Take implements Limiter.
func (r *Rates) Take(network netip.Prefix, now time.Time) bool {
	if r == nil || r.most <= 0 || r.per <= 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.refilled(network, now)
	ok := b.left >= 1
	if ok {
		b.left--
	}
	r.seen[network] = b
	return ok
}

// Spend counts n connections that a network opened elsewhere.
func (r *Rates) Spend(network netip.Prefix, n int, now time.Time) {
	if r == nil || r.most <= 0 || r.per <= 0 || n <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.refilled(network, now)
	b.left = max(0, b.left-float64(n))
	r.seen[network] = b
}

// Left returns how many connections a network may open now.
func (r *Rates) Left(network netip.Prefix, now time.Time) int {
	if r == nil || r.most <= 0 || r.per <= 0 {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.refilled(network, now).left)
}

// refilled returns the bucket of a network now, and makes space for it. The caller holds the
// lock.
func (r *Rates) refilled(network netip.Prefix, now time.Time) bucket {
	b, known := r.seen[network]
	if !known {
		if len(r.seen) >= MaxNetworks {
			r.forget(now)
		}
		return bucket{float64(r.most), now}
	}
	refill := float64(now.Sub(b.at)) * float64(r.most) / float64(r.per)
	return bucket{min(float64(r.most), b.left+max(0, refill)), now}
}

// forget removes the networks whose buckets are full again, and one at least. It looks at all of
// them a few times within the time of the rate: a client that has as many networks would otherwise
// make each new connection cost that.
func (r *Rates) forget(now time.Time) {
	const sweeps = 16
	if since := now.Sub(r.swept); r.swept.IsZero() || since < 0 || since >= r.per/sweeps {
		r.swept = now
		for network, b := range r.seen {
			if now.Sub(b.at) >= r.per {
				delete(r.seen, network)
			}
		}
	}
	for network := range r.seen {
		if len(r.seen) < MaxNetworks {
			return
		}
		delete(r.seen, network)
	}
}
