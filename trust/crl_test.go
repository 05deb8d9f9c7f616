package trust

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// listChange edits a revocation list before it is signed.
type listChange func(*x509.RevocationList)

func makeList(t testing.TB, by *node, changes ...listChange) []byte {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(10), ThisUpdate: noon.AddDate(0, 0, -1), NextUpdate: noon.AddDate(0, 0, 1)}
	for _, change := range changes {
		change(l)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, by.Certificate, by.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func revoke(n *node, reason int) listChange {
	return func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: n.SerialNumber, RevocationTime: noon.AddDate(0, -1, 0), ReasonCode: reason})
	}
}

func extended(oid []int, critical bool, value []byte) listChange {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: oid, Critical: critical, Value: value})
	}
}

func numbered(n int64) listChange {
	return func(l *x509.RevocationList) { l.Number = big.NewInt(n) }
}

func deltaTo(base int64) listChange { return extended(oidDeltaIndicator, true, asn1Integer(base)) }

func asn1Integer(n int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1Int64(n)
	return b.BytesOrPanic()
}

// scoped makes an issuing distribution point of raw fields.
func scoped(fields ...[]byte) listChange {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(fields, nil)) })
	return extended(oidIssuingPoint, true, b.BytesOrPanic())
}

// point makes the field for one URI.
func point(uri string) []byte {
	n := byte(len(uri))
	return append([]byte{0xa0, n + 4, 0xa0, n + 2, 0x86, n}, uri...)
}

