package trust

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestKnownPeers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "known_peers")
	k, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	p := Policy{Roots: rootsOf(t, h.root), KnownPeers: k}
	box := issue(t, nil, nil, server("box.lan"))
	peer := &Peer{Server: true, Name: "10.0.0.7", Address: "10.0.0.7:443", Chain: chainOf(box), Now: noon}

	result, err := p.Verify(context.Background(), peer)
	if err != nil || !result.FirstUse || result.Name != "10.0.0.7:443" {
		t.Fatalf("first use: %+v, %v", result, err)
	}
	if result, err = p.Verify(context.Background(), peer); err != nil || result.FirstUse {
		t.Fatalf("second use: %+v, %v", result, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}

	changed := *peer
	other := issue(t, nil, nil, server("box.lan"))
	changed.Chain = chainOf(other)
	_, err = p.Verify(context.Background(), &changed)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodePeerChanged || !strings.Contains(e.Error(), "line 1 of "+file) ||
		!strings.Contains(e.Error(), PinOf(box.Certificate).String()) || !strings.Contains(e.Error(), PinOf(other.Certificate).String()) {
		t.Errorf("another key: %v", err)
	}

	// Raw keys are known the same way.
	raw := &Peer{Server: true, Address: "10.0.0.7:443", RawPublicKey: box.RawSubjectPublicKeyInfo}
	if _, err := p.Verify(context.Background(), raw); err != nil {
		t.Errorf("raw key: %v", err)
	}
	raw.RawPublicKey = other.RawSubjectPublicKeyInfo
	if _, err := p.Verify(context.Background(), raw); err == nil {
		t.Error("another raw key was accepted")
	}
	// What the roots vouch for is not written down.
	result, err = p.Verify(context.Background(), h.peer())
	if err != nil || result.FirstUse {
		t.Errorf("with a root: %+v, %v", result, err)
	}
	if pins, err := k.Pins("example.org"); err != nil || len(pins) != 0 {
		t.Errorf("pins of a peer with a root: %v, %v", pins, err)
	}
	// That the roots vouched for it is, and nothing less is accepted later.
	bare := *h.peer()
	bare.Chain = chainOf(other)
	if _, err := p.Verify(context.Background(), &bare); !errors.As(err, &e) || e.Code != CodePeerChanged || !strings.Contains(err.Error(), "issued under the roots (line 2 of "+file) {
		t.Errorf("a self-signed certificate after one with a root: %v", err)
	}
	if result, err = p.Verify(context.Background(), h.peer()); err != nil {
		t.Errorf("with a root again: %+v, %v", result, err)
	}
	if data, err := os.ReadFile(file); err != nil || strings.Count(string(data), "\n") != 2 {
		t.Errorf("the file has other lines than two: %s, %v", data, err)
	}
	// Other faults are not forgiven, nor are clients known by name.
	late := *peer
	late.Now = noon.AddDate(9, 0, 0)
	if _, err := p.Verify(context.Background(), &late); !errors.As(err, &e) || e.Code != CodeExpired {
		t.Errorf("expired: %v", err)
	}
	if _, err := p.Verify(context.Background(), &Peer{Name: "x", Chain: chainOf(box), Now: noon}); err == nil {
		t.Error("a client was accepted on first use")
	}
}

