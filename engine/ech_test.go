package engine

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/iana"
)

// publicName and hiddenName are what is seen and what is not.
const (
	publicName = "public.example"
	hiddenName = "hidden.example"
)

func newECHKey(t testing.TB, id uint8) *ECHKey {
	t.Helper()
	k, err := NewECHKey(rand.Reader, id, publicName, 32)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func echConfigs(t testing.TB, keys ...*ECHKey) []byte {
	t.Helper()
	list, err := ECHConfigList(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// verified is a Verifier that keeps what it was asked.
type verified struct {
	acceptAll
	name     string
	rejected bool
}

func (v *verified) VerifyPeer(p *PeerCertificate) (crypto.PublicKey, error) {
	v.name, v.rejected = p.ServerName, p.ECHRejected
	return v.acceptAll.VerifyPeer(p)
}

// echPair returns configurations of two sides that know the same key.
func echPair(t testing.TB) (client, server *config) {
	t.Helper()
	k := newECHKey(t, 7)
	client = &config{Verifier: acceptAll{}, ServerName: hiddenName, ALPN: []string{"hidden-protocol"}, ECHConfigs: echConfigs(t, k)}
	server = &config{Credentials: []*Credential{newCredential(t, nil)}, ALPN: []string{"hidden-protocol"}, ECHKeys: []*ECHKey{k}}
	return client, server
}

// tapped is pump that keeps what the client sent.
func tapped(client, server *side) ([]byte, error) {
	var all []byte
	for {
		out, err := client.step()
		all = append(all, out...)
		server.in = append(server.in, out...)
		back, serr := server.step()
		client.in = append(client.in, back...)
		if err != nil || serr != nil {
			return all, errors.Join(err, serr)
		}
		if len(out)+len(back) == 0 {
			return all, nil
		}
	}
}

func TestECHAccepted(t *testing.T) {
	for _, test := range []struct {
		name string
		with func(c, s *config)
	}{
		{"as is", func(_, _ *config) {}},
		{"with a retry", func(c, _ *config) { c.KeyShares = []iana.NamedGroup{} }},
		{"with a retry and a cookie", func(c, s *config) {
			c.KeyShares, s.HelloRetryCookie = []iana.NamedGroup{}, func() []byte { return []byte("cookie") }
		}},
		{"SHA-384", func(_, s *config) { s.CipherSuites = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384} }},
		{"SHA-384 with a retry", func(c, s *config) {
			s.CipherSuites, c.KeyShares = []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384}, []iana.NamedGroup{}
		}},
		{"no compatibility mode", func(c, _ *config) { c.NoCompatibilityMode = true }},
		{"client certificate", func(c, s *config) {
			s.ClientAuth, s.Verifier, c.Credentials = RequireClientCert, acceptAll{}, s.Credentials
		}},
		{"several keys", func(_, s *config) { s.ECHKeys = []*ECHKey{newECHKey(t, 1), s.ECHKeys[0], newECHKey(t, 2)} }},
		{"several keys of one number", func(_, s *config) { s.ECHKeys = []*ECHKey{newECHKey(t, 7), s.ECHKeys[0]} }},
		{"a retired key", func(_, s *config) { s.ECHKeys[0].Retired = true }},
		{"behind unusable configurations", func(c, _ *config) {
			list := c.ECHConfigs[2:]
			other := append([]byte{0xfe, 0x0c, 0, 3, 1, 2, 3}, list...)
			c.ECHConfigs = append([]byte{0, byte(len(other))}, other...)
		}},
		{"GREASE as well", func(c, _ *config) { c.ECHGREASE = true }},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := echPair(t)
			test.with(client, server)
			seen := new(ClientHelloInfo)
			server.ForClient = func(info *ClientHelloInfo) (*Config, error) {
				seen = info
				return nil, nil
			}
			c, s := newPair(t, client, server)
			wire, err := tapped(c, s)
			if err != nil {
				t.Fatal(err)
			}
			send(t, c, s, "hello")
			send(t, s, c, "world")
			cs, ss := c.r.State(), s.r.State()
			if !cs.ECHAccepted || !ss.ECHAccepted || !seen.ECHAccepted {
				t.Errorf("accepted: client %v, server %v, callback %v", cs.ECHAccepted, ss.ECHAccepted, seen.ECHAccepted)
			}
			if ss.ServerName != hiddenName || cs.ServerName != hiddenName || seen.ServerName != hiddenName {
				t.Errorf("names: client %q, server %q, callback %q", cs.ServerName, ss.ServerName, seen.ServerName)
			}
			if cs.ALPN != "hidden-protocol" || ss.ALPN != "hidden-protocol" {
				t.Errorf("protocol %q and %q", cs.ALPN, ss.ALPN)
			}
			if bytes.Contains(wire, []byte("hidden")) || !bytes.Contains(wire, []byte(publicName)) {
				t.Error("the wire shows the hidden name, or does not show the public one")
			}
			if want := client.KeyShares != nil; cs.Retried != want {
				t.Errorf("retried: %v", cs.Retried)
			}
		})
	}
}