func TestRevocationLists(t *testing.T) {
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://a/"} })
	stranger := issue(t, h.root, nil, authority("Test Intermediate"))
	mute := issue(t, h.root, nil, authority("Mute"), func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	underMute := issue(t, mute, nil, server("example.org"))
	leaf, list := h.leaf, makeList(t, h.inter)
	type lists [][]byte
	for name, tc := range map[string]struct {
		lists  lists
		status RevocationStatus
		code   Code // of the refusal when it is required, if the status is unknown
	}{
		"good":                {lists{makeList(t, h.inter)}, RevocationGood, 0},
		"revoked":             {lists{makeList(t, h.inter, revoke(leaf, 1))}, RevocationRevoked, 0},
		"on hold":             {lists{makeList(t, h.inter, revoke(leaf, 6))}, RevocationRevoked, 0},
		"newer says good":     {lists{makeList(t, h.inter, revoke(leaf, 6), older), makeList(t, h.inter)}, RevocationGood, 0},
		"newer says revoked":  {lists{makeList(t, h.inter, revoke(leaf, 1)), makeList(t, h.inter, older)}, RevocationRevoked, 0},
		"expired":             {lists{makeList(t, h.inter, past)}, RevocationUnknown, CodeCRLExpired},
		"of tomorrow":         {lists{makeList(t, h.inter, tomorrow)}, RevocationUnknown, CodeCRLNotYetValid},
		"expired and current": {lists{makeList(t, h.inter, past), list}, RevocationGood, 0},
		"of a twin":           {lists{makeList(t, stranger)}, RevocationUnknown, CodeCRLInvalid},
		"of another":          {lists{makeList(t, h.root)}, RevocationUnknown, CodeRevocationUnknown},
		"delta adds":          {lists{list, makeList(t, h.inter, numbered(11), deltaTo(10), revoke(leaf, 1))}, RevocationRevoked, 0},
		"delta takes away":    {lists{makeList(t, h.inter, revoke(leaf, 6)), makeList(t, h.inter, numbered(11), deltaTo(9), revoke(leaf, 8))}, RevocationGood, 0},
		"delta of later list": {lists{list, makeList(t, h.inter, numbered(12), deltaTo(11), revoke(leaf, 6))},
			RevocationUnknown, CodeCRLInvalid},
		"delta before list": {lists{list, makeList(t, h.inter, numbered(9), deltaTo(8), revoke(leaf, 6))},
			RevocationGood, 0},
		"delta alone": {lists{makeList(t, h.inter, numbered(11), deltaTo(10), revoke(leaf, 6))},
			RevocationUnknown, CodeCRLInvalid},
		"delta expired": {lists{list, makeList(t, h.inter, numbered(11), deltaTo(10), past)},
			RevocationUnknown, CodeCRLExpired},
		"delta expired and newer one": {lists{list, makeList(t, h.inter, numbered(11), deltaTo(10), past),
			makeList(t, h.inter, numbered(12), deltaTo(10))}, RevocationGood, 0},
		"delta alone revokes": {lists{makeList(t, h.inter, numbered(11), deltaTo(10), revoke(leaf, 1))},
			RevocationRevoked, 0},
		"delta of a twin": {lists{list, makeList(t, stranger, numbered(11), deltaTo(10), past)},
			RevocationGood, 0},
		"newer leaves it out": {lists{makeList(t, h.inter, revoke(leaf, 1), older), makeList(t, h.inter)},
			RevocationRevoked, 0},
		"newer for some reasons": {lists{makeList(t, h.inter, revoke(leaf, 1), older),
			makeList(t, h.inter, scoped([]byte{0x83, 2, 6, 0x40}))}, RevocationRevoked, 0},
		"on hold in another scope": {lists{makeList(t, h.inter, revoke(leaf, 6), older),
			makeList(t, h.inter, scoped([]byte{0x81, 1, 0xff}))}, RevocationRevoked, 0},
		"attributes only, same number": {lists{list,
			makeList(t, h.inter, revoke(leaf, 1), scoped([]byte{0x85, 1, 0xff}))}, RevocationGood, 0},
		"this point":               {lists{makeList(t, h.inter, scoped(point("http://a/")))}, RevocationGood, 0},
		"another point":            {lists{makeList(t, h.inter, scoped(point("http://b/")))}, RevocationUnknown, CodeCRLInvalid},
		"users only":               {lists{makeList(t, h.inter, scoped([]byte{0x81, 1, 0xff}))}, RevocationGood, 0},
		"authorities only":         {lists{makeList(t, h.inter, scoped([]byte{0x82, 1, 0xff}))}, RevocationUnknown, CodeCRLInvalid},
		"attributes only":          {lists{makeList(t, h.inter, scoped([]byte{0x85, 1, 0xff}))}, RevocationUnknown, CodeCRLInvalid},
		"a point without address":  {lists{makeList(t, h.inter, scoped([]byte{0xa0, 8, 0xa0, 6, 0xa4, 4, 0x30, 2, 0x31, 0}))}, RevocationUnknown, CodeCRLInvalid},
		"a point in short form":    {lists{makeList(t, h.inter, scoped([]byte{0xa0, 4, 0xa1, 2, 0x31, 0}))}, RevocationUnknown, CodeCRLInvalid},
		"delta of another scope":   {lists{makeList(t, h.inter, revoke(leaf, 6)), makeList(t, h.inter, numbered(11), deltaTo(9), revoke(leaf, 8), scoped([]byte{0x81, 1, 0xff}))}, RevocationRevoked, 0},
		"delta of the same scope":  {lists{makeList(t, h.inter, revoke(leaf, 6), scoped([]byte{0x81, 1, 0xff})), makeList(t, h.inter, numbered(11), deltaTo(9), revoke(leaf, 8), scoped([]byte{0x81, 1, 0xff}))}, RevocationGood, 0},
		"taken away in no delta":   {lists{makeList(t, h.inter, revoke(leaf, 8))}, RevocationRevoked, 0},
		"some reasons":             {lists{makeList(t, h.inter, scoped([]byte{0x83, 2, 6, 0x40}))}, RevocationUnknown, CodeCRLInvalid},
		"some reasons and revoked": {lists{makeList(t, h.inter, revoke(leaf, 1), scoped([]byte{0x83, 2, 6, 0x40}))}, RevocationRevoked, 0},
	} {
		t.Run(name, func(t *testing.T) {
			set := new(Lists)
			for _, der := range tc.lists {
				if _, err := set.AddBytes(der); err != nil {
					t.Fatal(err)
				}
			}
			p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire, NoFetch: true, Lists: set}}
			result, err := p.Verify(context.Background(), h.peer())
			checkStatus(t, result, err, tc.status, tc.code)
			// Without insisting, a list that is there and cannot be used refuses too.
			p.Revocation = &Revocation{Lists: set}
			_, err = p.Verify(context.Background(), h.peer())
			accepted := tc.status == RevocationGood || tc.code == CodeRevocationUnknown
			if accepted != (err == nil) {
				t.Errorf("at hand: %v", err)
			}
		})
	}
	set := new(Lists)
	if _, err := set.AddBytes(makeList(t, &node{withSigning(mute.Certificate), mute.key})); err != nil {
		t.Fatal(err)
	}
	p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Lists: set}}
	_, err := p.Verify(context.Background(), &Peer{Server: true, Name: "example.org", Chain: chainOf(underMute, mute), Now: noon})
	checkStatus(t, nil, err, RevocationUnknown, CodeCRLInvalid)
}

func past(l *x509.RevocationList) { l.NextUpdate = noon.Add(-time.Hour) }

func tomorrow(l *x509.RevocationList) { l.ThisUpdate = noon.Add(time.Hour) }

func older(l *x509.RevocationList) {
	l.ThisUpdate, l.Number = noon.AddDate(0, 0, -5), big.NewInt(3)
}

// withSigning returns a copy that claims the right to sign lists.
func withSigning(c *x509.Certificate) *x509.Certificate {
	twin := *c
	twin.KeyUsage |= x509.KeyUsageCRLSign
	return &twin
}