// TestZeroKnownPeers: one that OpenKnownPeers has not made accepts no unknown key, and does not
// disturb what the roots vouch for.
func TestZeroKnownPeers(t *testing.T) {
	h := newHouse(t)
	p := Policy{Roots: rootsOf(t, h.root), KnownPeers: new(KnownPeers)}
	box := issue(t, nil, nil, server("box.lan"))
	for name, peer := range map[string]*Peer{
		"certificate": {Server: true, Name: "box.lan", Chain: chainOf(box), Now: noon},
		"raw key":     {Server: true, Name: "box.lan", RawPublicKey: box.RawSubjectPublicKeyInfo},
	} {
		_, err := p.Verify(t.Context(), peer)
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeKnownPeers || !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Verify(t.Context(), h.peer()); err != nil {
		t.Errorf("with a root: %v", err)
	}
}

// TestFirstUseOfTwoAtOnce has a second process write another key down while the
// first still asks its person: only one of the keys may stay.
func TestFirstUseOfTwoAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	other, err := OpenKnownPeers(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := OpenKnownPeers(file, func(name string, _ Pin) error {
		if first, err := other.check([]string{name}, nil, Pin{1}); err != nil || !first {
			t.Errorf("the other process: %v, %v", first, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := k.check([]string{"box.lan"}, nil, Pin{2}); !errors.As(err, &e) ||
		e.Code != CodePeerChanged || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("two keys at once: %v", err)
	}
	if first, err := k.check([]string{"box.lan"}, nil, Pin{1}); err != nil || first {
		t.Errorf("the one that was written: %v, %v", first, err)
	}
	if pins, err := k.Pins("box.lan"); err != nil || len(pins) != 1 || pins[0] != (Pin{1}) {
		t.Errorf("%v, %v", pins, err)
	}
	// Many at once, each with a key of its own: one is accepted.
	accepted := make(chan Pin, 16)
	var all sync.WaitGroup
	for i := range cap(accepted) {
		all.Go(func() {
			k, err := OpenKnownPeers(file, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := k.check([]string{"many.lan"}, nil, Pin{byte(i)}); err == nil {
				accepted <- Pin{byte(i)}
			}
		})
	}
	all.Wait()
	if pins, err := k.Pins("many.lan"); err != nil || len(pins) != 1 || len(accepted) != 1 || pins[0] != <-accepted {
		t.Errorf("%d accepted, %v are known, %v", len(accepted), pins, err)
	}
}

// TestKnownWhileAsking: a peer that is known is accepted while the user is asked about another,
// and the question may look into the file. One question is open at a time.
func TestKnownWhileAsking(t *testing.T) {
	var k *KnownPeers
	asked := 0
	k, err := OpenKnownPeers(filepath.Join(t.TempDir(), "known"), func(string, Pin) error {
		asked++
		known := make(chan error, 1)
		go func() {
			if _, err := k.Pins("new.lan"); err != nil {
				known <- err
			}
			_, err := k.check([]string{"box.lan"}, nil, Pin{1})
			known <- err
		}()
		select {
		case err := <-known:
			return err
		case <-time.After(time.Minute):
			return errors.New("a known peer waits for the answer")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Add("box.lan", Pin{1}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	firsts := make(chan bool, 4)
	for range cap(firsts) {
		all.Go(func() {
			first, err := k.check([]string{"new.lan"}, nil, Pin{2})
			if err != nil {
				t.Error(err)
			}
			firsts <- first
		})
	}
	all.Wait()
	close(firsts)
	n := 0
	for first := range firsts {
		if first {
			n++
		}
	}
	// One that had looked before the answer was there, and waited.
	if known, err := k.meet([]string{"new.lan"}, nil, Pin{2}); err != nil || len(known) != 1 {
		t.Errorf("behind the answer: %d keys, %v", len(known), err)
	}
	if asked != 1 || n != 1 {
		t.Errorf("asked %d times, first %d times", asked, n)
	}
}

func TestKnownPeersFile(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "known"), []byte("# mine\n\nBOX.lan:443 "+Pin{1}.String()+" my box\nbox.lan:443 "+Pin{2}.String()))
	asked := 0
	k, err := OpenKnownPeers(file, func(string, Pin) error { asked++; return errors.New("no") })
	if err != nil {
		t.Fatal(err)
	}
	if pins, err := k.Pins("Box.LAN:443"); err != nil || len(pins) != 2 || pins[1] != (Pin{2}) {
		t.Errorf("%v, %v", pins, err)
	}
	var e *Error
	if _, err := k.check([]string{"new.lan"}, nil, Pin{3}); !errors.As(err, &e) ||
		e.Code != CodeUnknownPeer || asked != 1 {
		t.Errorf("refused by the person: %v", err)
	}
	if err := k.Add("new.lan", Pin{3}); err != nil {
		t.Fatal(err)
	}
	if first, err := k.check([]string{"new.lan"}, nil, Pin{3}); err != nil || first || asked != 1 {
		t.Errorf("added by hand: %v, %v", first, err)
	}
	if pins, err := k.Pins("box.lan:443"); err != nil || len(pins) != 2 {
		t.Errorf("the line without an end was damaged: %v, %v", pins, err)
	}
	for name, bad := range map[string]string{"no pin": "box.lan\n", "bad pin": "a b\n", "huge": strings.Repeat("#", maxKnownFile+1)} {
		write(t, file, []byte(bad))
		if err := os.Chtimes(file, time.Now(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := k.check([]string{"box.lan"}, nil, Pin{1}); !errors.As(err, &e) ||
			e.Code != CodeKnownPeers {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := OpenKnownPeers(file, nil); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	for _, name := range []string{"", "  "} {
		if err := k.Add(name, Pin{}); err == nil {
			t.Errorf("%q was added", name)
		}
	}
	if _, err := k.check([]string{""}, nil, Pin{}); !errors.As(err, &e) || e.Code != CodeNoName {
		t.Errorf("no name: %v", err)
	}
}

func FuzzParseKnown(f *testing.F) {
	f.Add([]byte("box.lan " + Pin{}.String() + "\n"))
	f.Add([]byte("# x\n\n a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		peers, err := parseKnown(data)
		if err == nil {
			for name, keys := range peers {
				if name == "" || len(keys) == 0 {
					t.Errorf("%q has %d keys", name, len(keys))
				}
			}
		}
	})
}
