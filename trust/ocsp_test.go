package trust

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

func respond(t testing.TB, issuer, signer *node, c *x509.Certificate, edit func(*ocsp.Response)) []byte {
	t.Helper()
	template := ocsp.Response{Status: ocsp.Good, SerialNumber: c.SerialNumber, ThisUpdate: noon.Add(-time.Hour), NextUpdate: noon.Add(time.Hour)}
	if signer != issuer {
		template.Certificate = signer.Certificate
	}
	if edit != nil {
		edit(&template)
	}
	der, err := ocsp.CreateResponse(issuer.Certificate, signer.Certificate, template, signer.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestResponderNamesTwice has responses with several answers about one certificate, whose issuer
// is named by two hashes. One that revokes it counts, whatever the others are.
func TestResponderNamesTwice(t *testing.T) {
	h := newHouse(t)
	const by1, by256 = "\x2b\x0e\x03\x02\x1a", "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	for _, tc := range []struct {
		first, second []byte
		want          Code
	}{
		{good, good, 0}, {good, bad, CodeRevoked}, {bad, good, CodeRevoked}, {bad, bad, CodeRevoked},
		{good, held, CodeRevoked}, {held, bad, CodeRevoked}, {held, lost, CodeRevoked},
		{good, lost, CodeOCSPUnknown}, {lost, good, CodeOCSPUnknown}, {lost, bad, CodeRevoked},
	} {
		peer := h.peer()
		peer.OCSPStaple = respondRaw(t, h.inter, h.inter,
			statementBy(by1, h.leaf.Certificate, h.inter, tc.first),
			statementBy(by256, h.leaf.Certificate, h.inter, tc.second))
		p := Policy{Roots: rootsOf(t, h.root),
			Revocation: &Revocation{Mode: RevocationRequire, NoFetch: true}}
		_, err := p.Verify(context.Background(), peer)
		var e *Error
		if errors.As(err, &e) != (tc.want != 0) || e != nil && e.Code != tc.want {
			t.Errorf("%x and %x: %v", tc.first, tc.second, err)
		}
		p.Revocation.Mode = RevocationAtHand
		if _, err := p.Verify(context.Background(), peer); (err == nil) == (tc.want == CodeRevoked) {
			t.Errorf("%x and %x, at hand: %v", tc.first, tc.second, err)
		}
	}
}

// TestTwoAnswers compares what two answers state together with what each states.
func TestTwoAnswers(t *testing.T) {
	early := response{status: RevocationGood, thisUpdate: noon, nextUpdate: noon.Add(time.Hour)}
	late := response{status: RevocationGood, thisUpdate: noon.Add(time.Minute),
		nextUpdate: noon.Add(2 * time.Hour)}
	open := response{status: RevocationGood, thisUpdate: noon.Add(time.Minute)}
	onHold := response{status: RevocationRevoked, reason: certificateHold}
	forGood := response{status: RevocationRevoked, reason: 1}
	for i, tc := range [][3]response{
		{early, late, early}, {early, open, early}, {onHold, forGood, forGood}, {early, onHold, onHold},
	} {
		for _, got := range []response{tc[0].and(tc[1]), tc[1].and(tc[0])} {
			if got.status != tc[2].status || got.reason != tc[2].reason ||
				got.thisUpdate != tc[2].thisUpdate || got.nextUpdate != tc[2].nextUpdate {
				t.Errorf("%d: %+v", i, got)
			}
		}
	}
}

func TestResponders(t *testing.T) {
	h := newHouse(t)
	entitledTo := func(c *x509.Certificate) {
		c.Subject.CommonName = "responder"
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	}
	delegate := issue(t, h.inter, nil, entitledTo)
	retired := issue(t, h.inter, nil, entitledTo, dates(noon.AddDate(-2, 0, 0), noon.AddDate(-1, 0, 0)))
	early := issue(t, h.inter, nil, entitledTo, dates(noon.Add(time.Hour), noon.AddDate(1, 0, 0)))
	critical := issue(t, h.inter, nil, entitledTo, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	})
	byRoot := issue(t, h.root, nil, entitledTo)
	twin := issue(t, h.root, nil, authority("Test Intermediate"))
	sameNumber := *h.leaf.Certificate
	for name, tc := range map[string]struct {
		staple []byte
		says   string // empty if it is good
	}{
		"by the issuer":           {respond(t, h.inter, h.inter, h.leaf.Certificate, nil), ""},
		"by its delegate":         {respond(t, h.inter, delegate, h.leaf.Certificate, nil), ""},
		"by a retired one":        {respond(t, h.inter, retired, h.leaf.Certificate, nil), "expired or not valid yet"},
		"by one to come":          {respond(t, h.inter, early, h.leaf.Certificate, nil), "not valid yet"},
		"by a restricted one":     {respond(t, h.inter, critical, h.leaf.Certificate, nil), "critical"},
		"by the leaf itself":      {respond(t, h.inter, h.leaf, h.leaf.Certificate, nil), "without the extended key usage"},
		"by another's delegate":   {respond(t, h.inter, byRoot, h.leaf.Certificate, nil), "cannot be used"},
		"by a twin":               {respond(t, twin, twin, h.leaf.Certificate, nil), "cannot be used"},
		"for a twin's":            {respond(t, twin, h.inter, &sameNumber, func(r *ocsp.Response) { r.Certificate = nil }), "another issuer"},
		"unknown":                 {respond(t, h.inter, h.inter, h.leaf.Certificate, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), "does not know"},
		"by the issuer, by key":   {respondRaw(t, h.inter, h.inter, statement(h.leaf.Certificate, h.inter, good)), ""},
		"by its delegate, by key": {respondRaw(t, delegate, delegate, statement(h.leaf.Certificate, h.inter, good)), ""},
		"by another than it says": {respondRaw(t, h.root, h.inter, statement(h.leaf.Certificate, h.inter, good)), "not in the response"},
		"after another issuer's":  {respondRaw(t, h.inter, h.inter, statement(h.leaf.Certificate, twin, good), statement(h.leaf.Certificate, h.inter, bad)), "was revoked"},
		"before another issuer's": {respondRaw(t, h.inter, h.inter, statement(h.leaf.Certificate, h.inter, bad), statement(h.leaf.Certificate, twin, good)), "was revoked"},
		"twice": {respondRaw(t, h.inter, h.inter, statement(h.leaf.Certificate, h.inter, good),
			statement(h.leaf.Certificate, h.inter, bad)), "was revoked"},
		"another number": {respond(t, h.inter, h.inter, h.inter.Certificate, nil), "another certificate"},
		"critical extension": {respond(t, h.inter, h.inter, h.leaf.Certificate, func(r *ocsp.Response) {
			r.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), "not supported"},
		"error":          {ocsp.TryLaterErrorResponse, "try later"},
		"no next, fresh": {respond(t, h.inter, h.inter, h.leaf.Certificate, func(r *ocsp.Response) { r.NextUpdate = time.Time{} }), ""},
		"no next, old": {respond(t, h.inter, h.inter, h.leaf.Certificate, func(r *ocsp.Response) {
			r.NextUpdate, r.ThisUpdate = time.Time{}, noon.Add(-25*time.Hour)
		}), "too old"},
		"revoked": {respond(t, h.inter, delegate, h.leaf.Certificate, func(r *ocsp.Response) {
			r.Status, r.RevokedAt, r.RevocationReason = ocsp.Revoked, noon.Add(-2*time.Hour), ocsp.KeyCompromise
		}), "key compromise"},
	} {
		peer := h.peer()
		peer.OCSPStaple = tc.staple
		p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire, NoFetch: true}}
		for range 2 {
			_, err := p.Verify(context.Background(), peer)
			if (err == nil) != (tc.says == "") || (err != nil && !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("%s: %v", name, err)
			}
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%s: an error of another type", name)
			}
		}
	}
}

