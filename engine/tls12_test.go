package engine

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/testcert"
)

var keyKinds = []string{"p256", "p384", "p521", "ed25519", "rsa"}

// all12 lists every cipher suite of TLS 1.2.
func all12() []iana.CipherSuite {
	list := suites.Default12()
	ecdhe, plain := suites.DefaultPSK12()
	return append(slices.Concat(list, ecdhe, plain),
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM, iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM,
		iana.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, iana.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8,
		iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256, iana.TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256,
		iana.TLS_PSK_WITH_AES_128_CCM, iana.TLS_PSK_WITH_AES_256_CCM,
		iana.TLS_PSK_WITH_AES_128_CCM_8, iana.TLS_PSK_WITH_AES_256_CCM_8,
	)
}

// pair12 returns configurations for TLS 1.2 that go together.
func pair12(t testing.TB) (client, server *config) {
	t.Helper()
	now := func() time.Time { return time.Unix(1_000_000_000, 0) }
	client = &config{Verifier: acceptAll{}, MaxVersion: iana.TLS12, Now: now, ServerName: "example.com", ALPN: []string{"a", "b"}}
	server = &config{Verifier: acceptAll{}, Credentials: []*Credential{newCredential(t, nil)}, Now: now, ALPN: []string{"b"}}
	return client, server
}

// connect runs the handshake and sends something both ways.
func connect(t testing.TB, client, server *config) (c, s *side) {
	t.Helper()
	c, s = newPair(t, client, server)
	if err := pump(c, s); err != nil {
		t.Fatal(err)
	}
	if !c.done || !s.done {
		t.Fatal("the handshake is not complete")
	}
	send(t, c, s, "hello")
	send(t, s, c, "world")
	return c, s
}

func TestHandshake12(t *testing.T) {
	creds := map[suites.Auth]*Credential{
		suites.AuthECDSA: newCredential(t, nil),
		suites.AuthRSA:   newCredential(t, testcert.NewKey("rsa")),
	}
	psk := NewPSK([]byte("device 7"), bytes.Repeat([]byte{7}, 20))
	for _, id := range all12() {
		suite := suites.TLS12(id)
		groups := []iana.NamedGroup{0}
		if suite.ECDHE {
			groups = []iana.NamedGroup{iana.X25519, iana.SecP256r1, iana.SecP384r1, iana.SecP521r1}
		}
		for _, group := range groups {
			client, server := pair12(t)
			client.CipherSuites = []iana.CipherSuite{id}
			client.MaxVersion = 0
			if group != 0 {
				server.Groups = []iana.NamedGroup{group}
			}
			if suite.Auth == suites.AuthPSK {
				client.PSKs, server.CipherSuites = []*PSK{psk}, client.CipherSuites
				server.FindPSK = func([]byte) (*PSK, error) { return psk, nil }
			} else {
				server.Credentials = []*Credential{creds[suite.Auth]}
				server.CipherSuites = client.CipherSuites
			}
			c, s := connect(t, client, server)
			for _, got := range []State{c.r.State(), s.r.State()} {
				if got.Version != iana.TLS12 || got.CipherSuite != id || got.Group != group || got.ALPN != "b" || !got.ExtendedMasterSecret || got.ServerName != "example.com" {
					t.Errorf("%v %v: state is %+v", id, group, got)
				}
			}
			if (suite.Auth == suites.AuthPSK) != (len(c.r.State().PeerChain) == 0) {
				t.Errorf("%v: the client has %d certificates", id, len(c.r.State().PeerChain))
			}
		}
	}
}

