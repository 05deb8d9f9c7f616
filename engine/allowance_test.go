package engine

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFloodAfterTheHandshake: a server that sends nothing but tickets, requests for a
// certificate or key updates is stopped. The same number is accepted if it comes over
// time, or with data between.
func TestFloodAfterTheHandshake(t *testing.T) {
	cred := newCredential(t, nil)
	for _, kind := range []string{"tickets", "requests", "updates"} {
		limit := map[string]rate{
			"tickets": ticketRate, "requests": requestRate, "updates": updateRate,
		}[kind]
		for _, c := range []struct {
			name    string
			pause   time.Duration // between messages
			data    int           // bytes of data between messages
			noClock bool
			stopped bool
		}{
			{"at once", 0, 0, false, true},
			{"at once, without a clock", 0, 0, true, true},
			{"a little too fast", limit.every / 2, 0, false, true},
			{"a little data", 0, 100, false, true},
			{"a little data, without a clock", 0, 100, true, true},
			{"over time", limit.every, 0, false, false},
			{"with data", 0, limit.data, false, false},
			{"with data, without a clock", 0, limit.data, true, false},
		} {
			clock := time.Unix(1_000_000_000, 0)
			now := func() time.Time { return clock }
			client := &config{
				Verifier: acceptAll{}, Now: now, PostHandshakeAuth: true,
				Credentials: []*Credential{cred},
			}
			server := &config{
				Verifier: acceptAll{}, Now: now, Tickets: newMemory(), NumTickets: 1,
				Credentials: []*Credential{cred},
			}
			if c.noClock {
				client.Now = nil
			}
			cc, ss := newPair(t, client, server)
			err := pump(cc, ss)
			n := 0
			for ; err == nil && n < 3*limit.burst; n++ {
				clock = clock.Add(c.pause)
				if c.data > 0 {
					if cc.in, err = ss.s.Seal(cc.in, make([]byte, c.data)); err != nil {
						t.Fatal(err)
					}
				}
				err = flood(cc, ss, kind)
				cc.data = nil
			}
			if c.stopped != (err != nil) || n < limit.burst-1 {
				t.Errorf("%s %s: stopped after %d by %v", kind, c.name, n, err)
			}
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Fault != FaultLimit || !strings.Contains(e.Reason, "at once") {
					t.Errorf("%s %s: %v", kind, c.name, err)
				}
			}
			other := func(k EventKind) bool { return k != EventAuthAnswered }
			answers := len(slices.DeleteFunc(cc.events, other))
			if c.stopped && (answers > 3*limit.burst || len(cc.sessions) > 3*limit.burst) {
				t.Errorf("%s %s: %d sessions, %d answers", kind, c.name, len(cc.sessions), answers)
			}
		}
	}
}

// flood has the server send one message of a kind.
func flood(c, s *side, kind string) error {
	s.s.issued, s.s.requests, s.s.updates = allowance{}, allowance{}, allowance{}
	if err := sendOne(c, s, kind); err != nil {
		return err
	}
	return pump(c, s)
}

// sendOne appends a message of the server to what the client receives.
func sendOne(c, s *side, kind string) error {
	var err error
	switch kind {
	case "tickets":
		c.in, err = s.s.SendTickets(c.in, 1)
	case "updates":
		c.in, err = s.s.Rekey(c.in, false)
	default:
		var q *LateRequest
		if c.in, q, err = s.s.RequestCertificate(c.in); err == nil {
			err = s.r.Expect(q)
		}
	}
	return err
}

// TestAllowanceAndClocks: a clock that is set back earns nothing, and one that is set
// ahead no more than the burst.
func TestAllowanceAndClocks(t *testing.T) {
	clock := time.Unix(1_000_000_000, 0)
	now := func() time.Time { return clock }
	r := rate{"messages", 4, time.Second, 1000}
	a := new(allowance)
	spent := func() (n int) {
		for a.spend(r, now) {
			n++
		}
		return n
	}
	for _, step := range []struct {
		by   time.Duration
		want int
	}{{0, 4}, {0, 0}, {-time.Hour, 0}, {10 * time.Second, 4}, {1000 * time.Hour, 4}} {
		clock = clock.Add(step.by)
		if got := spent(); got != step.want {
			t.Errorf("after %v %d messages are accepted, want %d", step.by, got, step.want)
		}
		a.used = min(a.used, int32(r.burst)) // the connection would have ended
	}
}

// TestSenderKeepsToThePeersBounds: a server that sends as many messages as it can, at once and
// then when time has passed or data was sent, is never too fast for its client. An error
// changes nothing.
func TestSenderKeepsToThePeersBounds(t *testing.T) {
	cred := newCredential(t, nil)
	for kind, limit := range map[string]rate{
		"tickets": ticketRate, "requests": requestRate, "updates": updateRate,
	} {
		clock := time.Unix(1_000_000_000, 0)
		now := func() time.Time { return clock }
		client := &config{
			Verifier: acceptAll{}, Now: now, PostHandshakeAuth: true,
			Credentials: []*Credential{cred},
		}
		server := &config{
			Verifier: acceptAll{}, Now: now, Tickets: newMemory(), NumTickets: 1,
			Credentials: []*Credential{cred},
		}
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		send := func() (n int) {
			for ; ; n++ {
				err := sendOne(c, s, kind)
				var e *Error
				if errors.As(err, &e) && e.Fault == FaultUsage {
					break
				}
				if err == nil {
					err = pump(c, s)
				}
				if err != nil || n > limit.burst {
					t.Fatalf("%s: after %d: %v", kind, n, err)
				}
			}
			return n
		}
		first := send()
		clock = clock.Add(limit.every)
		early := send()
		clock = clock.Add(limit.every)
		late := send()
		var err error
		if c.in, err = s.s.Seal(c.in, make([]byte, limit.data)); err != nil {
			t.Fatal(err)
		}
		data := send()
		if first < limit.burst-1 || first > limit.burst || early != 0 || late != 1 || data != 1 {
			t.Errorf("%s: %d at once, then %d, %d and %d", kind, first, early, late, data)
		}
	}
}