func checkStatus(t *testing.T, result *Result, err error, status RevocationStatus, code Code) {
	t.Helper()
	var e *Error
	switch status {
	case RevocationGood:
		if err != nil || len(result.Revocation) != 1 || result.Revocation[0].Status != RevocationGood {
			t.Errorf("%+v, %v", result, err)
		}
	case RevocationRevoked:
		if !errors.As(err, &e) || e.Code != CodeRevoked {
			t.Errorf("%v", err)
		}
	default:
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%v, expected %v", err, code)
		}
	}
}

func TestRefusedLists(t *testing.T) {
	h := newHouse(t)
	entry := func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: big.NewInt(1), RevocationTime: noon,
			ExtraExtensions: []pkix.Extension{{Id: oidCertificateIssuer, Critical: true, Value: []byte{0x30, 0}}}}}
	}
	criticalEntry := func(l *x509.RevocationList) {
		entry(l)
		l.RevokedCertificateEntries[0].ExtraExtensions[0].Id = []int{1, 2, 3}
	}
	for name, tc := range map[string]struct {
		der  []byte
		says string
	}{
		"garbage":            {[]byte("x"), "cannot be read"},
		"empty":              {[]byte(" \n"), "no revocation list"},
		"a certificate":      {pemOf(h.leaf), "no revocation list"},
		"indirect":           {makeList(t, h.inter, scoped([]byte{0x84, 1, 0xff})), "indirect"},
		"indirect entry":     {makeList(t, h.inter, entry), "indirect"},
		"critical entry":     {makeList(t, h.inter, criticalEntry), "not supported"},
		"unknown scope":      {makeList(t, h.inter, scoped([]byte{0x86, 1, 0xff})), "distribution point is malformed"},
		"broken scope":       {makeList(t, h.inter, extended(oidIssuingPoint, true, []byte{4, 0})), "distribution point is malformed"},
		"broken delta":       {makeList(t, h.inter, extended(oidDeltaIndicator, true, []byte{4, 0})), "delta indicator is malformed"},
		"critical extension": {makeList(t, h.inter, extended([]int{1, 2, 3}, true, []byte{5, 0})), "1.2.3"},
	} {
		if n, err := new(Lists).AddBytes(tc.der); n != 0 || err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// TestWeakList has an authority sign its list with SHA-1.
func TestWeakList(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ca := issue(t, nil, key, authority("RSA"))
	leaf := issue(t, ca, nil, server("example.org"))
	for algorithm, want := range map[x509.SignatureAlgorithm]Code{x509.SHA256WithRSA: 0, x509.SHA1WithRSA: CodeCRLInvalid} {
		set := new(Lists)
		if _, err := set.AddBytes(makeList(t, ca, func(l *x509.RevocationList) { l.SignatureAlgorithm = algorithm })); err != nil {
			t.Fatal(err)
		}
		p := Policy{Roots: rootsOf(t, ca), Revocation: &Revocation{Lists: set}}
		_, err := p.Verify(context.Background(), &Peer{Server: true, Name: "example.org", Chain: chainOf(leaf), Now: noon})
		var e *Error
		if errors.As(err, &e); (err == nil) != (want == 0) || err != nil && (e.Code != want || !strings.Contains(err.Error(), "broken hash")) {
			t.Errorf("%v: %v", algorithm, err)
		}
	}
}

// TestListFileIsReread replaces a file while a policy uses it.
func TestListFileIsReread(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	asPEM := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }
	file := write(t, filepath.Join(dir, "list.pem"), append([]byte("ours\n"), asPEM(makeList(t, h.inter))...))
	write(t, filepath.Join(dir, "notes"), []byte("nothing"))
	set := new(Lists)
	if n, err := set.AddDir(dir); n != 1 || err != nil || set.Len() != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Lists: set}}
	verify := func() error {
		set.checked = time.Time{} // as if some seconds had passed
		_, err := p.Verify(context.Background(), h.peer())
		return err
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	write(t, file, asPEM(makeList(t, h.inter, revoke(h.leaf, 1))))
	var e *Error
	if err := verify(); !errors.As(err, &e) || e.Code != CodeRevoked {
		t.Errorf("after the file changed: %v", err)
	}
	// What was read stays valid when the file is damaged or gone.
	write(t, file, []byte("damaged"))
	if err := verify(); !errors.As(err, &e) || e.Code != CodeRevoked {
		t.Errorf("after the file was damaged: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := verify(); !errors.As(err, &e) || e.Code != CodeRevoked {
		t.Errorf("after the file was removed: %v", err)
	}
	for _, path := range []string{t.TempDir(), filepath.Join(dir, "none")} {
		if _, err := set.AddDir(path); err == nil {
			t.Errorf("%s was added", path)
		}
	}
	if _, err := set.AddFile(dir); err == nil {
		t.Error("a directory was added as a file")
	}
}

// TestWholeChain revokes an intermediate, and has another path lead around it.
func TestWholeChain(t *testing.T) {
	h := newHouse(t)
	other := issue(t, nil, nil, authority("Other Root"))
	cross := issue(t, other, h.inter.key, authority("Test Intermediate"))
	set := new(Lists)
	for _, der := range [][]byte{makeList(t, h.root, revoke(h.inter, 2)), makeList(t, h.inter), makeList(t, other)} {
		if _, err := set.AddBytes(der); err != nil {
			t.Fatal(err)
		}
	}
	leafOnly := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire, NoFetch: true, Lists: set}}
	if _, err := leafOnly.Verify(context.Background(), h.peer()); err != nil {
		t.Errorf("leaf only: %v", err)
	}
	whole := Policy{Roots: leafOnly.Roots, Revocation: &Revocation{Mode: RevocationRequire, NoFetch: true, Lists: set, WholeChain: true}}
	_, err := whole.Verify(context.Background(), h.peer())
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeRevoked || e.Certificate.Subject.CommonName != "Test Intermediate" {
		t.Errorf("whole chain: %v", err)
	}
	both := Policy{Roots: rootsOf(t, h.root, other), Revocation: whole.Revocation}
	peer := h.peer()
	peer.Chain = chainOf(h.leaf, h.inter, cross)
	result, err := both.Verify(context.Background(), peer)
	if err != nil || len(result.Chains) != 1 || result.Chains[0][2].Subject.CommonName != "Other Root" {
		t.Errorf("another path: %v, %v", result, err)
	}
	both.Pins = []Pin{PinOf(h.root.Certificate), PinOf(other.Certificate)}
	if result, err := both.Verify(context.Background(), peer); err != nil || result.Pin != both.Pins[1] {
		t.Errorf("the pin of the path that is left: %v, %v", result, err)
	}
}