func TestSignatures12(t *testing.T) {
	for _, kind := range keyKinds {
		cred := newCredential(t, testcert.NewKey(kind))
		for _, scheme := range suites.DefaultSchemes() {
			if s := suites.SchemeByID(scheme); !s.TLS12 || !s.Fits(cred.public(), iana.TLS12) {
				continue
			}
			for _, auth := range []ClientAuth{NoClientCert, RequestClientCert, RequireClientCert} {
				client, server := pair12(t)
				server.Credentials, server.ClientAuth = []*Credential{cred}, auth
				server.SignatureSchemes, client.SignatureSchemes = []iana.SignatureScheme{scheme}, []iana.SignatureScheme{scheme}
				if auth == RequireClientCert {
					client.Credentials = []*Credential{cred}
				}
				c, s := connect(t, client, server)
				cs, ss := c.r.State(), s.r.State()
				if cs.PeerScheme != scheme || ss.OwnScheme != scheme {
					t.Errorf("%s: %v became %v and %v", kind, scheme, cs.PeerScheme, ss.OwnScheme)
				}
				if auth == RequireClientCert && (ss.PeerScheme != scheme || len(ss.PeerChain) != 1) {
					t.Errorf("%s: the client proved itself with %v", kind, ss.PeerScheme)
				}
			}
		}
	}
}

// TestCurveAgnostic12: in TLS 1.2 an ECDSA scheme does not name the curve.
func TestCurveAgnostic12(t *testing.T) {
	client, server := pair12(t)
	server.Credentials = []*Credential{newCredential(t, testcert.NewKey("p384"))}
	client.SignatureSchemes = []iana.SignatureScheme{iana.ECDSAWithP256AndSHA256}
	c, _ := connect(t, client, server)
	if got := c.r.State().PeerScheme; got != iana.ECDSAWithP256AndSHA256 {
		t.Errorf("the server signed with %v", got)
	}
}

func TestStapleAndSCTs12(t *testing.T) {
	client, server := pair12(t)
	cred := server.Credentials[0]
	cred.OCSPStaple, cred.SCTs = []byte("staple"), [][]byte{[]byte("sct")}
	var asked *PeerCertificate
	client.Verifier = verifierFunc(func(p *PeerCertificate) (crypto.PublicKey, error) {
		asked = p
		return acceptAll{}.VerifyPeer(p)
	})
	c, _ := connect(t, client, server)
	if got := c.r.State(); string(got.PeerOCSP) != "staple" || len(got.PeerSCTs) != 1 {
		t.Errorf("state is %+v", got)
	}
	if asked == nil || string(asked.OCSPStaple) != "staple" || len(asked.SCTs) != 1 || asked.ServerName != "example.com" || !asked.Server {
		t.Errorf("the verifier was asked about %+v", asked)
	}
}

type verifierFunc func(*PeerCertificate) (crypto.PublicKey, error)

func (f verifierFunc) VerifyPeer(p *PeerCertificate) (crypto.PublicKey, error) { return f(p) }

// TestMixedCredentials12: the certificate decides the suite.
func TestMixedCredentials12(t *testing.T) {
	client, server := pair12(t)
	server.Credentials = []*Credential{newCredential(t, testcert.NewKey("rsa")), newCredential(t, nil)}
	client.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	if c, _ := connect(t, client, server); c.r.State().CipherSuite != client.CipherSuites[0] {
		t.Errorf("suite is %v", c.r.State().CipherSuite)
	}
	client.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	if c, _ := connect(t, client, server); c.r.State().CipherSuite != client.CipherSuites[0] {
		t.Errorf("suite is %v", c.r.State().CipherSuite)
	}
}

// TestKeyLog12: both sides write the same line, and ForClient sees the versions.
func TestKeyLog12(t *testing.T) {
	client, server := pair12(t)
	var lines []string
	log := func(label string, random, secret []byte) {
		lines = append(lines, fmt.Sprintf("%s %x %x", label, random, secret))
	}
	var versions []iana.Version
	server.ForClient = func(h *ClientHelloInfo) (*Config, error) {
		versions = h.SupportedVersions
		return nil, nil
	}
	client.KeyLog, server.KeyLog = log, log
	connect(t, client, server)
	if len(lines) != 2 || lines[0] != lines[1] || len(lines[0]) != len("CLIENT_RANDOM ")+64+1+96 {
		t.Errorf("the key log is %q", lines)
	}
	if len(versions) != 3 || versions[0] != iana.TLS12 {
		t.Errorf("the versions are %v", versions)
	}
}

