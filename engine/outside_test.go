package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/printed"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// A keyHolder seals frames, as the kernel does, in its own way.
type keyHolder struct {
	seal func(typ iana.ContentType, payload []byte) []byte
	next uint64 // the number of the next record
	keys int
}

// install takes a key that a Sender has released.
func (k *keyHolder) install(key SendingKey) error {
	k.next = key.Sequence
	k.keys++
	return key.Use(func(secret, iv []byte) error {
		if key.Version == iana.TLS12 {
			own := keys.Keys12{Key: bytes.Clone(secret), IV: bytes.Clone(iv)}
			sealer, err := record.NewSealer12(suites.TLS12(key.CipherSuite), own)
			if err != nil {
				return err
			}
			k.seal = func(typ iana.ContentType, payload []byte) []byte {
				sealer.SetSequence(k.next)
				rec, _ := sealer.Seal(nil, typ, payload, 0)
				return rec
			}
			return nil
		}
		aead, err := suites.TLS13(key.CipherSuite).Cipher(secret)
		iv = bytes.Clone(iv)
		k.seal = func(typ iana.ContentType, payload []byte) []byte { // RFC 9846, Section 5.2
			inner := append(bytes.Clone(payload), byte(typ))
			head := []byte{23, 3, 3}
			head = binary.BigEndian.AppendUint16(head, uint16(len(inner)+aead.Overhead()))
			nonce := bytes.Clone(iv)
			for i, b := range binary.BigEndian.AppendUint64(nil, k.next) {
				nonce[4+i] ^= b
			}
			return aead.Seal(bytes.Clone(head), nonce, inner, head)
		}
		return err
	})
}

// records makes records of frames.
func (k *keyHolder) records(t *testing.T, s *Sender, frames []byte) (out []byte) {
	t.Helper()
	for len(frames) > 0 {
		typ, payload, rest, ok := NextFrame(frames)
		if !ok {
			t.Fatalf("no frame: %x", frames)
		}
		frames = rest
		if typ == 0 {
			key, ok := s.NextKey()
			if !ok || k.install(key) != nil {
				t.Fatal("there is no key behind a frame for it")
			}
			continue
		}
		out = append(out, k.record(typ, payload)...)
	}
	return out
}

func (k *keyHolder) record(typ iana.ContentType, payload []byte) []byte {
	rec := k.seal(typ, payload)
	k.next++
	return rec
}

// releasedPair returns two ends of a connection, of which the first has released its key.
func releasedPair(t *testing.T, client, server *config) (c, s *side, k *keyHolder) {
	t.Helper()
	c, s = connect(t, client, server)
	k = new(keyHolder)
	if err := Release(c.r, c.s, k.install); err != nil {
		t.Fatal(err)
	}
	return c, s, k
}

// TestRelease: what the holder of a released key seals is what the peer expects, through key
// updates of both sides, and to the alert at the end.
func TestRelease(t *testing.T) {
	for _, id := range slices.Concat(suites.Default13(), ccm13, all12()) {
		if s := suites.TLS12(id); s != nil && s.Auth != suites.AuthECDSA {
			continue // the records are those of the suite of the same name with ECDSA
		}
		client, server := pair12(t)
		client.MaxVersion, client.MaxRecordsPerKey = 0, 12
		client.CipherSuites = []iana.CipherSuite{id}
		server.CipherSuites = client.CipherSuites
		c, s, k := releasedPair(t, client, server)
		want := slices.Clone(s.data)
		deliver := func(frames []byte, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%v: %v", id, err)
			}
			s.in = append(s.in, k.records(t, c.s, frames)...)
			back, err := s.step()
			if c.in = append(c.in, back...); err != nil {
				t.Fatalf("%v: %v", id, err)
			}
		}
		data := bytes.Repeat([]byte("data"), 9000)
		for range 10 {
			deliver(c.s.Seal(nil, data))
			want = append(want, data...)
		}
		for left := bytes.Repeat([]byte("file"), 100_000); len(left) > 0; {
			frames, n, err := c.s.Pass(nil, len(left))
			deliver(frames, err)
			for part := range slices.Chunk(left[:n], record.MaxPlaintext) {
				s.in = append(s.in, k.record(iana.ContentApplicationData, part)...)
			}
			c.s.Passed(n, k.next)
			want, left = append(want, left[:n]...), left[n:]
		}
		if c.s.traffic.Valid() {
			deliver(c.s.Rekey(nil, true))
			deliver(c.step()) // the peer's answer
		}
		deliver(c.s.CloseNotify(nil))
		if !bytes.Equal(s.data, want) || !s.eof {
			t.Errorf("%v: %d of %d bytes arrive, the end: %v", id, len(s.data), len(want), s.eof)
		}
		if updates := k.keys - 1; c.s.traffic.Valid() != (updates > 4) {
			t.Errorf("%v: %d key updates", id, updates)
		}
	}
}

