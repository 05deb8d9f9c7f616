package engine

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// A rewriter replaces handshake messages that one side sends.
type rewriter func(m []byte) []byte

// step is side.step with the messages rewritten.
func (w rewriter) step(e *side) (out []byte, err error) {
	for range 100 {
		n, ev, rerr := e.r.Receive(e.in)
		for i := range ev.Reply.steps {
			st := &ev.Reply.steps[i]
			if st.kind != stepHandshake || w == nil {
				continue
			}
			var all []byte
			for _, m := range split(st.message) {
				all = append(all, w(bytes.Clone(m))...)
			}
			st.message = all
		}
		if out, err = e.s.Apply(out, ev.Reply); err != nil || rerr != nil {
			return out, errors.Join(rerr, err)
		}
		e.in = e.in[n:]
		e.done = e.done || ev.Kind == EventHandshakeDone
		e.events = append(e.events, ev.Kind)
		e.early = append(e.early, ev.Data...)
		if ev.Kind == EventWantRead || ev.Kind == EventClosed || ev.Kind == EventWaiting {
			return out, nil
		}
	}
	return out, errors.New("the engine does not end")
}

// rewritten runs a handshake in which one side's messages are rewritten, and returns
// the error of the other side, if it has one.
func rewritten(t *testing.T, client, server *config, byServer bool, w rewriter) error {
	t.Helper()
	c, s := newPair(t, client, server)
	return rewrittenPair(c, s, byServer, w)
}

func rewrittenPair(c, s *side, byServer bool, w rewriter) error {
	cw, sw := w, rewriter(nil)
	if byServer {
		cw, sw = sw, cw
	}
	for range 20 {
		out, cerr := cw.step(c)
		s.in = append(s.in, out...)
		if byServer && cerr != nil {
			return cerr
		}
		back, serr := sw.step(s)
		c.in = append(c.in, back...)
		if !byServer && serr != nil {
			return serr
		}
		if len(out)+len(back) == 0 || byServer && serr != nil && len(back) == 0 {
			return nil
		}
	}
	return nil
}

// A wireMessage can be appended.
type wireMessage interface {
	AppendTo([]byte) ([]byte, error)
}

// edit returns a rewriter of the n-th message of a type, counted from 0.
func edit[M wireMessage](t *testing.T, typ iana.HandshakeType, n int, parse func([]byte) (M, error),
	change func(M)) rewriter {
	seen := 0
	return func(raw []byte) []byte {
		if iana.HandshakeType(raw[0]) != typ {
			return raw
		}
		if seen++; seen-1 != n {
			return raw
		}
		m, err := parse(raw[wire.HeaderLen:])
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		out, err := m.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// flipped returns a rewriter that changes the last byte of each message of a type.
func flipped(typ iana.HandshakeType) rewriter {
	return func(raw []byte) []byte {
		if iana.HandshakeType(raw[0]) == typ {
			raw[len(raw)-1] ^= 1
		}
		return raw
	}
}

// refusesFor checks the alert of a refusal and words of its reason.
func refusesFor(t *testing.T, err error, alert iana.Alert, words string) {
	t.Helper()
	refuses(t, err, alert)
	if err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want an error with %q", err, words)
	}
}

// pair13 returns configurations of TLS 1.3 that go together.
func pair13(t *testing.T) (client, server *config) {
	t.Helper()
	client = &config{
		Verifier: acceptAll{}, ServerName: "example.com", ALPN: []string{"a", "b"},
		MinVersion: iana.TLS13,
		Groups:     []iana.NamedGroup{iana.X25519, iana.SecP256r1, iana.SecP384r1},
		KeyShares:  []iana.NamedGroup{iana.X25519},
	}
	server = &config{Credentials: []*Credential{newCredential(t, nil)}, ALPN: []string{"b"}}
	return client, server
}