// TestDeltaIsFetched has a list name its delta.
func TestDeltaIsFetched(t *testing.T) {
	files := map[string][]byte{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := w.Write(files[r.URL.Path]); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) { c.CRLDistributionPoints = []string{s.URL + "/complete"} })
	name := point(s.URL + "/delta")
	fresh := append([]byte{0x30, byte(len(name) + 2), 0x30, byte(len(name))}, name...)
	files["/complete"] = makeList(t, h.inter, extended(oidFreshestCRL, false, fresh))
	files["/delta"] = makeList(t, h.inter, numbered(11), deltaTo(10), revoke(h.leaf, 4))
	p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire}}
	_, err := p.Verify(context.Background(), h.peer())
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeRevoked || !strings.Contains(err.Error(), "superseded") {
		t.Errorf("%v", err)
	}
	files["/delta"] = []byte("broken")
	p.Revocation = &Revocation{Mode: RevocationRequire}
	if _, err := p.Verify(context.Background(), h.peer()); err != nil {
		t.Errorf("broken delta: %v", err)
	}
}

// TestOneQuestionAtATime has many connections ask for the same list.
func TestOneQuestionAtATime(t *testing.T) {
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://list.test/"} })
	list := makeList(t, h.inter)
	asked := make(chan struct{}, 100)
	revocation := &Revocation{Mode: RevocationRequire, Fetcher: fetcher(roundTrip(func(r *http.Request) (*http.Response, error) {
		asked <- struct{}{}
		time.Sleep(20 * time.Millisecond)
		w := httptest.NewRecorder()
		if _, err := w.Write(list); err != nil {
			return nil, err
		}
		return w.Result(), nil
	}))}
	p := Policy{Roots: rootsOf(t, h.root), Revocation: revocation}
	done := make(chan error)
	for range 20 {
		go func() {
			_, err := p.Verify(context.Background(), h.peer())
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if len(asked) != 1 {
		t.Errorf("asked %d times", len(asked))
	}
}

func FuzzParseCRL(f *testing.F) {
	h := newHouse(f)
	f.Add(makeList(f, h.inter, revoke(h.leaf, 1), scoped(point("http://a/"))))
	f.Add(makeList(f, h.inter, deltaTo(3)))
	f.Fuzz(func(t *testing.T, der []byte) {
		l, err := parseCRL(der, "fuzz")
		if err != nil {
			return
		}
		if err := l.check(h.leaf.Certificate, h.inter.Certificate, noon); err == nil {
			if _, err := l.verdict(h.leaf.Certificate, nil); err == nil && len(l.entries) > len(l.RevokedCertificateEntries) {
				t.Error(fmt.Sprint("more entries than there are: ", len(l.entries)))
			}
		}
		freshest(der)
		parseFeatures(der)
	})
}