func TestECHRejected(t *testing.T) {
	for _, test := range []struct {
		name  string
		with  func(c, s *config)
		retry bool // the server offers a new configuration
	}{
		{"another key", func(_, s *config) { s.ECHKeys = []*ECHKey{newECHKey(t, 8)} }, true},
		{"another key of the same number", func(_, s *config) { s.ECHKeys = []*ECHKey{newECHKey(t, 7)} }, true},
		{"with a retry", func(c, s *config) {
			s.ECHKeys, c.KeyShares = []*ECHKey{newECHKey(t, 8)}, []iana.NamedGroup{}
		}, true},
		{"off", func(_, s *config) { s.ECHKeys = nil }, false},
		{"off, with a retry", func(c, s *config) { s.ECHKeys, c.KeyShares = nil, []iana.NamedGroup{} }, false},
		{"all retired", func(_, s *config) {
			s.ECHKeys = []*ECHKey{newECHKey(t, 8)}
			s.ECHKeys[0].Retired = true
		}, false},
		{"client certificate asked for", func(c, s *config) {
			s.ECHKeys, s.ClientAuth, s.Verifier, c.Credentials = []*ECHKey{newECHKey(t, 8)}, RequestClientCert, acceptAll{}, s.Credentials
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := echPair(t)
			test.with(client, server)
			v := new(verified)
			client.Verifier = v
			c, s := newPair(t, client, server)
			wire, err := tapped(c, s)
			var rejected *ECHRejectedError
			if !errors.As(err, &rejected) || alertOf(err) != iana.AlertECHRequired {
				t.Fatalf("got %v", err)
			}
			if c.done || c.r.State().ECHAccepted || s.r.State().ECHAccepted {
				t.Error("the client went on")
			}
			if v.name != publicName || !v.rejected || rejected.PublicName != publicName {
				t.Errorf("verified %q, rejected %v, error about %q", v.name, v.rejected, rejected.PublicName)
			}
			if bytes.Contains(wire, []byte("hidden")) {
				t.Error("the wire shows the hidden name")
			}
			if len(s.r.State().PeerChain) != 0 {
				t.Error("the client showed its certificate")
			}
			var told *Error
			_, _, err = s.r.Receive(nil)
			if !s.done || !errors.As(err, &told) || told.Fault != FaultAlert || told.Alert != iana.AlertECHRequired {
				t.Errorf("the server finished the handshake: %v, and then: %v", s.done, err)
			}
			if (rejected.RetryConfigs != nil) != test.retry {
				t.Fatalf("configurations to retry with: %x", rejected.RetryConfigs)
			}
			if !test.retry {
				return
			}
			client.ECHConfigs = rejected.RetryConfigs
			c, s = newPair(t, client, server)
			if err := pump(c, s); err != nil || !c.r.State().ECHAccepted {
				t.Errorf("the second try: %v", err)
			}
		})
	}
}

// alertOf returns the alert of an error of this side.
func alertOf(err error) iana.Alert {
	var e *Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Alert
}

