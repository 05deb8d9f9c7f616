package trust

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// house is a root, an intermediate and a server, and what can go wrong.
type house struct {
	root, inter, leaf *node
}

func newHouse(t testing.TB, leaf ...change) house {
	t.Helper()
	root := issue(t, nil, nil, authority("Test Root"))
	inter := issue(t, root, nil, authority("Test Intermediate"))
	if leaf == nil {
		leaf = []change{server("example.org", "192.0.2.7")}
	}
	return house{root, inter, issue(t, inter, nil, leaf...)}
}

func (h house) peer() *Peer {
	return &Peer{Server: true, Name: "example.org", Chain: chainOf(h.leaf, h.inter), Now: noon}
}

func TestVerifyAccepts(t *testing.T) {
	h := newHouse(t)
	alice := issue(t, h.inter, nil, client("alice"))
	alone := issue(t, nil, nil, server("example.org"))
	nameless := issue(t, nil, nil, func(c *x509.Certificate) { c.Subject.CommonName = "box" })
	old := issue(t, h.inter, nil, func(c *x509.Certificate) { server("old.example.org")(c); c.DNSNames = nil })
	roots := rootsOf(t, h.root)
	spki, err := x509.MarshalPKIXPublicKey(alone.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		policy Policy
		peer   Peer
	}{
		"server":            {Policy{Roots: roots}, *h.peer()},
		"address":           {Policy{Roots: roots}, Peer{Server: true, Name: "192.0.2.7", Chain: chainOf(h.leaf, h.inter)}},
		"any name":          {Policy{Roots: roots, AnyName: true}, Peer{Server: true, Chain: chainOf(h.leaf, h.inter)}},
		"client":            {Policy{Roots: roots}, Peer{Chain: chainOf(alice, h.inter)}},
		"any purpose":       {Policy{Roots: roots, Purpose: PurposeAny}, Peer{Chain: chainOf(h.leaf, h.inter)}},
		"root sent too":     {Policy{Roots: roots}, Peer{Server: true, Name: "example.org", Chain: chainOf(h.leaf, h.root, h.inter)}},
		"pinned root":       {Policy{Roots: roots, Pins: []Pin{PinOf(h.root.Certificate)}}, *h.peer()},
		"pinned leaf":       {Policy{Roots: roots, Pins: []Pin{{}, PinOf(h.leaf.Certificate)}}, *h.peer()},
		"pin only":          {Policy{PinOnly: true, Pins: []Pin{PinOf(alone.Certificate)}}, Peer{Server: true, Name: "example.org", Chain: chainOf(alone)}},
		"pin only, no name": {Policy{PinOnly: true, Pins: []Pin{PinOf(nameless.Certificate)}}, Peer{Server: true, Name: "example.org", Chain: chainOf(nameless)}},
		"partial chain":     {Policy{Roots: rootsOf(t, h.inter), PartialChain: true}, *h.peer()},
		"common name":       {Policy{Roots: roots, CommonName: true}, Peer{Server: true, Name: "old.example.org", Chain: chainOf(old, h.inter)}},
		"insecure":          {Policy{Insecure: true}, Peer{Server: true, Chain: chainOf(alone)}},
		"raw key":           {Policy{Pins: []Pin{PinOf(alone.Certificate)}}, Peer{Server: true, RawPublicKey: spki}},
		"raw key, insecure": {Policy{Insecure: true}, Peer{Server: true, RawPublicKey: spki}},
		"self-signed root":  {Policy{Roots: rootsOf(t, alone)}, Peer{Server: true, Name: "example.org", Chain: chainOf(alone)}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.peer.Now = noon
			for range 2 { // the second time from memory
				result, err := tc.policy.Verify(context.Background(), &tc.peer)
				if err != nil {
					t.Fatal(err)
				}
				if result.PublicKey == nil {
					t.Fatal("accepted without a key")
				}
				if tc.peer.RawPublicKey == nil && string(result.Leaf.Raw) != string(tc.peer.Chain[0]) {
					t.Error("another leaf than the peer's")
				}
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	h := newHouse(t)
	roots := rootsOf(t, h.root)
	policy := Policy{Roots: roots}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(changes ...change) Peer {
		n := issue(t, h.inter, nil, changes...)
		return Peer{Server: true, Name: "example.org", Chain: chainOf(n, h.inter)}
	}
	alone := issue(t, nil, nil, server("example.org"))
	stranger := newHouse(t)
	twin := issue(t, nil, nil, authority("Test Root"))
	twinLeaf := issue(t, twin, nil, server("example.org"))
	oldInter := issue(t, h.root, nil, authority("Old Intermediate"), dates(noon.AddDate(-3, 0, 0), noon.AddDate(-2, 0, 0)))
	underOld := issue(t, oldInter, nil, server("example.org"))
	tight := issue(t, h.root, nil, authority("Tight"), func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.net"} })
	underTight := issue(t, tight, nil, server("example.org"))
	flat := issue(t, h.root, nil, authority("Flat"), func(c *x509.Certificate) { c.MaxPathLenZero = true })
	below := issue(t, flat, nil, authority("Below"))
	underBelow := issue(t, below, nil, server("example.org"))
	noCA := issue(t, h.leaf, nil, server("example.org"))
	weakLeaf := issue(t, h.inter, weak, server("example.org"))
	broken := issue(t, h.inter, nil, server("example.org"))
	broken.Raw = append([]byte(nil), broken.Raw...)
	broken.Raw[len(broken.Raw)-1] ^= 1

	for name, tc := range map[string]struct {
		policy Policy
		peer   Peer
		code   Code
		alert  iana.Alert
		says   []string // in the message or the hint
	}{
		"no certificate": {policy, Peer{}, CodeNoCertificate, iana.AlertCertificateRequired, []string{"certificate and key"}},
		"garbage":        {policy, Peer{Server: true, Chain: [][]byte{[]byte("no certificate")}}, CodeMalformed, iana.AlertBadCertificate, []string{"1 of 1"}},
		"no signatures": {policy, leaf(server("example.org"), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }),
			CodePurpose, iana.AlertUnsupportedCertificate, []string{"digitalSignature"}},
		"many": {policy, Peer{Server: true, Chain: make2(40, h.leaf.Raw)}, CodeChainTooLong, iana.AlertUnknownCA, []string{"40 certificates"}},
		"expired": {policy, leaf(server("example.org"), dates(noon.AddDate(0, -2, 0), noon.AddDate(0, -1, 0))), CodeExpired, iana.AlertCertificateExpired,
			[]string{"2026-04-15", "2026-05-15", "2026-06-15", "clock"}},
		"not yet valid": {policy, leaf(server("example.org"), dates(noon.AddDate(0, 1, 0), noon.AddDate(0, 2, 0))), CodeNotYetValid, iana.AlertCertificateExpired,
			[]string{"2026-07-15", "2026-08-15", "2026-06-15"}},
		"expired intermediate": {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(underOld, oldInter)}, CodeExpired, iana.AlertCertificateExpired, []string{"Old Intermediate", "2024-06-15"}},
		"wrong name":           {policy, leaf(server("example.net", "*.example.com", "192.0.2.1")), CodeNameMismatch, iana.AlertBadCertificate, []string{`"example.org"`, `"example.net", "*.example.com", 192.0.2.1`}},
		"common name only":     {policy, leaf(func(c *x509.Certificate) { server("example.org")(c); c.DNSNames = nil }), CodeNameMismatch, iana.AlertBadCertificate, []string{"which is ignored"}},
		"no name expected":     {policy, Peer{Server: true, Chain: chainOf(h.leaf, h.inter)}, CodeNoName, iana.AlertInternalError, []string{"set the expected name"}},
		"unusable name":        {policy, Peer{Server: true, Name: "a..b", Chain: chainOf(h.leaf, h.inter)}, CodeNoName, iana.AlertInternalError, []string{`"a..b"`}},
		"unknown authority":    {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(issue(t, issue(t, nil, nil, authority("Unheard Of")), nil, server("example.org")))}, CodeUnknownAuthority, iana.AlertUnknownCA, []string{"Unheard Of", "add it to the roots", "pin its key"}},
		"missing intermediate": {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(h.leaf)}, CodeUnknownAuthority, iana.AlertUnknownCA, []string{"Test Intermediate", "should send"}},
		"untrusted root sent":  {Policy{Roots: rootsOf(t, tight)}, Peer{Server: true, Name: "example.org", Chain: chainOf(stranger.leaf, stranger.inter, stranger.root)}, CodeSelfSignedInChain, iana.AlertUnknownCA, []string{"Test Root"}},
		"self-signed":          {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(alone)}, CodeSelfSigned, iana.AlertUnknownCA, []string{"pin its key"}},
		"root of that name":    {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(twinLeaf)}, CodeUnknownAuthority, iana.AlertUnknownCA, []string{"Test Root", "fingerprints"}},
		"broken signature":     {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(broken, h.inter)}, CodeBadSignature, iana.AlertBadCertificate, []string{"Test Intermediate"}},
		"client as server":     {policy, leaf(client("example.org"), func(c *x509.Certificate) { c.DNSNames = []string{"example.org"} }), CodePurpose, iana.AlertUnsupportedCertificate, []string{"server authentication", "client authentication"}},
		"server as client":     {policy, Peer{Chain: chainOf(h.leaf, h.inter)}, CodePurpose, iana.AlertUnsupportedCertificate, []string{"client authentication"}},
		"name constraint":      {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(underTight, tight)}, CodeNameConstraint, iana.AlertBadCertificate, []string{"example.org"}},
		"path length":          {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(underBelow, below, flat)}, CodePathLength, iana.AlertUnknownCA, []string{"Flat"}},
		"signed by a leaf":     {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(noCA, h.leaf, h.inter)}, CodeNotAuthority, iana.AlertUnknownCA, []string{"example.org"}},
		"weak key":             {policy, Peer{Server: true, Name: "example.org", Chain: chainOf(weakLeaf, h.inter)}, CodeWeakKey, iana.AlertUnsupportedCertificate, []string{"1024 bits", "2048"}},
		"weak key, insecure":   {Policy{Insecure: true}, Peer{Server: true, Chain: chainOf(weakLeaf)}, CodeWeakKey, iana.AlertUnsupportedCertificate, []string{"1024 bits"}},
		"too deep":             {Policy{Roots: roots, Depth: -1}, *h.peer(), CodeChainTooLong, iana.AlertUnknownCA, []string{"at most 0", "got 1"}},
		"partial chain":        {Policy{Roots: rootsOf(t, h.inter)}, *h.peer(), CodePartialChain, iana.AlertUnknownCA, []string{"Test Intermediate"}},
		"pin":                  {Policy{Roots: roots, Pins: []Pin{{1}}}, *h.peer(), CodePinMismatch, iana.AlertCertificateUnknown, []string{PinOf(h.leaf.Certificate).String(), Pin{1}.String()}},
		"pin only":             {Policy{Roots: roots, PinOnly: true, Pins: []Pin{PinOf(h.root.Certificate)}}, *h.peer(), CodePinMismatch, iana.AlertCertificateUnknown, nil},
		"pin only, no pins":    {Policy{Roots: roots, PinOnly: true}, *h.peer(), CodePinMismatch, iana.AlertCertificateUnknown, nil},
		"pin only, wrong name": {Policy{PinOnly: true, Pins: []Pin{PinOf(alone.Certificate)}}, Peer{Server: true, Name: "example.net", Chain: chainOf(alone)}, CodeNameMismatch, iana.AlertBadCertificate, nil},
		"pin only, expired":    {Policy{PinOnly: true, Pins: []Pin{PinOf(underOld.Certificate)}}, Peer{Server: true, Name: "example.org", Chain: chainOf(underOld), Now: noon.AddDate(4, 0, 0)}, CodeExpired, iana.AlertCertificateExpired, nil},
		"insecure, pin":        {Policy{Insecure: true, Pins: []Pin{{2}}}, *h.peer(), CodePinMismatch, iana.AlertCertificateUnknown, nil},
		"raw key":              {policy, Peer{Server: true, RawPublicKey: h.leaf.RawSubjectPublicKeyInfo}, CodePinMismatch, iana.AlertCertificateUnknown, []string{PinOf(h.leaf.Certificate).String()}},
		"raw garbage":          {policy, Peer{Server: true, RawPublicKey: []byte{1}}, CodeMalformed, iana.AlertBadCertificate, nil},
		"callback":             {Policy{Roots: roots, Callback: func(*Peer, *Result) error { return errors.New("not today") }}, *h.peer(), CodeCallback, iana.AlertCertificateUnknown, []string{"not today"}},
		"critical extension":   {policy, leaf(server("example.org"), critical), CodeUnhandledExtension, iana.AlertUnsupportedCertificate, []string{"1.2.3.4"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.peer.Now.IsZero() {
				tc.peer.Now = noon
			}
			_, err := tc.policy.Verify(context.Background(), &tc.peer)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, or an error of another type: %v", err)
			}
			if e.Code != tc.code || e.Alert() != tc.alert {
				t.Errorf("code %v, alert %v; expected %v, %v (%v)", e.Code, e.Alert(), tc.code, tc.alert, err)
			}
			if e.Hint == "" && tc.code != CodeCallback {
				t.Error("no hint")
			}
			if readable := tc.code != CodeMalformed && tc.code != CodeChainTooLong && tc.code != CodeCallback; readable && len(e.Received) != len(tc.peer.Chain) {
				t.Errorf("%d certificates are shown of %d", len(e.Received), len(tc.peer.Chain))
			}
			if len(e.Received) > 0 && e.Pin != PinOf(e.Received[0]) {
				t.Errorf("pin %v, not that of the peer's key", e.Pin)
			}
			for _, want := range tc.says {
				if !strings.Contains(e.Error()+" "+e.Hint, want) {
					t.Errorf("%q is not in %q, hint %q", want, e.Error(), e.Hint)
				}
			}
		})
	}
}