// TestMustStapleOfToday: an answer that is older than the policy takes does not satisfy a
// certificate that requires one.
func TestMustStapleOfToday(t *testing.T) {
	h := newHouse(t, server("example.org"),
		func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, featureExtension) })
	peer := h.peer()
	peer.StapleAsked = true
	peer.OCSPStaple = respond(t, h.inter, h.inter, h.leaf.Certificate, func(r *ocsp.Response) {
		r.ThisUpdate, r.NextUpdate = noon.Add(-2*time.Hour), noon.Add(time.Hour)
	})
	for maxAge, want := range map[time.Duration]Code{time.Hour: CodeMustStaple, 3 * time.Hour: 0} {
		p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{MaxAge: maxAge}}
		_, err := p.Verify(t.Context(), peer)
		var e *Error
		if errors.As(err, &e); (err != nil) != (want != 0) || err != nil && e.Code != want {
			t.Errorf("within %v: %v", maxAge, err)
		}
	}
}

// TestCachedWithoutNonce: a response in the folder that another program asked for without a nonce
// does not count where one is required.
func TestCachedWithoutNonce(t *testing.T) {
	h := newHouse(t, server("example.org"),
		func(c *x509.Certificate) { c.OCSPServer = []string{"http://ocsp.test/"} })
	plainly := answers(func() []byte { return respond(t, h.inter, h.inter, h.leaf.Certificate, nil) })
	dir := t.TempDir()
	policy := func(required bool) error {
		p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire,
			CacheDir: dir, Fetcher: plainly, NonceRequired: required}}
		_, err := p.Verify(t.Context(), h.peer())
		return err
	}
	if err := policy(false); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Fatalf("%d files in the folder: %v", len(files), err)
	}
	if err := policy(true); err == nil || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("with a nonce required: %v", err)
	}
	// That a certificate is revoked stays true, with a nonce or without.
	p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationPrefer,
		NonceRequired: true, Fetcher: answers(func() []byte {
			return respondRaw(t, h.inter, h.inter, statement(h.leaf.Certificate, h.inter, bad))
		})}}
	var e *Error
	if _, err := p.Verify(t.Context(), h.peer()); !errors.As(err, &e) || e.Code != CodeRevoked {
		t.Errorf("revoked without a nonce: %v", err)
	}
}

