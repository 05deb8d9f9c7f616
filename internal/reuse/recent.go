package reuse

import "sync/atomic"

// A Recent keeps values that cost much to make, for the keys in use. It has a place for
// RecentPlaces keys, and each key has one place that it may occupy, so its memory is bounded
// and it needs no lock. Its zero value is ready. Any goroutine may use it.
//
// Values may be lost at any time, so they must be such that can be made again.
type Recent[K comparable, V any] struct {
	places [RecentPlaces]atomic.Pointer[recent[K, V]]
}

// RecentPlaces is how many keys a Recent remembers at most.
const RecentPlaces = 32

// A key is worth a value from its third use on. A key that is used keeps its place until other
// keys have asked for it up to eight times more often.
const (
	worthUses = 3
	mostUses  = 8
)

// A recent is a key and its value, which is nil at first.
type recent[K comparable, V any] struct {
	key   K
	uses  atomic.Int32
	value atomic.Pointer[V]
}

// Get returns the value of a key, or nil. The hash of a key selects its place.
func (r *Recent[K, V]) Get(hash uint32, key K) *V {
	at := r.places[hash%RecentPlaces].Load()
	if at == nil || at.key != key {
		return nil
	}
	return at.value.Load()
}

// Used notes a use of a key. It reports whether the value is worth making: the caller then
// makes it and calls Put.
func (r *Recent[K, V]) Used(hash uint32, key K) (make bool) {
	place := &r.places[hash%RecentPlaces]
	at := place.Load()
	switch {
	case at != nil && at.key == key && at.value.Load() != nil:
		if at.uses.Load() < mostUses {
			at.uses.Add(1)
		}
	case at != nil && at.key == key:
		return at.uses.Add(1) == worthUses
	case at == nil || at.uses.Add(-1) <= 0:
		at = &recent[K, V]{key: key}
		at.uses.Store(1)
		place.Store(at)
	}
	return false
}

// Put sets the value of a key, unless another key has taken its place. Nothing may change the
// value any more.
func (r *Recent[K, V]) Put(hash uint32, key K, value *V) {
	if at := r.places[hash%RecentPlaces].Load(); at != nil && at.key == key {
		at.value.Store(value)
	}
}
