package transfer

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/relaytest"
	"github.com/sealsock/sealsock/relay"
)

// TestGuard: wrong proofs are counted once each, and after the last one nothing is answered.
func TestGuard(t *testing.T) {
	code := newCode(7, 2)
	now := time.Unix(1, 0)
	free := true
	g := &guard{code: code, attempts: 2, admit: func() bool { return free }}
	send := func(from byte, kind byte, session byte, body []byte) verdict {
		m := greeting{kind, [sessionSize]byte{session}, body}
		return g.take(arrival{relay.MemberID{from}, m.append()}, now)
	}
	begin := func(code *Code, from, session byte) []byte {
		e := exchange(code, relay.MemberID{from}, g.self, [sessionSize]byte{session})
		v := send(from, greetStart, session, e.Share())
		if v.reply == nil || v.reply.kind != greetAnswer {
			t.Fatalf("no answer: %+v", v)
		}
		again := send(from, greetStart, session, e.Share())
		if !bytes.Equal(again.reply.body, v.reply.body) {
			t.Error("a repetition has another answer")
		}
		keys, err := e.Initiator(nil, v.reply.body, nil)
		if err != nil {
			t.Fatal(err)
		}
		return keys.InitiatorTag()
	}
	wrong := newCode(7, 3)
	good := begin(code, 1, 1)
	bad := begin(wrong, 2, 1)
	if v := send(2, greetProof, 1, good); !v.wrong || v.reply.body[0] != byte(reasonWrong) {
		t.Errorf("another's proof: %+v", v)
	}
	if v := send(2, greetProof, 1, bad); v.wrong || g.attempts != 1 {
		t.Errorf("a second proof in an exchange: %+v, %d attempts", v, g.attempts)
	}
	free = false
	if v := send(1, greetProof, 1, good); v.accepted != nil || v.reply.body[0] != byte(reasonBusy) {
		t.Errorf("a busy sender: %+v", v)
	}
	free = true
	good = begin(code, 1, 2)
	v := send(1, greetProof, 2, good)
	if v.accepted == nil || v.reply.kind != greetAccepted {
		t.Errorf("the right code: %+v", v)
	}
	if v := send(1, greetProof, 2, good); v.accepted != nil || v.reply.kind != greetAccepted {
		t.Errorf("a repetition begins another transfer: %+v", v)
	}
	first, second := begin(wrong, 3, 1), begin(code, 4, 1)
	if v := send(3, greetProof, 1, first); !v.wrong {
		t.Errorf("the last attempt: %+v", v)
	}
	if v := send(4, greetProof, 1, second); v.accepted != nil || v.reply.body[0] != byte(reasonUsed) {
		t.Errorf("a code that has ended: %+v", v)
	}
	if v := send(5, greetStart, 1, make([]byte, 32)); v.reply.body[0] != byte(reasonUsed) {
		t.Errorf("a begin after the end: %+v", v)
	}
}

// TestGuardIsBounded: exchanges are bounded in memory, and in number over time.
func TestGuardIsBounded(t *testing.T) {
	code := newCode(7, 2)
	g := &guard{code: code, attempts: 1, admit: func() bool { return true }}
	share := exchange(code, relay.MemberID{}, relay.MemberID{}, [sessionSize]byte{}).Share()
	answered := 0
	start := func(session byte, now time.Time) {
		m := greeting{greetStart, [sessionSize]byte{session}, share}
		if v := g.take(arrival{relay.MemberID{1}, m.append()}, now); v.reply != nil {
			answered++
		}
	}
	now := time.Unix(1, 0)
	for i := range 100 {
		start(byte(i), now)
	}
	if answered != startBurst {
		t.Errorf("%d exchanges began at once, want %d", answered, startBurst)
	}
	for i := range 60 {
		now = now.Add(startEvery)
		start(byte(100+i), now)
	}
	if answered != startBurst+60 || len(g.pending) != maxPending {
		t.Errorf("%d exchanges, %d in memory", answered, len(g.pending))
	}
}

// TestBusyIsProved: another member in the room of a number, which answers a receiver in place of
// the sender, has one guess. A receiver begins another exchange only after a refusal of who proves
// the code.
func TestBusyIsProved(t *testing.T) {
	for _, proof := range [][]byte{nil, make([]byte, busyProofSize)} {
		ctx := within(t)
		r := relaytest.New(t)
		code := newCode(7, 2)
		m, err := meet(ctx, r.Dial, code.number, func(Event) {})
		if err != nil {
			t.Fatal(err)
		}
		var guesses atomic.Int64
		go func() {
			tried := make(map[[sessionSize]byte]bool)
			for a := range m.events {
				g, err := parseGreeting(a.payload)
				switch {
				case err != nil:
				case g.kind == greetStart:
					e := exchange(newCode(7, 3), a.from, m.id, g.session)
					m.send(a.from, &greeting{greetAnswer, g.session, e.Share()})
				case g.kind == greetProof:
					tried[g.session] = true
					guesses.Store(int64(len(tried)))
					refused := refusal(g.session, reasonBusy)
					refused.body = append(refused.body, proof...)
					m.send(a.from, refused)
					m.send(a.from, refusal(g.session, reasonWrong))
				}
			}
		}()
		_, err = Receive(ctx, ReceiveOptions{Dial: r.Dial, Code: code, Dir: t.TempDir()})
		if !errors.Is(err, ErrWrongCode) || guesses.Load() != 1 {
			t.Errorf("a busy stranger: %v, with %d guesses", err, guesses.Load())
		}
		m.close()
		close(m.events)
	}
}