// TestCurves12: a client's groups are for certificates too.
func TestCurves12(t *testing.T) {
	client, server := pair12(t)
	server.Credentials = []*Credential{newCredential(t, testcert.NewKey("p384")), newCredential(t, testcert.NewKey("p521")), newCredential(t, testcert.NewKey("rsa"))}
	for _, c := range []struct {
		groups []iana.NamedGroup
		shown  int
	}{
		{nil, 0},
		{[]iana.NamedGroup{iana.X25519, iana.SecP521r1}, 1},
		{[]iana.NamedGroup{iana.X25519}, 2},
	} {
		client.Groups = c.groups
		_, s := connect(t, client, server)
		if got := s.r.State().OwnChain; !bytes.Equal(got[0], server.Credentials[c.shown].Chain[0]) {
			t.Errorf("groups %v: another certificate than number %d is shown", c.groups, c.shown)
		}
	}
	server.Credentials = server.Credentials[:1]
	c, s := newPair(t, client, server)
	wantAlert(t, pump(c, s), iana.AlertHandshakeFailure)
}

// TestNoTickets12: a client that takes no tickets resumes by ID.
func TestNoTickets12(t *testing.T) {
	client, server := pair12(t)
	server.Tickets, server.SessionIDs, client.NoTickets = newMemory(), cache{}, true
	for _, resumed := range []bool{false, true} {
		c, _ := connect(t, client, server)
		if got := c.sessions[0]; c.r.State().Resumed != resumed || len(got.Ticket) > 0 || len(got.SessionID) != 32 {
			t.Errorf("resumed %v: ticket %q, ID %x", c.r.State().Resumed, got.Ticket, got.SessionID)
		}
		client.Session = c.sessions[0]
	}
}

// cache is SessionIDs for tests.
type cache map[string][]byte

func (m cache) Store(id []byte, s *Session) error {
	b, err := s.Marshal()
	m[string(id)] = b
	return err
}

func (m cache) Load(id []byte) (*Session, error) {
	if b, ok := m[string(id)]; ok {
		return ParseSession(b)
	}
	return nil, nil
}

func (m cache) Forget(id []byte) { delete(m, string(id)) }

// resumable12 returns configurations whose connections can be resumed.
func resumable12(t *testing.T, tickets bool) (client, server *config) {
	t.Helper()
	client, server = pair12(t)
	if tickets {
		server.Tickets = newMemory()
	} else {
		server.SessionIDs = cache{}
	}
	c, _ := connect(t, client, server)
	if len(c.sessions) != 1 {
		t.Fatalf("%d sessions came", len(c.sessions))
	}
	b, err := c.sessions[0].Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if client.Session, err = ParseSession(b); err != nil {
		t.Fatal(err)
	}
	if tickets == (len(client.Session.Ticket) == 0) || tickets == (len(client.Session.SessionID) > 0) {
		t.Fatalf("tickets %v: ticket %q, ID %x", tickets, client.Session.Ticket, client.Session.SessionID)
	}
	return client, server
}

