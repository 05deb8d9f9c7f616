package engine

import (
	"slices"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/internal/wire"
)

// A retrier is a client with any second ClientHello, under binders that fit.
type retrier struct {
	*offer
	server *side
	sender *Sender
	before transcript // what the second ClientHello follows
}

// newRetrier sends a first ClientHello, changed by first, and reads the server's
// HelloRetryRequest.
func newRetrier(t *testing.T, client, server *config, first func(*wire.ClientHello)) *retrier {
	t.Helper()
	client.KeyShares = []iana.NamedGroup{}
	o, err := newOffer(client.client())
	if err != nil {
		t.Fatal(err)
	}
	o.offerPSKs()
	if first != nil {
		first(o.hello)
	}
	if err := o.write(nil); err != nil {
		t.Fatal(err)
	}
	_, s := newPair(t, &config{Verifier: acceptAll{}}, server)
	p := &retrier{offer: o, server: s, sender: newSender(&client.Config, iana.TLS10)}
	p.put(t)
	out, err := s.step()
	if err != nil {
		t.Fatal(err)
	}
	h, _ := record.ParseHeader(out)
	raw := out[record.HeaderLen : record.HeaderLen+h.Length]
	hrr, err := wire.ParseServerHello(newMessage(raw).body)
	if err != nil || !hrr.IsHelloRetryRequest() {
		t.Fatalf("no HelloRetryRequest: %v", err)
	}
	p.before.add(o.raw)
	p.before.choose(suites.TLS13(hrr.CipherSuite).Hash)
	p.before.retry()
	p.before.add(raw)
	o.hello.Cookie, o.hello.EarlyData = hrr.Cookie, false
	if err := o.replaceShare(hrr.KeyShare.Group); err != nil {
		t.Fatal(err)
	}
	return p
}

// put sends the hello to the server.
func (p *retrier) put(t *testing.T) {
	t.Helper()
	out, err := p.sender.records(nil, iana.ContentHandshake, p.raw)
	if err != nil {
		t.Fatal(err)
	}
	p.server.in = append(p.server.in, out...)
}

// second sends the second ClientHello and returns the server's answer.
func (p *retrier) second(t *testing.T, change func(*wire.ClientHello)) error {
	t.Helper()
	if change != nil {
		change(p.hello)
	}
	if err := p.write(&p.before); err != nil {
		t.Fatal(err)
	}
	p.put(t)
	_, err := p.server.step()
	return err
}

// A server that does not give up forward secrecy must not do so after a
// HelloRetryRequest either. The second ClientHello here lists psk_ke alone.
func TestRetryKeepsForwardSecrecy(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	for _, allowed := range []bool{false, true} {
		server := &config{PSKWithoutDHE: allowed, FindPSK: func([]byte) (*PSK, error) { return psk, nil }}
		p := newRetrier(t, &config{PSKs: []*PSK{psk}}, server, nil)
		err := p.second(t, func(h *wire.ClientHello) { h.PSKModes = []iana.PSKMode{iana.PSKKE} })
		refuses(t, err, iana.AlertIllegalParameter)
		if s := p.server; s.s.Ready() || s.r.State().Group != 0 {
			t.Error("the server goes on without a key exchange")
		}
	}
}

// What the mode of a pre-shared key is does not rest on an earlier decision alone.
func TestPSKModeIsDecidedFromTheConfiguration(t *testing.T) {
	hello := &wire.ClientHello{PSK: new(wire.OfferedPSKs), PSKModes: []iana.PSKMode{iana.PSKKE}}
	for _, allowed := range []bool{false, true} {
		d := &decision{group: suites.GroupByID(iana.X25519)}
		if err := d.choosePSKMode(&Config{PSKWithoutDHE: allowed}, hello); (err == nil) != allowed {
			t.Errorf("allowed %v: %v", allowed, err)
		}
	}
}

// What the rest of a handshake uses of a ClientHello beside the choice is that of the
// second one. The check of what changed, which has the bytes, does not see this change.
func TestSecondClientHelloIsTaken(t *testing.T) {
	server := &config{Credentials: []*Credential{newCredential(t, nil)}}
	p := newRetrier(t, &config{Verifier: acceptAll{}}, server, nil)
	if err := p.write(&p.before); err != nil {
		t.Fatal(err)
	}
	s, ok := p.server.r.state.(*awaitSecondClientHello)
	if !ok {
		t.Fatalf("the server is in %T", p.server.r.state)
	}
	m := newMessage(p.raw)
	h, err := wire.ParseClientHello(m.body)
	if err != nil {
		t.Fatal(err)
	}
	h.PostHandshakeAuth = true
	d, err := choose(&server.Config, h, known{promised: s.promised})
	if err != nil || !d.late {
		t.Errorf("late authentication offered: %v, %v", d, err)
	}
}

