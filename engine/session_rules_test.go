package engine

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// TestSessionKeepsName: a session is resumed under the server name that it was made with,
// even if the client asks for another. RFC 6066, Section 3, for TLS 1.2.
func TestSessionKeepsName(t *testing.T) {
	for _, name := range []string{"example.com", "example.org", ""} {
		client, server := resumable(t)
		s := newServer(t, server)
		s.in = handMade(t, client, func(h *wire.ClientHello) { h.ServerName = name })
		out, err := s.step()
		if err != nil {
			t.Fatal(err)
		}
		if got := firstServerHello(t, out).SelectedPSK != nil; got != (name == "example.com") {
			t.Errorf("TLS 1.3, %q: resumed %v", name, got)
		}

		client, server = resumable12(t, true)
		c, s := newPair(t, client, server)
		first, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		s.in = editHello(first, func(h *helloEdit) { h.ServerName = name })
		if _, err = s.step(); err != nil {
			t.Fatal(err)
		}
		if got := s.r.State().Resumed; got != (name == "example.com") {
			t.Errorf("TLS 1.2, %q: resumed %v", name, got)
		}
	}
}

// TestResumptionNeedsExtendedMasterSecret12: a server does not resume a session for
// a client that leaves out the extension. RFC 7627, Section 5.3.
func TestResumptionNeedsExtendedMasterSecret12(t *testing.T) {
	client, server := resumable12(t, true)
	c, s := newPair(t, client, server)
	first, err := c.step()
	if err != nil {
		t.Fatal(err)
	}
	s.in = editHello(first, func(h *helloEdit) { h.ExtendedMasterSecret = false })
	_, err = s.step()
	refusesFor(t, err, iana.AlertHandshakeFailure, "did not offer extended master secret")
}

// TestBinderHash13: after a retry a binder covers the hash of the first ClientHello, the
// HelloRetryRequest, and the second ClientHello up to the binders. RFC 9846, Section
// 4.2.11.2.
func TestBinderHash13(t *testing.T) {
	first, retry, partial := []byte("first"), []byte("retry"), []byte("second up to the binders")
	alone := sha256.Sum256(partial)
	if got := binderHash(nil, crypto.SHA256, partial); !bytes.Equal(got, alone[:]) {
		t.Errorf("without a retry: %x, want %x", got, alone)
	}
	var before transcript
	before.add(first)
	before.choose(crypto.SHA256)
	before.retry()
	before.add(retry)
	sum := sha256.Sum256(first)
	all := append([]byte{254, 0, 0, 32}, sum[:]...)
	want := sha256.Sum256(append(append(all, retry...), partial...))
	if got := binderHash(&before, crypto.SHA256, partial); !bytes.Equal(got, want[:]) {
		t.Errorf("after a retry: %x, want %x", got, want)
	}
}

// TestGREASEIsIgnored13: a server ignores suites, groups, versions, schemes and
// extensions that it does not know. RFC 9846, Section 9.3; RFC 8701.
func TestGREASEIsIgnored13(t *testing.T) {
	const grease = 0x1a1a
	client, server := pair13(t)
	s := newServer(t, server)
	s.in = handMade(t, client, func(h *wire.ClientHello) {
		h.CipherSuites = append([]iana.CipherSuite{grease}, h.CipherSuites...)
		h.SupportedGroups = append([]iana.NamedGroup{grease}, h.SupportedGroups...)
		h.KeyShares = append([]wire.KeyShare{{Group: grease, Data: []byte{0}}}, h.KeyShares...)
		h.SupportedVersions = append([]iana.Version{grease}, h.SupportedVersions...)
		h.SignatureAlgorithms = append([]iana.SignatureScheme{grease}, h.SignatureAlgorithms...)
		h.ALPN = append([]string{"\x1a\x1a"}, h.ALPN...)
		h.Unknown = []wire.Extension{{Type: grease, Data: []byte("x")}}
	})
	if _, err := s.step(); err != nil {
		t.Error(err)
	}
}

// TestCompatibilityMode13 counts the change_cipher_spec records of both sides. RFC 9846,
// Appendix D.4.
func TestCompatibilityMode13(t *testing.T) {
	for _, off := range []bool{false, true} {
		client, server := pair13(t)
		client.NoCompatibilityMode = off
		c, s := newPair(t, client, server)
		var sent [2]int
		for range 4 {
			for i, way := range [][2]*side{{c, s}, {s, c}} {
				out, err := way[0].step()
				if err != nil {
					t.Fatal(err)
				}
				for rest := out; len(rest) > 0; {
					h, _ := record.ParseHeader(rest)
					if h.Type == iana.ContentChangeCipherSpec {
						sent[i]++
					}
					rest = rest[record.HeaderLen+h.Length:]
				}
				way[1].in = append(way[1].in, out...)
			}
		}
		if want := map[bool]int{false: 1, true: 0}[off]; sent != [2]int{want, want} {
			t.Errorf("compatibility mode off %v: client and server send %v", off, sent)
		}
	}
}

// TestLateAnswersInAnyOrder13: of several late requests, any may be answered first. RFC
// 9846, Section 4.6.2.
func TestLateAnswersInAnyOrder13(t *testing.T) {
	client, server := pair13(t)
	client.Credentials = []*Credential{newCredential(t, nil)}
	client.PostHandshakeAuth, server.Verifier = true, acceptAll{}
	c, s := connect(t, client, server)
	var answers []Outgoing
	for range 2 {
		ask(t, c, s)
		var answer Outgoing
		for kind := EventKind(0); kind != EventWantRead; {
			n, ev, err := c.r.Receive(c.in)
			if err != nil {
				t.Fatal(err)
			}
			c.in, kind = c.in[n:], ev.Kind
			answer.steps = append(answer.steps, ev.Reply.steps...)
		}
		answers = append(answers, answer)
	}
	for _, i := range []int{1, 0} {
		out, err := c.s.Apply(nil, answers[i])
		if err != nil {
			t.Fatal(err)
		}
		s.in = out
		if _, err := s.step(); err != nil {
			t.Errorf("answer %d: %v", i, err)
		}
	}
}