// answers is a Fetcher of one response.
type answers func() []byte

func (a answers) Fetch(context.Context, string, string, []byte, int64) ([]byte, error) {
	return a(), nil
}

// TestMustStapleWantsAnAnswer has a server send something else than a response
// about its certificate, which promises one.
func TestMustStapleWantsAnAnswer(t *testing.T) {
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, featureExtension) })
	leaf := h.leaf.Certificate
	for name, tc := range map[string]struct {
		staple []byte
		code   Code // 0: accepted
	}{
		"good":    {respond(t, h.inter, h.inter, leaf, nil), 0},
		"none":    {nil, CodeMustStaple},
		"garbage": {[]byte("x"), CodeMustStaple},
		"error":   {ocsp.TryLaterErrorResponse, CodeMustStaple},
		"unknown": {respond(t, h.inter, h.inter, leaf, func(r *ocsp.Response) { r.Status = ocsp.Unknown }), CodeMustStaple},
		"expired": {respond(t, h.inter, h.inter, leaf, func(r *ocsp.Response) {
			r.ThisUpdate, r.NextUpdate = noon.Add(-2*time.Hour), noon.Add(-time.Hour)
		}), CodeMustStaple},
		"about another": {respond(t, h.inter, h.inter, h.inter.Certificate, nil), CodeMustStaple},
		"revoked": {respond(t, h.inter, h.inter, leaf, func(r *ocsp.Response) {
			r.Status, r.RevokedAt = ocsp.Revoked, noon.Add(-2*time.Hour)
		}), CodeRevoked},
	} {
		peer := h.peer()
		peer.OCSPStaple, peer.StapleAsked = tc.staple, true
		for _, mode := range []RevocationMode{RevocationAtHand, RevocationPrefer, RevocationRequire} {
			_, err := (&Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: mode}}).Verify(context.Background(), peer)
			var e *Error
			if errors.As(err, &e); (err == nil) != (tc.code == 0) || err != nil && e.Code != tc.code {
				t.Errorf("%s, mode %d: %v", name, mode, err)
			}
		}
	}
}

