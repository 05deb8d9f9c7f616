package transfer

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/sealsock/sealsock/internal/cpace"
	"github.com/sealsock/sealsock/relay"
)

const (
	repeatEvery = 500 * time.Millisecond
	// busyPause is how long a receiver waits for a sender that has as many receivers as it
	// may have: one of them may be an earlier process of this receiver.
	busyPause = time.Second
	// waitNotice is how long a receiver waits before it reports that it does.
	waitNotice = 2 * time.Second
	// patience is how long a receiver waits for a sender.
	patience = 100 * time.Second
)

// A finder is a receiver that looks for the sender of a code. It is for one goroutine.
type finder struct {
	code    *Code
	meeting *meeting
	tried   map[relay.MemberID]*attempt
	chosen  *attempt // whose answer came first
}

// An attempt is an exchange with one member, which may be the sender.
type attempt struct {
	member   relay.MemberID
	session  [sessionSize]byte
	exchange *cpace.Exchange
	keys     *cpace.Keys
}

// find finds the sender and agrees on a key with it. There is one guess: the first answer
// that is no sender's with the same code is an error.
func find(ctx context.Context, code *Code, m *meeting) (*pairKey, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, ErrNoSender)
	defer cancel()
	defer context.AfterFunc(ctx, m.cancel)() // a relay may read nothing of what is sent
	f := &finder{code: code, meeting: m, tried: make(map[relay.MemberID]*attempt)}
	again := time.NewTicker(repeatEvery)
	defer again.Stop()
	late := time.After(waitNotice)
	f.repeat()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-again.C:
			f.repeat()
		case <-late:
			if f.chosen == nil {
				m.notify(Event{Kind: Waiting})
			}
		case <-m.changed:
			f.repeat()
		case a := <-m.events:
			key, err := f.take(ctx, a)
			if err != nil || key != nil {
				return key, err
			}
		}
	}
}

// repeat sends what has no answer yet.
func (f *finder) repeat() {
	if f.chosen != nil {
		f.meeting.send(f.chosen.member, f.proof())
		return
	}
	for _, id := range f.meeting.others() {
		a := f.tried[id]
		if a == nil {
			if len(f.tried) >= maxPending {
				return
			}
			a = &attempt{member: id}
			rand.Read(a.session[:]) // never fails
			a.exchange = exchange(f.code, f.meeting.id, id, a.session)
			f.tried[id] = a
		}
		f.meeting.send(id, &greeting{greetStart, a.session, a.exchange.Share()})
	}
}

func (f *finder) proof() *greeting {
	return &greeting{greetProof, f.chosen.session, f.chosen.keys.InitiatorTag()}
}

// take handles a message. It returns the key when the sender has accepted.
func (f *finder) take(ctx context.Context, in arrival) (*pairKey, error) {
	m, err := parseGreeting(in.payload)
	if err == errGreetingVersion {
		return nil, err
	}
	a := f.tried[in.from]
	if err != nil || a == nil || a.session != m.session {
		return nil, nil
	}
	switch {
	case m.kind == greetAnswer && f.chosen == nil:
		if a.keys, err = a.exchange.Initiator(nil, m.body, nil); err != nil {
			return nil, fmt.Errorf("transfer: %w: %w", ErrWrongCode, err)
		}
		f.chosen = a
		f.meeting.send(a.member, f.proof())
	case m.kind == greetAccepted && f.chosen == a:
		if !hmac.Equal(m.body, a.keys.ResponderTag()) {
			return nil, ErrWrongCode
		}
		return &pairKey{a.keys.Key}, nil
	case m.kind == greetRefused:
		return nil, f.refused(ctx, a, m.body)
	}
	return nil, nil
}

// refused handles a refusal: a reason, and its proof if the sender is busy. After that the
// search begins again, because it is no wrong guess.
func (f *finder) refused(ctx context.Context, a *attempt, body []byte) error {
	r := reason(body[0])
	switch {
	case r == reasonUsed:
		return ErrUsedUp
	case f.chosen != a:
		return nil
	case r == reasonBusy && hmac.Equal(body[1:], pairKey{a.keys.Key}.busyProof()):
		f.chosen = nil
		clear(f.tried)
		select {
		case <-time.After(busyPause):
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
		}
	}
	return ErrWrongCode
}