func make2(n int, der []byte) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = der
	}
	return all
}

// TestMemoryForgetsTime has a path in memory whose dates pass.
func TestMemoryForgetsTime(t *testing.T) {
	h := newHouse(t)
	p := Policy{Roots: rootsOf(t, h.root)}
	peer := h.peer()
	if _, err := p.Verify(context.Background(), peer); err != nil {
		t.Fatal(err)
	}
	peer.Now = noon.AddDate(2, 0, 0)
	_, err := p.Verify(context.Background(), peer)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeExpired {
		t.Errorf("two years later: %v", err)
	}
	peer.Now, peer.Name = noon, "example.net"
	if _, err := p.Verify(context.Background(), peer); !errors.As(err, &e) || e.Code != CodeNameMismatch {
		t.Errorf("another name: %v", err)
	}
	client := Policy{Roots: p.Roots, Purpose: PurposeClient}
	if _, err := client.Verify(context.Background(), h.peer()); !errors.As(err, &e) || e.Code != CodePurpose {
		t.Errorf("another purpose: %v", err)
	}
	narrow := Policy{Roots: p.Roots, Depth: -1}
	if _, err := narrow.Verify(context.Background(), h.peer()); !errors.As(err, &e) || e.Code != CodeChainTooLong {
		t.Errorf("another depth: %v", err)
	}
}

