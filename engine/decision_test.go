package engine

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// dump writes a value and everything that it leads to, so that two dumps are equal only if
// nothing has changed between them. Of a function it writes the address.
func dump(v any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(v), map[uintptr]bool{})
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value, seen map[uintptr]bool) {
	if v.IsValid() && v.Type() == reflect.TypeFor[sync.Pool]() {
		return // memory that a key exchange borrows
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			fmt.Fprintf(b, "(%#x)", v.Pointer())
			return
		}
		seen[v.Pointer()] = true
		dumpValue(b, v.Elem(), seen)
	case reflect.Interface:
		dumpValue(b, v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			fmt.Fprintf(b, "\n%s.%s ", v.Type(), v.Type().Field(i).Name)
			dumpValue(b, v.Field(i), seen)
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(b, "[%d]", v.Len())
		for i := range v.Len() {
			dumpValue(b, v.Index(i), seen)
			b.WriteByte(' ')
		}
	case reflect.Func, reflect.Map, reflect.Chan, reflect.UnsafePointer:
		fmt.Fprintf(b, "(%#x)", v.Pointer())
	default:
		fmt.Fprintf(b, "%v", v)
	}
}

// A sight is a complete decision, and its dump before the answer was composed from it.
type sight struct {
	d      *decision
	before string
}

// A witness stands in front of a server's states and records each complete decision.
type witness struct {
	state
	sights *[]sight
}

type (
	handlingWitness struct{ witness }
	waitingWitness  struct{ witness }
)

func (w handlingWitness) awaits() awaited { return w.state.(handler).awaits() }

func (w handlingWitness) handle(m message, do *effects) (state, error) {
	return w.follow(w.state.(handler).handle(m, do))
}

func (w waitingWitness) question() Question { return w.state.(waiter).question() }

func (w waitingWitness) ask(do *effects) (state, error) {
	return w.follow(w.state.(waiter).ask(do))
}

func (w waitingWitness) resume(a Answer, do *effects) (state, error) {
	return w.follow(w.state.(waiter).resume(a, do))
}

// follow stays in front of the next state, until nothing more is decided.
func (w witness) follow(next state, err error) (state, error) {
	d, isDecided := next.(*decided)
	if isDecided {
		*w.sights = append(*w.sights, sight{d.d, dump(d.d)})
	}
	_, waits := next.(waiter)
	switch {
	case err != nil || isDecided && !d.d.retries():
		return next, err
	case waits:
		return waitingWitness{witness{next, w.sights}}, nil
	}
	return handlingWitness{witness{next, w.sights}}, nil
}

// TestDecisionStays: nothing changes a decision once it is complete, in any kind of
// handshake: it is the same as its copy at the end.
func TestDecisionStays(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	byKey := func(version iana.Version) (client, server *config) {
		find := func([]byte) (*PSK, error) { return psk, nil }
		return &config{MaxVersion: version, PSKs: []*PSK{psk}}, &config{FindPSK: find}
	}
	for _, c := range []struct {
		name  string
		pair  func() (client, server *config)
		hello int // how many there are
		fits  func(d *decision, s State) bool
	}{
		{"TLS 1.3", func() (c, s *config) { return pair13(t) }, 1,
			func(d *decision, _ State) bool { return d.suite != nil && d.proof != nil }},
		{"TLS 1.2", func() (c, s *config) { return pair12(t) }, 1,
			func(d *decision, _ State) bool { return d.suite12 != nil && d.proof != nil }},
		{"HelloRetryRequest", func() (c, s *config) {
			c, s = pair13(t)
			c.KeyShares = []iana.NamedGroup{}
			return c, s
		}, 2, func(d *decision, s State) bool { return s.Retried }},
		{"resumption", func() (c, s *config) { return resumable(t) }, 1,
			func(d *decision, s State) bool { return s.Resumed && d.key != nil }},
		{"resumption after a HelloRetryRequest", func() (c, s *config) {
			c, s = resumable(t)
			c.KeyShares = []iana.NamedGroup{}
			return c, s
		}, 2, func(_ *decision, s State) bool { return s.Resumed && s.Retried }},
		{"resumption in TLS 1.2", func() (c, s *config) { return resumable12(t, true) }, 1,
			func(d *decision, s State) bool { return s.Resumed && d.session != nil }},
		{"pre-shared key", func() (c, s *config) { return byKey(iana.TLS13) }, 1,
			func(d *decision, s State) bool { return d.key != nil && !s.Resumed }},
		{"pre-shared key in TLS 1.2", func() (c, s *config) { return byKey(iana.TLS12) }, 1,
			func(d *decision, s State) bool { return s.PSKIdentity != nil && d.proof == nil }},
		{"0-RTT", func() (c, s *config) {
			c, s = resumable(t)
			c.EarlyData = true
			return c, s
		}, 1, func(d *decision, s State) bool { return d.early && s.EarlyData }},
		{"Encrypted ClientHello", func() (c, s *config) { return echPair(t) }, 1,
			func(_ *decision, s State) bool { return s.ECHAccepted }},
		{"Encrypted ClientHello after a HelloRetryRequest", func() (c, s *config) {
			c, s = echPair(t)
			c.KeyShares = []iana.NamedGroup{}
			return c, s
		}, 2, func(_ *decision, s State) bool { return s.ECHAccepted && s.Retried }},
		{"client certificate", func() (c, s *config) {
			c, s = pair13(t)
			asked13(t, c, s)
			return c, s
		}, 1, func(d *decision, s State) bool { return d.asks && len(s.PeerChain) > 0 }},
		{"client certificate in TLS 1.2", func() (c, s *config) {
			c, s = pair12(t)
			asked13(t, c, s)
			return c, s
		}, 1, func(d *decision, s State) bool { return d.asks && len(s.PeerChain) > 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := c.pair()
			cs, ss := newPair(t, client, server)
			var sights []sight
			ss.r.state = handlingWitness{witness{ss.r.state, &sights}}
			if err := pump(cs, ss); err != nil {
				t.Fatal(err)
			}
			send(t, cs, ss, "hello")
			if len(sights) != c.hello || !c.fits(sights[len(sights)-1].d, ss.r.State()) {
				t.Fatalf("%d decisions, and not the kind of handshake that this is for", len(sights))
			}
			for i, s := range sights {
				if after := dump(s.d); after != s.before {
					t.Errorf("decision %d was changed: %s\n\nand before: %s", i, after, s.before)
				}
			}
		})
	}
}

// TestKeyWithoutBinder: a pre-shared key whose binder was not checked leads to an error, and not to
// a handshake without a pre-shared key that counts as one with it.
func TestKeyWithoutBinder(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	d := &decision{suite: suites.TLS13(iana.TLS_AES_128_GCM_SHA256), key: psk.preshared()}
	s := &decided{&deciding{cfg: new(Config), info: new(State), hello: new(wire.ClientHello)}, d}
	if _, err := s.answer13(newEffects()); err == nil || asError(err).Fault != FaultLocal {
		t.Errorf("answered: %v", err)
	}
	if len(s.info.PSKIdentity) > 0 {
		t.Error("the client counts as one that has the key")
	}
}
