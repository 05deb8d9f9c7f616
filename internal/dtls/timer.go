package dtls

import "time"

// The timers of RFC 9147, Section 5.8.2, and RFC 6347, Section 4.2.4.1.
const (
	// FirstTimeout is the time until a flight is sent again.
	FirstTimeout = time.Second
	maxTimeout   = 60 * time.Second
	// MaxTimeouts is how many timeouts in a row end the handshake.
	MaxTimeouts = 12
)

// A Timer determines when to send a flight again. The time doubles with each timeout, up to a
// minute.
type Timer struct {
	// Initial is the first time; 0 means FirstTimeout.
	Initial  time.Duration
	deadline time.Time
	current  time.Duration
	count    int
}

// Deadline is when the timer expires; zero while it is not set.
func (t *Timer) Deadline() time.Time { return t.deadline }

// Duration is the time between now and a timeout.
func (t *Timer) Duration() time.Duration {
	switch {
	case t.current > 0:
		return t.current
	case t.Initial > 0:
		return t.Initial
	}
	return FirstTimeout
}

// Start sets the timer, if it is not set.
func (t *Timer) Start(now time.Time) {
	if t.deadline.IsZero() {
		t.deadline = now.Add(t.Duration())
	}
}

// Stop ends the timer. What follows is a new flight with the initial time.
func (t *Timer) Stop() { *t = Timer{Initial: t.Initial} }

// Pause ends the timer and keeps its count: what follows is the same flight.
func (t *Timer) Pause() { t.deadline = time.Time{} }

// SetInitial changes the first time, and what has followed from it, also of a timer that is
// set.
func (t *Timer) SetInitial(d time.Duration) {
	old := t.Duration()
	t.Initial, t.current = d, 0
	for range t.count {
		t.double()
	}
	if !t.deadline.IsZero() {
		t.deadline = t.deadline.Add(t.Duration() - old)
	}
}

// Expired reports whether the time is over.
func (t *Timer) Expired(now time.Time) bool {
	return !t.deadline.IsZero() && !now.Before(t.deadline)
}

// Backoff counts a timeout, doubles the time and sets the timer again. It returns the number
// of timeouts in a row.
func (t *Timer) Backoff(now time.Time) int {
	t.double()
	t.count++
	t.deadline = now.Add(t.current)
	return t.count
}

func (t *Timer) double() { t.current = min(2*t.Duration(), maxTimeout) }