// secondHellos are changes to a second ClientHello, and whether RFC 9846, Section 4.1.2,
// allows them.
var secondHellos = []struct {
	name    string
	change  func(*wire.ClientHello)
	allowed bool
}{
	{"nothing", nil, true},
	{"padding", func(h *wire.ClientHello) { h.Padding = 100 }, true},
	{"no pre-shared keys", func(h *wire.ClientHello) {}, true}, // see TestSecondClientHello
	{"legacy_version", func(h *wire.ClientHello) { h.LegacyVersion = iana.TLS11 }, false},
	{"random", func(h *wire.ClientHello) { h.Random[0]++ }, false},
	{"session ID", func(h *wire.ClientHello) { h.SessionID = nil }, false},
	{"suites", func(h *wire.ClientHello) { h.CipherSuites = slices.Clone(h.CipherSuites)[:1] }, false},
	{"server name", func(h *wire.ClientHello) { h.ServerName = "other.example" }, false},
	{"no server name", func(h *wire.ClientHello) { h.ServerName = "" }, false},
	{"protocols", func(h *wire.ClientHello) { h.ALPN = []string{"x", "y"} }, false},
	{"groups", func(h *wire.ClientHello) { h.SupportedGroups = h.SupportedGroups[:4] }, false},
	{"versions", func(h *wire.ClientHello) {
		h.SupportedVersions = []iana.Version{iana.TLS13}
	}, false},
	{"no TLS 1.3", func(h *wire.ClientHello) {
		h.SupportedVersions = []iana.Version{iana.TLS12}
	}, false},
	{"schemes", func(h *wire.ClientHello) {
		h.SignatureAlgorithms = h.SignatureAlgorithms[1:]
	}, false},
	{"schemes of certificates", func(h *wire.ClientHello) {
		h.SignatureAlgsCert = []iana.SignatureScheme{iana.Ed25519}
	}, false},
	{"modes", func(h *wire.ClientHello) {
		h.PSKModes = []iana.PSKMode{iana.PSKDHEKE, iana.PSKKE}
	}, false},
	{"post_handshake_auth", func(h *wire.ClientHello) { h.PostHandshakeAuth = true }, false},
	{"status_request", func(h *wire.ClientHello) { h.StatusRequest = false }, false},
	{"certificate kinds", func(h *wire.ClientHello) {
		h.ServerCertTypes = []iana.CertificateType{iana.CertTypeRawPublicKey}
	}, false},
	{"client certificate kinds", func(h *wire.ClientHello) {
		h.ClientCertTypes = []iana.CertificateType{iana.CertTypeRawPublicKey}
	}, false},
	{"compression of certificates", func(h *wire.ClientHello) {
		h.CompressCertificate = []iana.CertificateCompression{iana.CompressionZlib}
	}, false},
	{"delegation", func(h *wire.ClientHello) {
		h.DelegatedCredential = []iana.SignatureScheme{iana.Ed25519}
	}, false},
	{"record limit", func(h *wire.ClientHello) { h.RecordSizeLimit = 100 }, false},
	{"fragment length", func(h *wire.ClientHello) { h.MaxFragmentLength = 1 }, false},
	{"authorities", func(h *wire.ClientHello) { h.CertAuthorities = [][]byte{{1, 2, 3}} }, false},
	{"unknown extension", func(h *wire.ClientHello) { h.Unknown[0].Data = []byte("x") }, false},
	{"unknown extension more", func(h *wire.ClientHello) {
		h.Unknown = append(h.Unknown, wire.Extension{Type: 0x2a2a})
	}, false},
	{"unknown extension less", func(h *wire.ClientHello) { h.Unknown = h.Unknown[:1] }, false},
	{"order of extensions", func(h *wire.ClientHello) { slices.Reverse(h.Unknown) }, true},
	{"early data", func(h *wire.ClientHello) { h.EarlyData = true }, false},
	{"another cookie", func(h *wire.ClientHello) { h.Cookie = []byte("other") }, false},
	{"no cookie", func(h *wire.ClientHello) { h.Cookie = nil }, false},
	{"the share twice", func(h *wire.ClientHello) {
		h.KeyShares = append(h.KeyShares, wire.KeyShare{Group: iana.SecP521r1, Data: []byte{4}})
	}, false},
	{"another share", func(h *wire.ClientHello) { h.KeyShares[0].Group = iana.SecP521r1 }, false},
}

