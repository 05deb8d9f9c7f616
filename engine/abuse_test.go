package engine

import (
	"crypto"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// The tests in this file attack as a peer that keeps the order of messages, or nearly.

// refuses checks that err is this side's refusal, with an alert.
func refuses(t *testing.T, err error, alert iana.Alert) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Fault == FaultAlert || e.Alert != alert {
		t.Errorf("got %v (%T), want alert %v", err, err, alert)
	}
}

// split cuts handshake messages that go out together apart.
func split(flight []byte) (messages [][]byte) {
	for len(flight) > 0 {
		_, n, _ := wire.ParseHeader(flight)
		messages = append(messages, flight[:wire.HeaderLen+n])
		flight = flight[wire.HeaderLen+n:]
	}
	return messages
}

// seal sends handshake messages under a side's present key, in any state.
func (e *side) seal(t *testing.T, typ iana.ContentType, payload []byte) []byte {
	t.Helper()
	out, err := e.s.records(nil, typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Certificates are public: a client that shows another's after the handshake, and
// sends data instead of the proof, must not be accepted as that other.
func TestLateCertificateIsNotBelievedUnproved(t *testing.T) {
	victim := newCredential(t, nil)
	c, s := newPair(t, &config{Verifier: acceptAll{}, PostHandshakeAuth: true, Credentials: []*Credential{victim}},
		&config{Verifier: acceptAll{}, Credentials: []*Credential{newCredential(t, nil)}})
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	request, q, err := s.s.RequestCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.r.Expect(q); err != nil {
		t.Fatal(err)
	}
	_, ev, err := c.r.Receive(request)
	if err != nil {
		t.Fatal(err)
	}
	var answer [][]byte
	for _, st := range ev.Reply.steps {
		if st.kind == stepHandshake {
			answer = append(answer, split(st.message)...)
		}
	}
	if len(answer) != 2 {
		t.Fatalf("the client answers in %d messages before Finished", len(answer))
	}
	for _, m := range answer {
		s.in = append(s.in, c.seal(t, iana.ContentHandshake, m)...)
		s.in = append(s.in, c.seal(t, iana.ContentApplicationData, []byte("give me all"))...)
		if _, err := s.step(); err != nil {
			t.Fatal(err)
		}
		if got := s.r.State(); len(got.PeerChain) != 0 {
			t.Fatalf("the client is believed after its %v", iana.HandshakeType(m[0]))
		}
	}
	out, err := c.s.apply(nil, ev.Reply.steps[len(ev.Reply.steps)-1])
	if err != nil {
		t.Fatal(err)
	}
	s.in = out
	if _, err := s.step(); err != nil {
		t.Fatal(err)
	}
	if got := s.r.State(); len(got.PeerChain) != 1 {
		t.Error("the client is not believed once it is proved")
	}
}

// A key that a server's table does not have, and finds as an empty one, is a key
// that anyone has.
func TestEmptyPSK(t *testing.T) {
	empty := func(identity []byte) (*PSK, error) { return &PSK{Identity: identity}, nil }
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		for _, guess := range [][]byte{nil, {}, make([]byte, 32)} {
			client := &config{MaxVersion: version, PSKs: []*PSK{NewPSK([]byte("anybody"), []byte("x"))}}
			c, s := newPair(t, client, &config{FindPSK: empty})
			client.PSKs[0].secret = hide(guess)
			err := pump(c, s)
			if s.done || err == nil {
				t.Fatalf("%v: a client without a key is accepted", version)
			}
		}
	}
	if _, _, err := startClient(&config{PSKs: []*PSK{{Identity: []byte("x")}}}); err == nil {
		t.Error("a client uses an empty key")
	}
	if _, err := (&PSK{Identity: []byte("x")}).Import(nil, crypto.SHA256); err == nil {
		t.Error("an empty key can be imported")
	}
}

// A server of TLS 1.2 may choose what a client offers without having a key for it.
func TestPSKSuiteWithoutPSK(t *testing.T) {
	suite := []iana.CipherSuite{iana.TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256}
	c, s := newPair(t, &config{Verifier: acceptAll{}, CipherSuites: suite, MaxVersion: iana.TLS12},
		&config{CipherSuites: suite, FindPSK: func([]byte) (*PSK, error) { return nil, nil }})
	refuses(t, pump(c, s), iana.AlertHandshakeFailure)
}

// handMade returns the first flight of a client after a change to its hello.
func handMade(t *testing.T, cfg *config, change func(*wire.ClientHello)) []byte {
	t.Helper()
	o, err := newOffer(cfg.client())
	if err != nil {
		t.Fatal(err)
	}
	o.offerPSKs()
	change(o.hello)
	if err := o.write(nil); err != nil {
		t.Fatal(err)
	}
	s := newSender(&cfg.Config, iana.TLS10)
	out, err := s.records(nil, iana.ContentHandshake, o.raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A client that leaves out its key share must not make a server give up forward
// secrecy that does not allow that.
func TestForwardSecrecyIsTheServersToGiveUp(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	for _, allowed := range []bool{false, true} {
		_, s := newPair(t, &config{PSKs: []*PSK{psk}},
			&config{PSKWithoutDHE: allowed, FindPSK: func([]byte) (*PSK, error) { return psk, nil }})
		s.in = handMade(t, &config{PSKs: []*PSK{psk}, PSKWithoutDHE: true}, func(h *wire.ClientHello) {
			h.KeyShares, h.SupportedGroups = nil, nil
		})
		_, err := s.step()
		if allowed && err != nil {
			t.Error(err)
		}
		if !allowed {
			refuses(t, err, iana.AlertMissingExtension)
		}
	}
}

// window is an AntiReplay that drops old attempts, as one of limited size must.
type window struct{ memory }

func (w *window) Fresh(id []byte, until time.Time) bool {
	return !until.IsZero() && w.memory.Fresh(id, until)
}

// An attempt with an external key has no date: once an AntiReplay has dropped it, it
// could be replayed.
func TestEarlyDataWithExternalPSK(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	psk.MaxEarlyData, psk.CipherSuite = 100, iana.TLS_AES_128_GCM_SHA256
	now := func() time.Time { return time.Unix(1e9, 0) }
	for _, forgets := range []bool{false, true} {
		server := &config{FindPSK: func([]byte) (*PSK, error) { return psk, nil }, Now: now, MaxEarlyData: 100}
		server.AntiReplay = newMemory()
		if forgets {
			server.AntiReplay = &window{*newMemory()}
		}
		c, s := newPair(t, &config{PSKs: []*PSK{psk}, EarlyData: true}, server)
		first, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		if first, err = c.s.Seal(first, []byte("pay 5")); err != nil {
			t.Fatal(err)
		}
		s.in = first
		if err := pump(c, s); err != nil {
			t.Fatal(err)
		}
		if taken := len(s.early) > 0; taken == forgets {
			t.Errorf("a memory that forgets: %v; early data is taken: %v", forgets, taken)
		}
	}
}

// Only a certificate can delegate.
func TestDelegationUnderRawKey(t *testing.T) {
	cred := newCredential(t, nil)
	delegate := newCredential(t, nil)
	with := iana.ECDSAWithP256AndSHA256
	d, err := NewDelegated(rand.Reader, cred, with, delegate.Signer, rawKey(t, delegate.Signer), with, 1000)
	if err != nil {
		t.Fatal(err)
	}
	cert := wire.Certificate{Entries: []wire.CertificateEntry{{Data: rawKey(t, cred.Signer), DelegatedCredential: d.Raw}}}
	raw, err := cert.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &flow13{cfg: &Config{}, info: new(State)}
	_, err = f.readCertificate(newMessage(raw), asked{kind: iana.CertTypeRawPublicKey, delegated: []iana.SignatureScheme{with}})
	refuses(t, asError(err), iana.AlertIllegalParameter)
}

// A ClientHello may be long, and must still not cost more than others that long.
func TestManySharesAndGroups(t *testing.T) {
	const n = 6000
	hello := &wire.ClientHello{}
	for i := range 2 * n {
		hello.SupportedGroups = append(hello.SupportedGroups, iana.NamedGroup(i))
	}
	for i := range n {
		hello.KeyShares = append(hello.KeyShares, wire.KeyShare{Group: iana.NamedGroup(2 * i)})
	}
	const most = 10 * time.Millisecond
	best := time.Hour
	for tries := 0; best > most && tries < 200; tries++ { // the machine may be busy
		start := time.Now()
		if err := checkShares(hello); err != nil {
			t.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	if best > most {
		t.Errorf("a ClientHello takes %v", best)
	}
	hello.KeyShares[n/2].Group = 5 * n
	if err := checkShares(hello); err == nil {
		t.Error("a share for a group that is not offered is accepted")
	}
}

// Once a server has chosen another configuration for a client, nothing of the
// first may come into it.
func TestForClientIsComplete(t *testing.T) {
	cred := newCredential(t, nil)
	chosen := &config{
		Verifier: acceptAll{}, Credentials: []*Credential{cred}, ClientAuthorities: [][]byte{[]byte("chosen")},
		SignatureSchemes: []iana.SignatureScheme{iana.ECDSAWithP256AndSHA256}, MaxHandshakeMessage: 100,
	}
	base := &config{ForClient: func(*ClientHelloInfo) (*Config, error) { return &chosen.Config, nil }}
	var asked *CredentialRequest
	client := &config{Verifier: acceptAll{}, PostHandshakeAuth: true, SelectCredential: func(r *CredentialRequest) (*Credential, error) {
		asked = r
		return cred, nil
	}}
	c, s := newPair(t, client, base)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	request, q, err := s.s.RequestCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.r.Expect(q); err != nil {
		t.Fatal(err)
	}
	c.in = request
	err = pump(c, s)
	if asked == nil || len(asked.Authorities) != 1 || len(asked.SignatureSchemes) != 1 {
		t.Errorf("the client is asked for %+v", asked)
	}
	refuses(t, err, iana.AlertIllegalParameter) // the limit of 100 bytes
}

// The extension that must come with pre-shared keys must come to servers too that
// have none.
func TestPSKWithoutModes(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	client := &config{PSKs: []*PSK{psk}}
	for _, server := range []*config{
		{Credentials: []*Credential{newCredential(t, nil)}},
		{FindPSK: func([]byte) (*PSK, error) { return psk, nil }},
	} {
		_, s := newPair(t, client, server)
		s.in = handMade(t, client, func(h *wire.ClientHello) { h.PSKModes = nil })
		_, err := s.step()
		refuses(t, err, iana.AlertMissingExtension)
	}
}

// Behind a second ClientHello there is no 0-RTT data to be passed over, so what
// does not decrypt is a forgery.
func TestNothingIsPassedOverAfterSecondHello(t *testing.T) {
	client, server := resumable(t)
	client.EarlyData, client.KeyShares = true, []iana.NamedGroup{}
	c, s := newPair(t, client, server)
	for range 2 {
		out, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		s.in = append(s.in, out...)
		back, err := s.step()
		if err != nil {
			t.Fatal(err)
		}
		c.in = append(c.in, back...)
	}
	if s.done || !s.r.State().Retried {
		t.Fatal("the server is not where it should be")
	}
	s.in = append(record.AppendHeader(nil, iana.ContentApplicationData, iana.TLS12, 100), make([]byte, 100)...)
	_, err := s.step()
	refuses(t, err, iana.AlertBadRecordMAC)
}

// The limit on records that goes with 0-RTT data is that of the session.
func TestEarlyDataWithRecordLimit(t *testing.T) {
	client, server := resumable(t)
	client.Session, client.RecordSizeLimit = nil, 16384
	for _, limit := range []int{500, 0, 300} {
		server.RecordSizeLimit = limit
		c, s := newPair(t, client, server)
		first, err := c.step()
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 1000)
		if client.Session != nil {
			if first, err = c.s.Seal(first, data); err != nil {
				t.Fatal(err)
			}
			if n := c.s.MaxData(); client.Session.limit == 500 && n != 500 {
				t.Errorf("the client sends records of %d bytes", n)
			}
		}
		s.in = first
		if err := pump(c, s); err != nil {
			t.Fatalf("limit %d: %v", limit, err)
		}
		if client.Session != nil && len(s.early) != len(data) {
			t.Errorf("limit %d: %d bytes of early data came", limit, len(s.early))
		}
		client.Session, client.EarlyData = c.sessions[0], true
	}
}

// A session stands for the proof it was made with: resumption must not turn one kind
// of proof into another that the client did not ask for.
func TestSessionProvesOnlyWhatItProved(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	byKey := func(c *config) { c.Verifier, c.PSKs = nil, []*PSK{psk} }
	byCertificate := func(c *config) { c.Verifier, c.PSKs = acceptAll{}, nil }
	byRawKey := func(c *config) { c.Verifier, c.PSKs, c.OnlyRawKeys = &acceptKeys{}, nil, true }
	for i, c := range []struct {
		before, after func(*config)
		resumed       bool
	}{
		{byCertificate, byCertificate, true},
		{byKey, byKey, true},
		{byRawKey, byRawKey, true},
		{byCertificate, byKey, false},
		{byCertificate, byRawKey, false},
		{byKey, byCertificate, false},
		{byRawKey, byCertificate, false},
	} {
		_, server := resumable(t)
		server.Credentials[0].RawPublicKey = rawKey(t, server.Credentials[0].Signer)
		server.FindPSK = func(id []byte) (*PSK, error) {
			if string(id) == "device" {
				return psk, nil
			}
			return nil, nil
		}
		client := &config{Now: server.Now, ServerName: "example.com"}
		c.before(client)
		cc, ss := newPair(t, client, server)
		if err := pump(cc, ss); err != nil {
			t.Fatal(i, err)
		}
		again := &config{Now: server.Now, ServerName: "example.com", Session: cc.sessions[0]}
		c.after(again)
		cc, ss = newPair(t, again, server)
		if err := pump(cc, ss); err != nil {
			t.Fatal(i, err)
		}
		if got := cc.r.State().Resumed; got != c.resumed {
			t.Errorf("case %d: resumed %v", i, got)
		}
	}
}

// A client that waits for its signature may change its key meanwhile: that must
// not come between the messages of its answer.
func TestLateAnswerIsInOnePiece(t *testing.T) {
	cred := newCredential(t, nil)
	var sign *SignRequest
	slowly := &Credential{Chain: cred.Chain, Signer: cred.Signer, Sign: func(r *SignRequest) ([]byte, error) {
		sign = r
		return nil, ErrPending
	}}
	c, s := newPair(t, &config{Verifier: acceptAll{}, PostHandshakeAuth: true, Credentials: []*Credential{slowly}},
		&config{Verifier: acceptAll{}, Credentials: []*Credential{cred}})
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	request, q, err := s.s.RequestCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.r.Expect(q); err != nil {
		t.Fatal(err)
	}
	c.in = request
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if s.in, err = c.s.Rekey(nil, true); err != nil {
		t.Fatal(err)
	}
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	signature, err := suites.SchemeByID(sign.Scheme).Sign(rand.Reader, cred.Signer, sign.Message)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.r.Resume(sign.Signed(signature)); err != nil {
		t.Fatal(err)
	}
	if err := pump(c, s); err != nil || len(s.r.State().PeerChain) != 1 {
		t.Errorf("%v", err)
	}
}

// A server that accepts nothing but raw keys must not get a certificate later.
func TestLateCertificateWhereOnlyRawKeys(t *testing.T) {
	cred := newCredential(t, nil)
	c, s := newPair(t, &config{Verifier: acceptAll{}, PostHandshakeAuth: true, Credentials: []*Credential{cred}},
		&config{Verifier: acceptAll{}, Credentials: []*Credential{cred}, OnlyRawKeys: true})
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.s.RequestCertificate(nil); err == nil {
		t.Error("a certificate is asked for")
	}
}