// TestStapleAndList has a server staple a response of yesterday, and a list that
// contradicts it: a certificate that is known to be revoked is refused.
func TestStapleAndList(t *testing.T) {
	h := newHouse(t)
	stapled := map[string][]byte{"good": respond(t, h.inter, h.inter, h.leaf.Certificate, nil), "none": nil, "broken": []byte("x"),
		"revoked": respondRaw(t, h.inter, h.inter, statement(h.leaf.Certificate, h.inter, bad))}
	listed := map[string][]byte{"good": makeList(t, h.inter), "revoked": makeList(t, h.inter, revoke(h.leaf, 1)), "of another": makeList(t, h.root),
		"expired": makeList(t, h.inter, func(l *x509.RevocationList) { l.NextUpdate = noon.Add(-time.Hour) })}
	for staple, response := range stapled {
		for list, der := range listed {
			set := new(Lists)
			if _, err := set.AddBytes(der); err != nil {
				t.Fatal(err)
			}
			peer := h.peer()
			peer.OCSPStaple = response
			_, err := (&Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Lists: set}}).Verify(context.Background(), peer)
			want := Code(0)
			switch {
			case staple == "revoked" || list == "revoked":
				want = CodeRevoked
			case staple != "good" && list == "expired":
				want = CodeCRLExpired
			}
			var e *Error
			if errors.As(err, &e); (err == nil) != (want == 0) || err != nil && e.Code != want && (staple != "broken" || want != CodeCRLExpired) {
				t.Errorf("staple %s, list %s: %v", staple, list, err)
			}
		}
	}
}

// TestKeysHaveNoIssuerToAsk accepts peers by their keys where an answer about
// their certificates is required, and there is no issuer to give one.
func TestKeysHaveNoIssuerToAsk(t *testing.T) {
	h := newHouse(t)
	known, err := OpenKnownPeers(filepath.Join(t.TempDir(), "known"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Policy{
		"pinned": {PinOnly: true, Pins: []Pin{PinOf(h.leaf.Certificate)}},
		"known":  {Roots: new(Roots), KnownPeers: known},
	} {
		for mode, accepted := range map[RevocationMode]bool{RevocationAtHand: true, RevocationPrefer: true, RevocationRequire: false} {
			p.Revocation = &Revocation{Mode: mode}
			_, err := p.Verify(context.Background(), h.peer())
			var e *Error
			if errors.As(err, &e); (err == nil) != accepted || err != nil && e.Code != CodeRevocationUnknown {
				t.Errorf("%s, mode %d: %v", name, mode, err)
			}
		}
	}
}

// The states of a certificate in a response: good, and revoked with a reason.
var (
	good = []byte{0x80, 0}
	lost = []byte{0x82, 0}
	held = append([]byte{0xa1, 22, 24, 15}, "20260101000000Z\xa0\x03\x0a\x01\x06"...)
	bad  = append([]byte{0xa1, 22, 24, 15}, "20260101000000Z\xa0\x03\x0a\x01\x01"...)
)

// statement returns the entry of a response for one certificate.
func statement(c *x509.Certificate, issuer *node, status []byte) []byte {
	return statementBy("\x2b\x0e\x03\x02\x1a", c, issuer, status)
}

// statementBy is statement with a hash for the issuer.
func statementBy(hash string, c *x509.Certificate, issuer *node, status []byte) []byte {
	bits, _ := keyBits(issuer.Certificate)
	name, key := idHashes[hash](issuer.RawSubject), idHashes[hash](bits)
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(hash)) })
			})
			b.AddASN1OctetString(name)
			b.AddASN1OctetString(key)
			b.AddASN1BigInt(c.SerialNumber)
		})
		b.AddBytes(status)
		b.AddASN1GeneralizedTime(noon.Add(-time.Hour))
	})
	return b.BytesOrPanic()
}