func TestSecondClientHello(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	for _, c := range secondHellos {
		t.Run(c.name, func(t *testing.T) {
			client := &config{
				Verifier: acceptAll{}, ServerName: "example.com", ALPN: []string{"x"}, PSKs: []*PSK{psk},
			}
			server := &config{
				Credentials:      []*Credential{newCredential(t, nil)},
				FindPSK:          func([]byte) (*PSK, error) { return psk, nil },
				HelloRetryCookie: func() []byte { return []byte("cookie") },
			}
			p := newRetrier(t, client, server, func(h *wire.ClientHello) {
				h.Unknown = []wire.Extension{{Type: 0x0a0a}, {Type: 0x1a1a, Data: []byte{0}}}
			})
			if c.name == "no pre-shared keys" {
				p.psks = psks{}
			}
			err := p.second(t, c.change)
			if c.allowed && err != nil {
				t.Error(err)
			}
			if !c.allowed {
				refuses(t, err, iana.AlertIllegalParameter)
			}
		})
	}
}

// A server that has pre-shared keys alone misses those that a second ClientHello leaves
// out. RFC 9846, Section 6.2.
func TestNoPSKsAfterRetry(t *testing.T) {
	psk := NewPSK([]byte("device"), []byte("secret"))
	server := &config{FindPSK: func([]byte) (*PSK, error) { return psk, nil }}
	p := newRetrier(t, &config{Verifier: acceptAll{}, PSKs: []*PSK{psk}}, server, nil)
	p.psks = psks{}
	refuses(t, p.second(t, nil), iana.AlertMissingExtension)
	// A client that offered none at first gets unknown_psk_identity.
	client := &config{Verifier: acceptAll{}}
	refuses(t, newRetrier(t, client, server, nil).second(t, nil), iana.AlertUnknownPSKIdentity)
}

// The second ClientHello may leave out pre-shared keys, and not add or move any.
func TestPSKsAfterRetry(t *testing.T) {
	all := map[string]*PSK{}
	keysOf := func(names string) (list []*PSK) {
		for _, r := range names {
			list = append(list, all[string(r)])
		}
		return list
	}
	for _, r := range "abc" {
		all[string(r)] = NewPSK([]byte{byte(r)}, []byte("secret"))
	}
	for _, c := range []struct {
		first, second string
		allowed       bool
	}{
		{"abc", "abc", true}, {"abc", "ac", true}, {"abc", "c", true}, {"abc", "", true},
		{"ab", "ba", false}, {"a", "ab", false}, {"", "a", false}, {"ab", "c", false}, {"a", "aa", false},
	} {
		client := &config{Verifier: acceptAll{}, PSKs: keysOf(c.first)}
		server := &config{
			Credentials: []*Credential{newCredential(t, nil)},
			FindPSK:     func(id []byte) (*PSK, error) { return all[string(id)], nil },
		}
		p := newRetrier(t, client, server, nil)
		again, err := newOffer((&config{Verifier: acceptAll{}, PSKs: keysOf(c.second)}).client())
		if err != nil {
			t.Fatal(err)
		}
		again.offerPSKs()
		p.psks = again.psks
		err = p.second(t, nil)
		if c.allowed && err != nil {
			t.Errorf("%q, then %q: %v", c.first, c.second, err)
		}
		if !c.allowed {
			refuses(t, err, iana.AlertIllegalParameter)
		}
	}
}