// TestRootsGrow adds the missing root while connections are made.
func TestRootsGrow(t *testing.T) {
	h := newHouse(t)
	roots := new(Roots)
	p := Policy{Roots: roots}
	if _, err := p.Verify(context.Background(), h.peer()); err == nil {
		t.Fatal("accepted without a root")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := p.Verify(context.Background(), h.peer()); err == nil {
				return
			}
		}
	}()
	if err := roots.AddDER(h.root.Raw); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the new root was never seen")
	}
}

func TestHostilePeerTextIsQuoted(t *testing.T) {
	evil := issue(t, nil, nil, func(c *x509.Certificate) {
		c.Subject.CommonName = "a\x1b[31m\nb" + strings.Repeat("x", 4000)
		c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)}
	})
	_, err := (&Policy{Roots: new(Roots)}).Verify(context.Background(), &Peer{Server: true, Name: "example.org", Chain: chainOf(evil), Now: noon})
	if err == nil {
		t.Fatal("accepted")
	}
	if strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 1000 {
		t.Errorf("the peer's text reached the message: %q", err)
	}
}

func BenchmarkVerify(b *testing.B) {
	h := newHouse(b)
	p := Policy{Roots: rootsOf(b, h.root)}
	for name, fresh := range map[string]bool{"remembered": false, "fresh": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if fresh {
					m := &p.Roots.snapshot().memo.paths
					m.now.Store(nil)
				}
				if _, err := p.Verify(context.Background(), h.peer()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