func TestResumption12(t *testing.T) {
	for _, tickets := range []bool{false, true} {
		for _, change := range []struct {
			name    string
			with    func(c, s *config)
			resumed bool
		}{
			{"as is", func(_, _ *config) {}, true},
			{"with both versions", func(c, s *config) { c.MaxVersion, s.MaxVersion = 0, iana.TLS12 }, true},
			{"another protocol", func(_, s *config) { s.ALPN = []string{"a"} }, true},
			{"a better version", func(c, _ *config) { c.MaxVersion = 0 }, false},
			{"another suite", func(_, s *config) {
				s.CipherSuites = []iana.CipherSuite{iana.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
			}, false},
			{"too old", func(c, s *config) {
				c.Now = func() time.Time { return time.Unix(1_000_000_000+86399, 0) }
				s.Now = func() time.Time { return time.Unix(1_000_000_000+86400, 0) }
			}, false},
			{"another name", func(c, _ *config) { c.ServerName = "example.org" }, false},
			{"forgotten", func(_, s *config) {
				if s.Tickets != nil {
					s.Tickets = newMemory()
				} else {
					s.SessionIDs = cache{}
				}
			}, false},
			{"client certificate wanted", func(c, s *config) { s.ClientAuth, c.Credentials = RequireClientCert, s.Credentials }, false},
		} {
			t.Run(fmt.Sprintf("tickets %v, %s", tickets, change.name), func(t *testing.T) {
				client, server := resumable12(t, tickets)
				change.with(client, server)
				c, s := connect(t, client, server)
				cs, ss := c.r.State(), s.r.State()
				if cs.Resumed != change.resumed || ss.Resumed != change.resumed {
					t.Errorf("resumed: client %v, server %v", cs.Resumed, ss.Resumed)
				}
				if len(cs.PeerChain) != 1 {
					t.Error("the client does not know the server's certificate")
				}
				if len(server.ALPN) > 0 && cs.ALPN != server.ALPN[0] {
					t.Errorf("protocol %q", cs.ALPN)
				}
				if change.resumed && (len(c.sessions) != 1 || !c.sessions[0].Created.Equal(client.Session.Created)) {
					t.Errorf("the session that was used does not come back: %v", c.sessions)
				}
				sameKeys(t, &cs, &ss)
			})
		}
	}
}

// sameKeys compares what both sides export.
func sameKeys(t *testing.T, a, b *State) {
	t.Helper()
	for _, context := range [][]byte{nil, {}, []byte("context")} {
		x, err := a.Export("EXPORTER-test", context, 40)
		y, err2 := b.Export("EXPORTER-test", context, 40)
		if err != nil || err2 != nil || !bytes.Equal(x, y) {
			t.Errorf("exporters differ: %v %v", err, err2)
		}
	}
	if a.Version != iana.TLS12 {
		return
	}
	x, err := a.Unique()
	y, err2 := b.Unique()
	if err != nil || err2 != nil || len(x) != 12 || !bytes.Equal(x, y) {
		t.Errorf("tls-unique differs: %x %x %v %v", x, y, err, err2)
	}
}

func TestResumptionWithClientCertificate12(t *testing.T) {
	client, server := pair12(t)
	server.Tickets, server.ClientAuth = newMemory(), RequireClientCert
	client.Credentials = server.Credentials
	c, _ := connect(t, client, server)
	client.Session = c.sessions[0]
	verified := 0
	server.Verifier = verifierFunc(func(p *PeerCertificate) (crypto.PublicKey, error) {
		if p.Server || !p.Resumed {
			t.Errorf("the verifier is asked about %+v", p)
		}
		verified++
		return acceptAll{}.VerifyPeer(p)
	})
	_, s := connect(t, client, server)
	if !s.r.State().Resumed || len(s.r.State().PeerChain) != 1 || verified != 1 {
		t.Errorf("resumed %v, chain %d, verified %d times", s.r.State().Resumed, len(s.r.State().PeerChain), verified)
	}
	server.Verifier = verifierFunc(func(*PeerCertificate) (crypto.PublicKey, error) { return nil, errors.New("revoked meanwhile") })
	c, s = newPair(t, client, server)
	if err := pump(c, s); err == nil || s.done || c.done {
		t.Error("a certificate that is no longer accepted is resumed")
	}
}

func TestPSK12(t *testing.T) {
	good := NewPSK([]byte("device 7"), bytes.Repeat([]byte{7}, 32))
	find := func(identity []byte) (*PSK, error) {
		if bytes.Equal(identity, good.Identity) {
			return good, nil
		}
		return nil, nil
	}
	t.Run("hint", func(t *testing.T) {
		for _, noDHE := range []bool{false, true} {
			for _, hint := range []string{"", "plant 3"} {
				got := "none"
				client := &config{MaxVersion: iana.TLS12, PSKWithoutDHE: noDHE, SelectPSK: func(h []byte) (*PSK, error) {
					got = string(h)
					return good, nil
				}}
				server := &config{FindPSK: find, PSKHint: []byte(hint), PSKWithoutDHE: noDHE}
				if noDHE {
					_, client.CipherSuites = suites.DefaultPSK12()
				}
				_, s := connect(t, client, server)
				if got != hint || string(s.r.State().PSKIdentity) != "device 7" || (s.r.State().Group == 0) != noDHE {
					t.Errorf("hint %q, state %+v", got, s.r.State())
				}
			}
		}
	})
	t.Run("refusals", func(t *testing.T) {
		for _, p := range []*PSK{NewPSK(good.Identity, []byte("wrong")), NewPSK([]byte("unknown"), good.secret.bytes())} {
			c, s := newPair(t, &config{MaxVersion: iana.TLS12, PSKs: []*PSK{p}}, &config{FindPSK: find})
			if err := pump(c, s); err == nil || c.done || s.done {
				t.Errorf("%v is accepted", p)
			}
		}
		c, s := newPair(t, &config{MaxVersion: iana.TLS12, PSKs: []*PSK{good}}, &config{Credentials: []*Credential{newCredential(t, nil)}})
		wantAlert(t, pump(c, s), iana.AlertHandshakeFailure)
	})
	t.Run("with certificates beside", func(t *testing.T) {
		cred := newCredential(t, nil)
		server := &config{FindPSK: find, Credentials: []*Credential{cred}}
		_, s := connect(t, &config{MaxVersion: iana.TLS12, Verifier: acceptAll{}, PSKs: []*PSK{good}}, server)
		if s.r.State().PSKIdentity == nil {
			t.Error("the key is not used")
		}
		c, _ := connect(t, &config{MaxVersion: iana.TLS12, Verifier: acceptAll{}}, server)
		if len(c.r.State().PeerChain) != 1 {
			t.Error("the certificate is not used")
		}
	})
}

// wantAlert checks that err, of either side, carries an alert.
func wantAlert(t *testing.T, err error, want iana.Alert) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Alert != want {
		t.Errorf("got %v, want alert %v", err, want)
	}
}

