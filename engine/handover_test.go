package engine

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/gcm"
	"github.com/sealsock/sealsock/internal/suites"
)

var socketOne = []byte("socket 1")

// handOver moves a side into another process, which has cfg.
func handOver(t testing.TB, from *side, cfg *Config, h *Handover) (*side, *Handover) {
	t.Helper()
	key, err := NewTakeoverKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := HandOver(from.r, from.s, h, key.Token(), socketOne)
	if err != nil {
		t.Fatal(err)
	}
	got, err := key.Open(sealed, socketOne)
	if err != nil {
		t.Fatal(err)
	}
	r, s, err := got.TakeOver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &side{r: r, s: s, in: got.Received, done: true}, got
}

// countNonces makes the ciphers of a test count what they seal with, and fail if a key
// seals twice with one nonce.
func countNonces(t *testing.T) (sealed func() int) {
	seen := map[string]bool{}
	count := func(aead func([]byte) (cipher.AEAD, error)) func([]byte) (cipher.AEAD, error) {
		return func(key []byte) (cipher.AEAD, error) {
			a, err := aead(key)
			return &countingAEAD{AEAD: a, key: string(key), seal: func(used string) {
				if seen[used] {
					t.Error("a key sealed two records with one nonce")
				}
				seen[used] = true
			}}, err
		}
	}
	for _, id := range append(suites.Default13(), ccm13...) {
		suite := suites.TLS13(id)
		old, plain := suite.AEAD, suite.AEAD
		if plain == nil {
			plain = gcm.New
		}
		suite.AEAD = count(plain)
		t.Cleanup(func() { suite.AEAD = old })
	}
	for _, id := range suites.Default12() {
		suite := suites.TLS12(id)
		old := suite.AEAD
		suite.AEAD = count(old)
		t.Cleanup(func() { suite.AEAD = old })
	}
	return func() int { return len(seen) }
}

type countingAEAD struct {
	cipher.AEAD
	key  string
	seal func(string)
}

func (c *countingAEAD) Seal(dst, nonce, plain, extra []byte) []byte {
	c.seal(c.key + string(nonce))
	return c.AEAD.Seal(dst, nonce, plain, extra)
}

// handoverPairs has a pair of configurations for each suite of both versions.
func handoverPairs(t *testing.T) map[string][2]*config {
	cred, now := newCredential(t, nil), func() time.Time { return time.Unix(1e9, 0) }
	all := map[string][2]*config{}
	add := func(v iana.Version, id iana.CipherSuite) {
		options := Options{
			CipherSuites: []iana.CipherSuite{id}, MinVersion: v, MaxVersion: v, ALPN: []string{"a"},
			Now: now,
		}
		both := Config{Options: options, Verifier: acceptAll{}, Credentials: []*Credential{cred}}
		client, server := &config{Config: both}, &config{Config: both}
		client.ServerName = "example.com"
		server.ClientAuth = RequireClientCert
		all[fmt.Sprintf("%v %v", v, id)] = [2]*config{client, server}
	}
	for _, id := range append(suites.Default13(), ccm13...) {
		add(iana.TLS13, id)
	}
	for _, id := range suites.Default12() {
		if strings.Contains(id.String(), "ECDSA") {
			add(iana.TLS12, id)
		}
	}
	return all
}