// TestReleaseIsRefused: a key is released only where its holder makes the records that the
// Sender would make, and a refusal changes nothing.
func TestReleaseIsRefused(t *testing.T) {
	client, server := resumable(t)
	install := func(SendingKey) error { return nil }
	for name, change := range map[string]func(c, s *config){
		"padding":       func(c, _ *config) { c.Padding = func(int) int { return 1 } },
		"small records": func(c, _ *config) { c.DynamicRecords = true },
		"a limit":       func(c, s *config) { c.RecordSizeLimit, s.RecordSizeLimit = 16384, 16383 },
	} {
		own, peer := *client, *server
		change(&own, &peer)
		c, s := connect(t, &own, &peer)
		if err := Release(c.r, c.s, install); err == nil {
			t.Errorf("%s: the key is released", name)
		}
		send(t, c, s, "as before")
	}
	c, _ := newPair(t, client, server)
	if Release(c.r, c.s, install) == nil {
		t.Error("a key is released before the handshake")
	}
	c, s := connect(t, client, server)
	refused := errors.New("the kernel does not take it")
	if err := Release(c.r, c.s, func(SendingKey) error { return refused }); err != refused {
		t.Errorf("the error is %v", err)
	}
	send(t, c, s, "as before")
	if Release(c.r, c.s, nil) == nil || Release(nil, c.s, install) == nil ||
		Release(c.r, nil, install) == nil {
		t.Error("a key is released to nobody, or from nothing")
	}
	if _, _, err := c.s.Pass(nil, 1); err == nil {
		t.Error("data passes a Sender that has its key")
	}
	c, _, _ = releasedPair(t, client, server)
	if Release(c.r, c.s, install) == nil {
		t.Error("a key is released twice")
	}
	if _, err := HandOver(c.r, c.s, nil, bytes.Repeat([]byte{1}, HandoverTokenLen), nil); err == nil ||
		!strings.Contains(err.Error(), "released") {
		t.Errorf("HandOver without the key: %v", err)
	}
	if _, err := c.s.CloseNotify(nil); err != nil || Release(c.r, c.s, install) == nil {
		t.Error("a key is released after the end")
	}
	if _, _, err := c.s.Pass(nil, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("data passes after the end: %v", err)
	}
}