// respondRaw makes a response of one who is named, signed by signer, whose
// certificate is in it.
func respondRaw(t testing.TB, named, signer *node, statements ...[]byte) []byte {
	t.Helper()
	bits, _ := keyBits(named.Certificate)
	id := sha1.Sum(bits)
	sequence := func(b *cryptobyte.Builder, f func(*cryptobyte.Builder)) { b.AddASN1(asn1.SEQUENCE, f) }
	var tbs cryptobyte.Builder
	sequence(&tbs, func(b *cryptobyte.Builder) {
		b.AddASN1(explicit(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(id[:]) })
		b.AddASN1GeneralizedTime(noon)
		sequence(b, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(statements, nil)) })
	})
	body := tbs.BytesOrPanic()
	algorithm, opts, input := "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", crypto.SHA256, sha256.Sum256(body)
	digest := input[:]
	if _, ok := signer.key.(ed25519.PrivateKey); ok {
		algorithm, opts, digest = "\x30\x05\x06\x03\x2b\x65\x70", crypto.Hash(0), body
	}
	signature, err := signer.key.Sign(rand.Reader, digest, opts)
	if err != nil {
		t.Fatal(err)
	}
	var basic, out cryptobyte.Builder
	sequence(&basic, func(b *cryptobyte.Builder) {
		b.AddBytes(body)
		b.AddBytes([]byte(algorithm))
		b.AddASN1BitString(signature)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { sequence(b, func(b *cryptobyte.Builder) { b.AddBytes(signer.Raw) }) })
	})
	sequence(&out, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			sequence(b, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oidBasicResponse)) })
				b.AddASN1OctetString(basic.BytesOrPanic())
			})
		})
	})
	return out.BytesOrPanic()
}

// TestResponseKeys has responders with keys of each kind, and one that signs
// with SHA-1.
func TestResponseKeys(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, nil, nil, authority("Root"))
	entitled := func(c *x509.Certificate) {
		c.Subject.CommonName, c.ExtKeyUsage = "responder", []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	}
	edCA, rsaCA := issue(t, root, ed, authority("Ed25519")), issue(t, root, rsaKey, authority("RSA"))
	underEd, underRSA := issue(t, edCA, nil, server("a")), issue(t, rsaCA, nil, server("a"))
	edDelegate := issue(t, rsaCA, ed, entitled)
	weakRSA := func(r *ocsp.Response) { r.SignatureAlgorithm = x509.SHA1WithRSA }
	for name, tc := range map[string]struct {
		der          []byte
		leaf, issuer *node
		says         string
	}{
		"Ed25519 issuer":   {respondRaw(t, edCA, edCA, statement(underEd.Certificate, edCA, good)), underEd, edCA, ""},
		"Ed25519 delegate": {respondRaw(t, edDelegate, edDelegate, statement(underRSA.Certificate, rsaCA, good)), underRSA, rsaCA, ""},
		"RSA issuer":       {respond(t, rsaCA, rsaCA, underRSA.Certificate, nil), underRSA, rsaCA, ""},
		"SHA-1":            {respond(t, rsaCA, rsaCA, underRSA.Certificate, weakRSA), underRSA, rsaCA, "broken hash"},
	} {
		_, err := checkResponse(tc.der, "test", tc.leaf.Certificate, tc.issuer.Certificate, noon, nil)
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCheckResponse(f *testing.F) {
	h := newHouse(f)
	f.Add(respond(f, h.inter, h.inter, h.leaf.Certificate, nil))
	f.Add([]byte(ocsp.UnauthorizedErrorResponse))
	f.Fuzz(func(t *testing.T, der []byte) {
		check, err := checkResponse(der, "fuzz", h.leaf.Certificate, h.inter.Certificate, noon, []byte("nonce"))
		if err == nil && check.Status == RevocationRevoked {
			t.Error("a response that nobody signed revokes")
		}
		if nonce, err := findNonce(der); err == nil && len(nonce) > len(der) {
			t.Error("a nonce from nowhere")
		}
		if b, err := openBasic(der); err == nil && len(b.tbs) > len(der) {
			t.Error("a body from nowhere")
		}
	})
}
