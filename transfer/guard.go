package transfer

import (
	"crypto/hmac"
	"time"

	"github.com/sealsock/sealsock/internal/cpace"
	"github.com/sealsock/sealsock/relay"
)

const (
	maxPending = 32 // exchanges that wait for a proof
	startBurst = 32 // exchanges that may begin at once
	startEvery = 100 * time.Millisecond
)

// A guard answers receivers in the room of a number, and counts wrong codes. It is for one
// goroutine.
type guard struct {
	code     *Code
	self     relay.MemberID
	attempts int // wrong codes that are left
	// admit reports whether a receiver with the right code may begin now.
	admit func() bool

	pending []*greeted // the oldest first
	credit  float64    // exchanges that may begin now
	counted time.Time
}

// greeted is an exchange with one member.
type greeted struct {
	from    relay.MemberID
	session [sessionSize]byte
	answer  *greeting
	keys    *cpace.Keys
	verdict *greeting // after a proof
}

// A verdict is what a message of a receiver has led to.
type verdict struct {
	reply    *greeting // nil for none
	accepted *pairKey  // of a receiver that has proved the code
	wrong    bool      // a wrong code was tried
}

// take handles a message.
func (g *guard) take(a arrival, now time.Time) verdict {
	m, err := parseGreeting(a.payload)
	if err != nil {
		return verdict{}
	}
	switch m.kind {
	case greetStart:
		return verdict{reply: g.start(a.from, m, now)}
	case greetProof:
		return g.proof(a.from, m)
	}
	return verdict{}
}

func refusal(session [sessionSize]byte, r reason) *greeting {
	return &greeting{greetRefused, session, []byte{byte(r)}}
}

// start answers the begin of an exchange. The same message has the same answer.
func (g *guard) start(from relay.MemberID, m *greeting, now time.Time) *greeting {
	if old := g.find(from, m.session); old != nil {
		return old.answer
	}
	if g.attempts <= 0 {
		return refusal(m.session, reasonUsed)
	}
	if !g.mayStart(now) {
		return nil // the receiver repeats it
	}
	e := exchange(g.code, from, g.self, m.session)
	keys, err := e.Responder(nil, m.body, nil)
	if err != nil {
		return nil
	}
	n := &greeted{from: from, session: m.session, keys: keys,
		answer: &greeting{greetAnswer, m.session, e.Share()}}
	if len(g.pending) >= maxPending {
		g.pending = g.pending[1:]
	}
	g.pending = append(g.pending, n)
	return n.answer
}

// mayStart bounds what the exchanges cost in time.
func (g *guard) mayStart(now time.Time) bool {
	if g.counted.IsZero() {
		g.credit = startBurst
	} else {
		g.credit = min(startBurst, g.credit+float64(now.Sub(g.counted))/float64(startEvery))
	}
	g.counted = now
	if g.credit < 1 {
		return false
	}
	g.credit--
	return true
}

func (g *guard) find(from relay.MemberID, session [sessionSize]byte) *greeted {
	for _, n := range g.pending {
		if n.from == from && n.session == session {
			return n
		}
	}
	return nil
}

// proof decides about a receiver. A wrong proof costs one attempt, once.
func (g *guard) proof(from relay.MemberID, m *greeting) verdict {
	n := g.find(from, m.session)
	switch {
	case n == nil && g.attempts <= 0:
		return verdict{reply: refusal(m.session, reasonUsed)}
	case n == nil:
		return verdict{}
	case n.verdict != nil:
		return verdict{reply: n.verdict}
	case g.attempts <= 0:
		return verdict{reply: refusal(m.session, reasonUsed)}
	}
	if !hmac.Equal(m.body, n.keys.InitiatorTag()) {
		g.attempts--
		n.verdict = refusal(m.session, reasonWrong)
		return verdict{reply: n.verdict, wrong: true}
	}
	if !g.admit() {
		n.verdict = refusal(m.session, reasonBusy)
		n.verdict.body = append(n.verdict.body, pairKey{n.keys.Key}.busyProof()...)
		return verdict{reply: n.verdict}
	}
	n.verdict = &greeting{greetAccepted, m.session, n.keys.ResponderTag()}
	return verdict{reply: n.verdict, accepted: &pairKey{n.keys.Key}}
}