func TestRequireExtendedMasterSecret(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		client, server := pair12(t)
		client.RequireExtendedMasterSecret = role == "client"
		server.RequireExtendedMasterSecret = role == "server"
		connect(t, client, server)
		c, s := newPair(t, client, server)
		err := pumpThrough(c, s, withoutExtension(iana.ExtExtendedMasterSecret))
		if role == "server" {
			wantAlert(t, err, iana.AlertHandshakeFailure)
			continue
		}
		// The server's answer is correct, and the client refuses it.
		wantAlert(t, err, iana.AlertHandshakeFailure)
	}
}

func TestDowngradeSentinel(t *testing.T) {
	client, server := pair12(t)
	client.MaxVersion = 0
	c, s := newPair(t, client, server)
	err := pumpThrough(c, s, withoutExtension(iana.ExtSupportedVersions))
	wantAlert(t, err, iana.AlertIllegalParameter)
	if c.done || s.done {
		t.Error("the handshake went on")
	}
	// Without an attacker on the path the version is TLS 1.3. A server that has
	// TLS 1.2 alone does not send the sentinel.
	if c, _ := connect(t, client, server); c.r.State().Version != iana.TLS13 {
		t.Errorf("version is %v", c.r.State().Version)
	}
	server.MaxVersion = iana.TLS12
	if c, _ := connect(t, client, server); c.r.State().Version != iana.TLS12 {
		t.Errorf("version is %v", c.r.State().Version)
	}
}

func TestFallbackSCSV(t *testing.T) {
	client, server := pair12(t)
	c, s := newPair(t, client, server)
	err := pumpThrough(c, s, func(raw []byte) []byte {
		return editHello(raw, func(h *helloEdit) { h.CipherSuites = append(h.CipherSuites, iana.TLS_FALLBACK_SCSV) })
	})
	wantAlert(t, err, iana.AlertInappropriateFallback)
	server.MaxVersion = iana.TLS12
	c, s = newPair(t, client, server)
	err = pumpThrough(c, s, func(raw []byte) []byte {
		return editHello(raw, func(h *helloEdit) { h.CipherSuites = append(h.CipherSuites, iana.TLS_FALLBACK_SCSV) })
	})
	// The server continues; the two sides saw different hellos, and so have
	// different keys.
	wantAlert(t, err, iana.AlertBadRecordMAC)
	c, s = newPair(t, client, server)
	err = pumpThrough(c, s, func(raw []byte) []byte {
		return editHello(raw, func(h *helloEdit) {
			h.LegacyVersion, h.CipherSuites = iana.TLS11, append(h.CipherSuites, iana.TLS_FALLBACK_SCSV)
		})
	})
	wantAlert(t, err, iana.AlertInappropriateFallback)
}