// TestHandOver hands either side over several times, with every suite. Records from
// before are opened after, and no key seals twice with one nonce.
func TestHandOver(t *testing.T) {
	sealed := countNonces(t)
	for name, pair := range handoverPairs(t) {
		c, s := newPair(t, pair[0], pair[1])
		if err := pump(c, s); err != nil {
			t.Fatal(name, err)
		}
		before := []State{c.r.State(), s.r.State()}
		exported, _ := before[0].Export("EXPORTER-test", nil, 32)
		for hop := range 6 {
			send(t, c, s, "hello")
			send(t, s, c, "world")
			from, to, cfg := &c, s, pair[0]
			if hop%2 == 1 {
				from, to, cfg = &s, c, pair[1]
			}
			// A record that is under way, and a part of the next.
			out, _ := to.s.Seal(nil, []byte("under way"))
			(*from).in = append((*from).in, out[:7]...)
			h := &Handover{
				Received: (*from).in, Extra: []byte("extra"), Unread: []byte("unread"),
			}
			h.Unsent, _ = (*from).s.Seal(nil, []byte("unsent"))
			moved, got := handOver(t, *from, &cfg.Config, h)
			if string(got.Extra) != "extra" || string(got.Unread) != "unread" ||
				got.Client() != (cfg == pair[0]) {
				t.Fatalf("%s: the application's part is %q %q", name, got.Extra, got.Unread)
			}
			moved.in = append(moved.in, out[7:]...)
			to.in = append(to.in, got.Unsent...)
			*from = moved
			if err := pump(c, s); err != nil {
				t.Fatalf("%s, hop %d: %v", name, hop, err)
			}
			if string(moved.data) != "under way" || !bytes.HasSuffix(to.data, []byte("unsent")) {
				t.Fatalf("%s, hop %d: %q %q", name, hop, moved.data, to.data)
			}
		}
		for i, now := range []State{c.r.State(), s.r.State()} {
			again, err := now.Export("EXPORTER-test", nil, 32)
			if err != nil || !bytes.Equal(again, exported) {
				t.Errorf("%s: exported %x, %v", name, again, err)
			}
			a := fmt.Sprintf("%+v", exportedFields(before[i]))
			b := fmt.Sprintf("%+v", exportedFields(now))
			if a != b {
				t.Errorf("%s: the state was %s and is %s", name, a, b)
			}
		}
	}
	if sealed() < 300 {
		t.Errorf("%d records were counted", sealed())
	}
}

func exportedFields(s State) map[string]any {
	all, v := map[string]any{}, reflect.ValueOf(s)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			all[f.Name] = v.Field(i).Interface()
		}
	}
	return all
}

// TestHandOverEndsTheHalves: the process that handed over can neither send nor receive.
func TestHandOverEndsTheHalves(t *testing.T) {
	for name, pair := range handoverPairs(t) {
		c, s := newPair(t, pair[0], pair[1])
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		handOver(t, c, &pair[0].Config, nil)
		out, err := s.s.Seal(nil, []byte("data"))
		if err != nil {
			t.Fatal(err)
		}
		if _, ev, err := c.r.Receive(out); !errors.Is(err, errHandedOver) || !ev.Reply.Empty() {
			t.Errorf("%s: Receive returns %+v, %v", name, ev, err)
		}
		for what, f := range map[string]func() ([]byte, error){
			"Seal":  func() ([]byte, error) { return c.s.Seal(nil, []byte("data")) },
			"Rekey": func() ([]byte, error) { return c.s.Rekey(nil, true) },
			"Abort": func() ([]byte, error) { return c.s.Abort(nil, iana.AlertInternalError) },
			"HandOver": func() ([]byte, error) {
				return HandOver(c.r, c.s, nil, bytes.Repeat([]byte{1}, HandoverTokenLen), nil)
			},
			"Apply": func() ([]byte, error) {
				out, _ := c.s.Apply(nil, EndWith(errors.New("x")))
				return out, ErrClosed
			},
			"CloseNotify": func() ([]byte, error) {
				out, _ := c.s.CloseNotify(nil)
				return out, ErrClosed
			},
		} {
			if out, err := f(); err == nil || len(out) > 0 {
				t.Errorf("%s: %s returns %d bytes, %v", name, what, len(out), err)
			}
		}
	}
}