// TestECHPublicNameRefused: without proof of the public name, what the server
// sends as configurations is not used.
func TestECHPublicNameRefused(t *testing.T) {
	client, server := echPair(t)
	server.ECHKeys = []*ECHKey{newECHKey(t, 8)}
	client.Verifier = refuser{}
	c, s := newPair(t, client, server)
	err := pump(c, s)
	var rejected *ECHRejectedError
	if errors.As(err, &rejected) || alertOf(err) != iana.AlertBadCertificate {
		t.Errorf("got %v", err)
	}
}

type refuser struct{}

func (refuser) VerifyPeer(*PeerCertificate) (crypto.PublicKey, error) {
	return nil, errors.New("not today")
}

func TestECHGREASE(t *testing.T) {
	for _, keys := range [][]*ECHKey{nil, {newECHKey(t, 7)}} {
		for _, shares := range [][]iana.NamedGroup{nil, {}} {
			client, server := echPair(t)
			client.ECHConfigs, client.ECHGREASE, client.KeyShares, server.ECHKeys = nil, true, shares, keys
			c, s := newPair(t, client, server)
			wire, err := tapped(c, s)
			if err != nil {
				t.Fatal(err)
			}
			send(t, c, s, "hello")
			if c.r.State().ECHAccepted || s.r.State().ECHAccepted || !bytes.Contains(wire, []byte(hiddenName)) {
				t.Error("GREASE was taken for the real thing")
			}
		}
	}
	// A true extension and GREASE have the same length.
	real, _ := echPair(t)
	real.ECHConfigs = echConfigs(t, mustECHKey(t, hiddenName))
	fake := *real
	fake.ECHConfigs, fake.ECHGREASE = nil, true
	a, b := firstOffer(t, real), firstOffer(t, &fake)
	if x, y := len(a.ech.outer.ECH.Payload), len(b.hello.ECH.Payload); x != y {
		t.Errorf("a true payload has %d bytes, GREASE %d", x, y)
	}
}