// TestOwnSecondClientHello: this engine's client keeps to the rule too, with every offer.
func TestOwnSecondClientHello(t *testing.T) {
	key := newECHKey(t, 7)
	for name, change := range map[string]func(t *testing.T, c, s *config){
		"plain":      func(*testing.T, *config, *config) {},
		"resumption": resumed13,
		"early data": early13,
		"late":       late13,
		"compressed": compressed13,
		"GREASE ECH": func(_ *testing.T, c, _ *config) { c.ECHGREASE = true },
		"ECH": func(t *testing.T, c, s *config) {
			c.ECHConfigs, s.ECHKeys = echConfigs(t, key), []*ECHKey{key}
		},
		"ECH rejected": func(t *testing.T, c, _ *config) { c.ECHConfigs = echConfigs(t, key) },
	} {
		client := &config{Verifier: acceptAll{}, ServerName: hiddenName}
		server := &config{Credentials: []*Credential{newCredential(t, nil)}}
		change(t, client, server)
		client.KeyShares = []iana.NamedGroup{}
		var hellos [][]byte
		client.Trace = func(tr Trace) {
			if tr.Sent && tr.Type == iana.ContentHandshake && tr.Data[0] == byte(iana.HandshakeClientHello) {
				hellos = append(hellos, slices.Clone(tr.Data[wire.HeaderLen:]))
			}
		}
		c, s := newPair(t, client, server)
		if err := pump(c, s); err != nil && name != "ECH rejected" {
			t.Errorf("%s: %v", name, err)
		}
		if len(hellos) != 2 {
			t.Fatalf("%s: %d ClientHellos", name, len(hellos))
		}
		var except []iana.ExtensionType
		if name == "ECH" {
			except = []iana.ExtensionType{iana.ExtECH} // encrypted anew
		}
		if changed := wire.RetryDifference(hellos[0], hellos[1], false, except...); changed != "" {
			t.Errorf("%s: the client changes %s", name, changed)
		}
	}
}

// TestShareOrder: key shares stand in the order of the groups. RFC 9846, Section 4.2.8.
func TestShareOrder(t *testing.T) {
	groups := []iana.NamedGroup{iana.X25519MLKEM768, iana.X25519, iana.SecP256r1}
	for _, c := range []struct {
		shares  []iana.NamedGroup
		allowed bool
	}{
		{nil, true},
		{groups, true},
		{[]iana.NamedGroup{iana.X25519MLKEM768, iana.SecP256r1}, true},
		{[]iana.NamedGroup{iana.X25519, iana.X25519MLKEM768}, false},
		{[]iana.NamedGroup{iana.X25519, iana.SecP256r1, iana.X25519MLKEM768}, false},
		{[]iana.NamedGroup{iana.SecP384r1}, false},
	} {
		client := &config{Verifier: acceptAll{}, Groups: groups, KeyShares: groups}
		_, s := newPair(t, client, &config{Credentials: []*Credential{newCredential(t, nil)}})
		s.in = handMade(t, client, func(h *wire.ClientHello) {
			made := h.KeyShares
			h.KeyShares = []wire.KeyShare{}
			for _, id := range c.shares {
				share := wire.KeyShare{Group: id, Data: []byte{4}}
				if i := slices.IndexFunc(made, func(k wire.KeyShare) bool { return k.Group == id }); i >= 0 {
					share = made[i]
				}
				h.KeyShares = append(h.KeyShares, share)
			}
		})
		_, err := s.step()
		if c.allowed && err != nil {
			t.Errorf("%v: %v", c.shares, err)
		}
		if !c.allowed {
			refuses(t, err, iana.AlertIllegalParameter)
		}
	}
}

// TestOwnShareOrder: a client sends its shares in that order, also if the configuration
// has another.
func TestOwnShareOrder(t *testing.T) {
	groups := []iana.NamedGroup{iana.X25519MLKEM768, iana.SecP256r1, iana.X25519, iana.SecP384r1}
	for _, shares := range [][]iana.NamedGroup{
		nil, {iana.X25519, iana.X25519MLKEM768}, {iana.SecP384r1, iana.SecP256r1},
		{iana.SecP384r1, iana.X25519, iana.SecP256r1, iana.X25519MLKEM768},
	} {
		for _, wanted := range groups {
			client := &config{Verifier: acceptAll{}, Groups: groups, KeyShares: shares}
			server := &config{
				Credentials: []*Credential{newCredential(t, nil)}, Groups: []iana.NamedGroup{wanted},
				ForClient: func(h *ClientHelloInfo) (*Config, error) {
					order := func(a, b iana.NamedGroup) int {
						return slices.Index(groups, a) - slices.Index(groups, b)
					}
					if !slices.IsSortedFunc(h.KeyShares, order) {
						t.Errorf("%v: the client sends %v", shares, h.KeyShares)
					}
					return nil, nil
				},
			}
			c, s := newPair(t, client, server)
			if err := pump(c, s); err != nil || c.r.State().Group != wanted {
				t.Errorf("%v: %v with group %v", shares, err, c.r.State().Group)
			}
		}
	}
}