// TestReleasedLimit: the number of records that a key may protect is kept, as its holder counts
// them. RFC 9846, Section 5.5.
func TestReleasedLimit(t *testing.T) {
	client, server := resumable(t)
	c, _, k := releasedPair(t, client, server)
	limit := c.s.suite.RecordLimit
	c.s.Passed(100, limit-reserve-3)
	frames, n, err := c.s.Pass(nil, 1<<30)
	if err != nil || len(frames) > 0 || n > 3*record.MaxPlaintext {
		t.Fatalf("near the limit: %d bytes of frames, %d bytes may pass, %v", len(frames), n, err)
	}
	c.s.Passed(n, limit-reserve)
	frames, n, err = c.s.Pass(nil, 1<<30)
	k.records(t, c.s, frames)
	if err != nil || k.keys != 2 || n < record.MaxPlaintext {
		t.Fatalf("at the limit: %d keys, %d bytes may pass, %v", k.keys, n, err)
	}
	old, oldServer := pair12(t)
	c, _, _ = releasedPair(t, old, oldServer)
	c.s.Passed(100, suites.TLS12(c.r.info.CipherSuite).RecordLimit)
	if _, _, err := c.s.Pass(nil, 1); !errors.Is(err, record.ErrExhausted) {
		t.Errorf("TLS 1.2 at its limit: %v", err)
	}
	if _, err := c.s.Seal(nil, []byte("x")); !errors.Is(err, record.ErrExhausted) {
		t.Errorf("TLS 1.2 at its limit: %v", err)
	}
}

// TestReleasedTickets: tickets that go out with the first data go in front of a file.
func TestReleasedTickets(t *testing.T) {
	client, server := resumable(t)
	server.TicketsWithData = true
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	k := new(keyHolder)
	if err := Release(s.r, s.s, k.install); err != nil {
		t.Fatal(err)
	}
	frames, _, err := s.s.Pass(nil, 1)
	typ, _, _, ok := NextFrame(frames)
	if err != nil || !ok || typ != iana.ContentHandshake {
		t.Fatalf("in front of a file: %x, %v", frames, err)
	}
	before := len(c.sessions)
	c.in = k.records(t, s.s, frames)
	if err := pump(c, s); err != nil || len(c.sessions) == before {
		t.Errorf("%d tickets came, %v", len(c.sessions)-before, err)
	}
}

// TestFrames: what is no frame is none, and a part of one that was sent is taken off.
func TestFrames(t *testing.T) {
	frame, err := record.NewOutside(0, 1).Seal(nil, iana.ContentApplicationData, []byte("abcdef"), 9)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(frame) {
		if _, _, _, ok := NextFrame(frame[:n]); ok {
			t.Errorf("%d bytes are a frame", n)
		}
	}
	left := ShortenFrame(append(bytes.Clone(frame), "behind"...), 4)
	typ, payload, rest, ok := NextFrame(left)
	if !ok || typ != iana.ContentApplicationData ||
		string(payload) != "ef" || string(rest) != "behind" {
		t.Errorf("a part is left as %v %q %q", typ, payload, rest)
	}
	for _, n := range []int{-1, 0, 6, 7} {
		if got := ShortenFrame(bytes.Clone(frame), n); !bytes.Equal(got, frame) {
			t.Errorf("%d bytes off: %x", n, got)
		}
	}
}

// TestSendingKeyIsNotPrinted prints a released key with every verb and encoding.
func TestSendingKeyIsNotPrinted(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		client, server := resumableAt(t, version)
		c, _ := connect(t, client, server)
		var held SendingKey
		if err := Release(c.r, c.s, func(k SendingKey) error { held = k; return nil }); err != nil {
			t.Fatal(err)
		}
		var marks [][]string
		err := held.Use(func(key, iv []byte) error {
			marks = append(marks, printed.Marks(bytes.Clone(key)))
			return nil
		})
		if err != nil || marks[0] == nil {
			t.Fatalf("the key has no marks: %v", err)
		}
		type user struct{ key SendingKey }
		for _, v := range []any{held, &held, user{held}, &user{held}, []any{held}, c.s, *c.s} {
			for _, text := range printed.Forms(v) {
				if printed.Shows(text, marks[0]) {
					t.Errorf("%T shows the key: %.80q", v, text)
				}
			}
		}
	}
	if err := new(SendingKey).Use(func(_, _ []byte) error { return nil }); err == nil {
		t.Error("a zero SendingKey has a key")
	}
}
