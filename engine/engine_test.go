package engine

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// acceptAll is a Verifier that takes the key out of the certificate, for tests
// whose subject is not trust.
type acceptAll struct{}

func (acceptAll) VerifyPeer(p *PeerCertificate) (crypto.PublicKey, error) {
	cert, err := x509.ParseCertificate(p.Chain[0])
	if err != nil {
		return nil, err
	}
	return cert.PublicKey, nil
}

// newCredential makes a self-signed certificate.
func newCredential(t testing.TB, signer crypto.Signer) *Credential {
	t.Helper()
	if signer == nil {
		var err error
		if signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	der, err := selfSigned(signer)
	if err != nil {
		t.Fatal(err)
	}
	return &Credential{Chain: [][]byte{der}, Signer: NewSigner(signer)}
}

// selfSigned makes a certificate, the same each time if the signature is.
func selfSigned(signer crypto.Signer) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"example.com"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	return x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
}

// side is one end of a connection without a network.
type side struct {
	r    *Receiver
	s    *Sender
	in   []byte // not yet read
	way  []byte // not yet come in, for tests that let it come bit by bit
	data []byte // application data read
	done bool
	eof  bool

	early    []byte // 0-RTT data read
	events   []EventKind
	sessions []*Session
}

// step processes what was received and returns what has to be sent.
func (e *side) step() (out []byte, err error) {
	for {
		n, ev, rerr := e.r.Receive(e.in)
		out, err = e.s.Apply(out, ev.Reply)
		if rerr != nil || err != nil {
			return out, errors.Join(rerr, err)
		}
		if ev.Early {
			e.early = append(e.early, ev.Data...)
		} else {
			e.data = append(e.data, ev.Data...)
		}
		e.events = append(e.events, ev.Kind)
		if ev.Session != nil {
			e.sessions = append(e.sessions, ev.Session)
		}
		e.in = e.in[n:]
		switch ev.Kind {
		case EventHandshakeDone:
			e.done = true
		case EventClosed:
			e.eof = true
			return out, nil
		case EventWantRead, EventWaiting:
			return out, nil
		}
	}
}

// pump moves bytes both ways until nothing moves.
func pump(client, server *side) error {
	for {
		out, err := client.step()
		server.in = append(server.in, out...)
		back, serr := server.step()
		client.in = append(client.in, back...)
		if err != nil || serr != nil {
			return errors.Join(err, serr)
		}
		if len(out)+len(back) == 0 {
			return nil
		}
	}
}

func newPair(t testing.TB, client, server *config) (c, s *side) {
	t.Helper()
	cr, cs, err := startClient(client)
	if err != nil {
		t.Fatal(err)
	}
	sr, ss, err := startServer(server)
	if err != nil {
		t.Fatal(err)
	}
	return &side{r: cr, s: cs}, &side{r: sr, s: ss}
}

func send(t testing.TB, from, to *side, data string) {
	t.Helper()
	out, err := from.s.Seal(nil, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	to.in = append(to.in, out...)
	if err := pump(from, to); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(to.data, []byte(data)) {
		t.Fatalf("got %q, sent %q", to.data, data)
	}
}

// ccm13 are the suites of TLS 1.3 that have to be asked for.
var ccm13 = []iana.CipherSuite{iana.TLS_AES_128_CCM_SHA256, iana.TLS_AES_128_CCM_8_SHA256}

// TestCCMIsOptIn: neither side offers or takes CCM unless its configuration names it.
func TestCCMIsOptIn(t *testing.T) {
	for _, suite := range ccm13 {
		only := []iana.CipherSuite{suite}
		for _, lists := range [][2][]iana.CipherSuite{{only, nil}, {nil, only}} {
			c, s := newPair(t, &config{Verifier: acceptAll{}, CipherSuites: lists[0]},
				&config{Credentials: []*Credential{newCredential(t, nil)}, CipherSuites: lists[1]})
			refuses(t, pump(c, s), iana.AlertHandshakeFailure)
		}
		if slices.Contains((&config{}).suites(), suite) {
			t.Errorf("%v is a default", suite)
		}
	}
}

func TestHandshake(t *testing.T) {
	cred := newCredential(t, nil)
	groups := []iana.NamedGroup{
		iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024,
		iana.X25519, iana.SecP256r1, iana.SecP384r1, iana.SecP521r1,
	}
	for _, suite := range append(suites.Default13(), ccm13...) {
		for _, group := range groups {
			for _, retry := range []bool{false, true} {
				for _, auth := range []ClientAuth{NoClientCert, RequestClientCert, RequireClientCert} {
					client := &config{Verifier: acceptAll{}, ServerName: "example.com", ALPN: []string{"a", "b"}}
					server := &config{
						Verifier: acceptAll{}, Credentials: []*Credential{cred}, CipherSuites: []iana.CipherSuite{suite},
						Groups: []iana.NamedGroup{group}, ALPN: []string{"b"}, ClientAuth: auth,
					}
					if auth == RequireClientCert {
						client.Credentials = []*Credential{cred}
					}
					client.KeyShares = []iana.NamedGroup{group}
					if slices.Contains(ccm13, suite) {
						client.CipherSuites = server.CipherSuites
					}
					if retry {
						client.KeyShares = []iana.NamedGroup{}
						server.HelloRetryCookie = func() []byte { return []byte("cookie") }
					}
					c, s := newPair(t, client, server)
					if err := pump(c, s); err != nil {
						t.Fatalf("%v %v retry %v: %v", suite, group, retry, err)
					}
					if !c.done || !s.done {
						t.Fatalf("%v %v retry %v: not done", suite, group, retry)
					}
					send(t, c, s, "hello")
					send(t, s, c, "world")
					got := c.r.State()
					if got.CipherSuite != suite || got.Group != group || got.ALPN != "b" || got.Retried != retry {
						t.Errorf("state is %+v", got)
					}
					if auth == RequireClientCert && len(s.r.State().PeerChain) != 1 {
						t.Error("the server has no client certificate")
					}
				}
			}
		}
	}
}

func TestKeyUpdateAndClose(t *testing.T) {
	cred := newCredential(t, nil)
	c, s := newPair(t, &config{Verifier: acceptAll{}, MaxRecordsPerKey: 3}, &config{Credentials: []*Credential{cred}})
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		out, err := c.s.Rekey(nil, true)
		if err != nil {
			t.Fatal(err)
		}
		s.in = append(s.in, out...)
		send(t, c, s, "over")
		send(t, s, c, "and out")
	}
	out, err := c.s.CloseNotify(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.in = append(s.in, out...)
	if err := pump(c, s); err != nil || !s.eof {
		t.Fatalf("close: %v, eof %v", err, s.eof)
	}
	if _, err := c.s.Seal(nil, []byte("x")); err == nil {
		t.Error("data can be sent after close_notify")
	}
	out, err = s.s.Seal(nil, []byte("the other half is open"))
	if err != nil {
		t.Fatal(err)
	}
	c.in = append(c.in, out...)
	if _, err := c.step(); err != nil || string(c.data[len(c.data)-4:]) != "open" {
		t.Errorf("half close: %v %q", err, c.data)
	}
}

// newSender returns the sending half of a connection that begins with a version.
func newSender(cfg *Config, version iana.Version) *Sender {
	plain := record.PlainTLS12
	if version == iana.TLS10 {
		plain = record.PlainTLS10
	}
	_, s := newHalves(cfg, plain)
	return s
}