func mustECHKey(t *testing.T, name string) *ECHKey {
	t.Helper()
	k, err := NewECHKey(rand.Reader, 1, name, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// firstOffer does what clientStart does.
func firstOffer(t testing.TB, cfg *config) *offer {
	t.Helper()
	o, err := newOffer(cfg.client())
	if err != nil {
		t.Fatal(err)
	}
	if err := o.startECH(); err != nil {
		t.Fatal(err)
	}
	o.offerPSKs()
	if err := errors.Join(o.write(nil), o.finishECH()); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestECHPadding: hidden names cannot be told apart by their length.
func TestECHPadding(t *testing.T) {
	k := newECHKey(t, 1) // pads names to 32 bytes
	lengths := map[int]bool{}
	for n := range 33 {
		cfg := &config{Verifier: acceptAll{}, ServerName: strings.Repeat("x", n), ECHConfigs: echConfigs(t, k)}
		lengths[len(firstOffer(t, cfg).sent())] = true
	}
	if len(lengths) != 1 {
		t.Errorf("hellos have %d different lengths", len(lengths))
	}
	for n := 33; n < 250; n++ {
		cfg := &config{Verifier: acceptAll{}, ServerName: strings.Repeat("x", n), ECHConfigs: echConfigs(t, k)}
		if size := len(firstOffer(t, cfg).ech.outer.ECH.Payload) - tagLen; size%32 != 0 {
			t.Errorf("a name of %d bytes gives %d bytes", n, size)
		}
	}
}

func TestECHResumption(t *testing.T) {
	for _, shares := range [][]iana.NamedGroup{nil, {}} {
		client, server := resumable(t)
		k := newECHKey(t, 3)
		client.ECHConfigs, server.ECHKeys, client.KeyShares = echConfigs(t, k), []*ECHKey{k}, shares
		c, s := newPair(t, client, server)
		wire, err := tapped(c, s)
		if err != nil {
			t.Fatal(err)
		}
		send(t, c, s, "there")
		send(t, s, c, "and back")
		if cs := c.r.State(); !cs.Resumed || !cs.ECHAccepted {
			t.Errorf("resumed %v, accepted %v", cs.Resumed, cs.ECHAccepted)
		}
		if bytes.Contains(wire, client.Session.Ticket) {
			t.Error("the ticket is seen")
		}
		if len(c.sessions) == 0 {
			t.Error("no new ticket came")
		}
	}
}

func TestECHEarlyData(t *testing.T) {
	for _, test := range []struct {
		name     string
		with     func(c, s *config)
		accepted bool // the early data
		rejected bool // the encrypted hello
	}{
		{"as is", func(_, _ *config) {}, true, false},
		{"refused", func(_, s *config) { s.MaxEarlyData = 0 }, false, false},
		{"refused by a retry", func(c, _ *config) { c.KeyShares = []iana.NamedGroup{} }, false, false},
		{"not decrypted", func(_, s *config) { s.ECHKeys = []*ECHKey{newECHKey(t, 4)} }, false, true},
		{"not decrypted, with a retry", func(c, s *config) {
			s.ECHKeys, c.KeyShares = []*ECHKey{newECHKey(t, 4)}, []iana.NamedGroup{}
		}, false, true},
		{"not decrypted, without tickets", func(_, s *config) { s.ECHKeys, s.Tickets = nil, nil }, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, server := resumable(t)
			k := newECHKey(t, 3)
			client.EarlyData, client.ECHConfigs, server.ECHKeys = true, echConfigs(t, k), []*ECHKey{k}
			test.with(client, server)
			c, s := newPair(t, client, server)
			first, err := c.step()
			if err != nil {
				t.Fatal(err)
			}
			if s.in, err = c.s.Seal(first, []byte("early bird")); err != nil {
				t.Fatal(err)
			}
			err = pump(c, s)
			var rejected *ECHRejectedError
			if errors.As(err, &rejected) != test.rejected || err != nil && !test.rejected {
				t.Fatal(err)
			}
			if got := string(s.early) == "early bird"; got != test.accepted {
				t.Errorf("the server has %q", s.early)
			}
			if !test.rejected {
				if got := slices.Contains(c.events, EventEarlyAccepted); got != test.accepted {
					t.Errorf("accepted: %v", got)
				}
				send(t, c, s, "there")
				send(t, s, c, "and back")
			}
		})
	}
}

// TestECHWithoutCertificate: a client that trusts a pre-shared key alone has
// no use for a server's public name.
func TestECHWithoutCertificate(t *testing.T) {
	psk := NewPSK([]byte("me"), []byte("0123456789abcdef"))
	k := newECHKey(t, 1)
	client := &config{PSKs: []*PSK{psk}, ECHConfigs: echConfigs(t, k)}
	server := &config{FindPSK: func([]byte) (*PSK, error) { return psk, nil }, ECHKeys: []*ECHKey{k}}
	c, s := newPair(t, client, server)
	if err := pump(c, s); err != nil || !c.r.State().ECHAccepted {
		t.Fatalf("accepted: %v", err)
	}
	server.ECHKeys = []*ECHKey{newECHKey(t, 1)}
	server.Credentials = []*Credential{newCredential(t, nil)}
	server.FindPSK = nil
	c, s = newPair(t, client, server)
	if err := pump(c, s); alertOf(err) != iana.AlertHandshakeFailure {
		t.Errorf("rejected: %v", err)
	}
}

func TestECHConfigMistakes(t *testing.T) {
	k := newECHKey(t, 1)
	good := echConfigs(t, k)
	unknownKEM := bytes.Clone(good)
	unknownKEM[7], unknownKEM[8] = 0xff, 0xfe
	exportOnlyAEAD := bytes.Clone(good)
	at := bytes.Index(good, k.PublicKey()) + 32 + 2
	for i := range 3 {
		exportOnlyAEAD[at+4*i+2], exportOnlyAEAD[at+4*i+3] = 0xff, 0xff
	}
	for _, test := range []struct {
		name string
		cfg  config
	}{
		{"empty", config{ECHConfigs: []byte{}}},
		{"cut", config{ECHConfigs: good[:len(good)-1]}},
		{"another version", config{ECHConfigs: []byte{0, 5, 0xfe, 0x0a, 0, 1, 9}}},
		{"an unknown KEM", config{ECHConfigs: unknownKEM}},
		{"no AEAD", config{ECHConfigs: exportOnlyAEAD}},
	} {
		test.cfg.Verifier = acceptAll{}
		if _, _, err := startClient(&test.cfg); err == nil {
			t.Errorf("%s: accepted", test.name)
		}
	}
	if _, _, err := startClient(&config{Verifier: acceptAll{}, ECHConfigs: good}); err != nil {
		t.Error(err)
	}
}

func TestECHKey(t *testing.T) {
	for _, name := range []string{"", "127.0.0.1", "a_b.example", "example.", strings.Repeat("x", 64), strings.Repeat("x.", 127) + "yy"} {
		if k, err := NewECHKey(rand.Reader, 1, name, 0); err == nil {
			t.Errorf("public name %q makes %v", name, k)
		}
	}
	if _, err := NewECHKey(bytes.NewReader(nil), 1, publicName, 0); err == nil {
		t.Error("a key out of no randomness")
	}
	k, other := newECHKey(t, 9), newECHKey(t, 9)
	private, err := k.PrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseECHKey(k.Config(), private)
	if err != nil || !bytes.Equal(again.PublicKey(), k.PublicKey()) || again.ID() != 9 || again.PublicName() != publicName {
		t.Errorf("read back: %v, %v", again, err)
	}
	for i, bad := range [][2][]byte{
		{other.Config(), private}, {k.Config(), private[1:]}, {k.Config()[1:], private}, {nil, private},
		{echConfigs(t, k), private}, {echConfigs(t, k, k)[2:], private}, {append(bytes.Clone(k.Config()), 0), private},
	} {
		if _, err := ParseECHKey(bad[0], bad[1]); err == nil {
			t.Errorf("wrong pair %d is accepted", i)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		text := fmt.Sprintf(verb, k) + fmt.Sprintf(verb, *k)
		if strings.Contains(text, string(private)) || strings.Contains(text, fmt.Sprintf("%x", private[:4])) || !strings.Contains(text, publicName) {
			t.Errorf("%s prints %s", verb, text)
		}
	}
	configs, err := ParseECHConfigs(echConfigs(t, k, other))
	if err != nil || len(configs) != 2 || configs[0].Unusable != "" || configs[1].PublicName != publicName || configs[0].MaxNameLen != 32 {
		t.Errorf("described as %+v, %v", configs, err)
	}
	k.Retired = true
	if list := echConfigs(t, k); list != nil {
		t.Errorf("a retired key is offered: %x", list)
	}
	many := make([]*ECHKey, 1000)
	for i := range many {
		many[i] = other
	}
	if _, err := ECHConfigList(many...); err == nil {
		t.Error("a list that is too long")
	}
}

// TestECHOldServer: with a server of TLS 1.2 GREASE changes nothing, and what
// has to be hidden is not sent.
func TestECHOldServer(t *testing.T) {
	client, server := echPair(t)
	server.MaxVersion = iana.TLS12
	c, s := newPair(t, client, server)
	wire, err := tapped(c, s)
	if alertOf(err) != iana.AlertProtocolVersion || c.done || bytes.Contains(wire, []byte("hidden")) {
		t.Errorf("done %v, %v", c.done, err)
	}
	client.ECHConfigs, client.ECHGREASE = nil, true
	c, s = newPair(t, client, server)
	if err := pump(c, s); err != nil || c.r.State().Version != iana.TLS12 {
		t.Fatalf("GREASE: %v, %v", c.r.State().Version, err)
	}
	send(t, c, s, "hello")
	client.ECHConfigs, client.MaxVersion = echConfigs(t, server.ECHKeys...), iana.TLS12
	if _, _, err := startClient(client); err == nil {
		t.Error("Encrypted ClientHello without TLS 1.3 is accepted")
	}
}