// TestHandOverOnce: a state is opened once, by the process that it is for, with the socket
// that came with it, and only if nothing was changed.
func TestHandOverOnce(t *testing.T) {
	pair := handoverPairs(t)["TLS 1.3 TLS_AES_128_GCM_SHA256"]
	key, _ := NewTakeoverKey(rand.Reader)
	state := func(token []byte) []byte {
		c, s := newPair(t, pair[0], pair[1])
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		sealed, err := HandOver(c.r, c.s, nil, token, socketOne)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	token := key.Token()
	sealed := state(token)
	for name, c := range map[string]struct {
		binding []byte
		change  func(b []byte) []byte
	}{
		"another socket": {[]byte("socket 2"), nil},
		"another salt":   {socketOne, func(b []byte) []byte { b[5] ^= 1; return b }},
		"a changed byte": {socketOne, func(b []byte) []byte { b[len(b)-20] ^= 1; return b }},
		"a byte too few": {socketOne, func(b []byte) []byte { return b[:len(b)-1] }},
		"a head alone":   {socketOne, func(b []byte) []byte { return b[:9] }},
		"nothing":        {socketOne, func(b []byte) []byte { return nil }},
		"another token": {socketOne, func([]byte) []byte {
			return state(bytes.Repeat([]byte{1}, HandoverTokenLen))
		}},
	} {
		b := bytes.Clone(sealed)
		if c.change != nil {
			b = c.change(b)
		}
		one := &TakeoverKey{token: hide(bytes.Clone(token))}
		if h, err := one.Open(b, c.binding); err == nil || h != nil {
			t.Errorf("%s is accepted", name)
		}
		if _, err := one.Open(sealed, socketOne); err == nil {
			t.Errorf("%s: the key can be used again", name)
		}
	}
	h, err := key.Open(sealed, socketOne)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.Open(sealed, socketOne); err == nil {
		t.Error("a state is opened twice")
	}
	if key.Token() != nil {
		t.Error("a key that was used still has its token")
	}
	if _, _, err := h.TakeOver(&pair[0].Config); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.TakeOver(&pair[0].Config); err == nil {
		t.Error("a connection is taken over twice")
	}
	if _, err := HandOver(nil, nil, nil, make([]byte, HandoverTokenLen), nil); err == nil {
		t.Error("nil is handed over")
	}
}

// TestHandOverOfAnotherFormat: the error names both formats.
func TestHandOverOfAnotherFormat(t *testing.T) {
	key, _ := NewTakeoverKey(rand.Reader)
	_, err := key.Open(bytes.Repeat([]byte{handoverFormat + 1}, 200), socketOne)
	want := "the state of a connection has format 2, and this program takes over format 1 alone"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
}

// TestTakeOverUpdatesTheKey: in TLS 1.3 the first record of the new process is a key update
// that asks the peer for one, and the peer follows.
func TestTakeOverUpdatesTheKey(t *testing.T) {
	pair := handoverPairs(t)["TLS 1.3 TLS_AES_128_GCM_SHA256"]
	c, s := newPair(t, pair[0], pair[1])
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	own, peers := c.s.traffic, c.r.state.(*open13).traffic
	moved, h := handOver(t, c, &pair[0].Config, nil)
	if !bytes.Equal(moved.s.traffic.Bytes(), own.Next().Bytes()) {
		t.Error("the sending key is not the next one")
	}
	s.in = append(s.in, h.Unsent...)
	send(t, s, moved, "data")
	if now := moved.r.state.(*open13).traffic; !bytes.Equal(now.Bytes(), peers.Next().Bytes()) {
		t.Error("the peer has not changed its key")
	}
	for range 3 * updateRate.burst { // a peer accepts so many
		if moved, h = handOver(t, moved, &pair[0].Config, nil); len(h.Unsent) == 0 {
			break
		}
		s.in = append(s.in, h.Unsent...)
		if err := pump(moved, s); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.Unsent) != 0 {
		t.Error("more updates than a peer accepts")
	}
	send(t, moved, s, "data")
	send(t, s, moved, "data")
}

// TestHandOverOfClosedSides: what is closed stays closed, and the rest works.
func TestHandOverOfClosedSides(t *testing.T) {
	for name, pair := range handoverPairs(t) {
		c, s := newPair(t, pair[0], pair[1])
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		out, err := c.s.CloseNotify(nil)
		if err != nil {
			t.Fatal(err)
		}
		s.in = append(s.in, out...)
		if err := pump(c, s); err != nil || !s.eof {
			t.Fatal(err)
		}
		c, _ = handOver(t, c, &pair[0].Config, nil)
		s, h := handOver(t, s, &pair[1].Config, nil)
		c.in = append(c.in, h.Unsent...)
		if _, err := c.s.Seal(nil, []byte("x")); err == nil {
			t.Error(name, "a closed side sends")
		}
		if _, ev, err := s.r.Receive(nil); err != nil || ev.Kind != EventClosed {
			t.Error(name, ev.Kind, err)
		}
		if out, err = s.s.Seal(nil, []byte("the other half is open")); err != nil {
			t.Fatal(err)
		}
		c.in = append(c.in, out...)
		if _, err := c.step(); err != nil || string(c.data) != "the other half is open" {
			t.Errorf("%s: %q, %v", name, c.data, err)
		}
	}
}
