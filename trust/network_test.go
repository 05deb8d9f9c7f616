package trust

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// pointed is a house whose leaf names one list, and a way to answer for it.
func pointed(t *testing.T, responder string) (house, *atomic.Pointer[[]byte], *atomic.Int32) {
	t.Helper()
	answer, asked := new(atomic.Pointer[[]byte]), new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(*answer.Load()) // the client reports any error
	}))
	t.Cleanup(s.Close)
	return newHouse(t, server("example.org"), func(c *x509.Certificate) {
		c.CRLDistributionPoints = []string{s.URL}
		if responder != "" {
			c.OCSPServer = []string{responder}
		}
	}), answer, asked
}

// TestForgedListIsNotKept answers one request for a list with a forged one, as an
// attacker on the path can. The cache, on disk and in memory, must not keep it.
func TestForgedListIsNotKept(t *testing.T) {
	h, answer, _ := pointed(t, "")
	twin := issue(t, h.root, nil, authority("Test Intermediate"))
	forged, revoked := makeList(t, twin), makeList(t, h.inter, revoke(h.leaf, 1))
	cache := t.TempDir()
	verify := func() error {
		p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire, CacheDir: cache}}
		_, err := p.Verify(context.Background(), h.peer())
		return err
	}
	var e *Error
	answer.Store(&forged)
	if err := verify(); !errors.As(err, &e) || e.Code != CodeCRLInvalid {
		t.Errorf("forged: %v", err)
	}
	if kept, err := os.ReadDir(cache); err != nil || len(kept) != 0 {
		t.Errorf("the forged list was kept: %v, %v", kept, err)
	}
	answer.Store(&revoked)
	if err := verify(); !errors.As(err, &e) || e.Code != CodeRevoked {
		t.Errorf("after it: %v", err)
	}
	kept, err := filepath.Glob(filepath.Join(cache, "*.crl"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%v, %v", kept, err)
	}
	if info, err := os.Stat(kept[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	// Other contents of the cache are ignored.
	for name, planted := range map[string][]byte{"forged": forged, "garbage": []byte("x"), "empty": nil, "huge": make([]byte, maxListFile+1)} {
		write(t, kept[0], planted)
		if err := verify(); !errors.As(err, &e) || e.Code != CodeRevoked {
			t.Errorf("%s in the cache: %v", name, err)
		}
	}
}

// TestListsOfTwinsAreToldApart has two authorities of one name share a point.
func TestListsOfTwinsAreToldApart(t *testing.T) {
	h, answer, _ := pointed(t, "")
	twin := issue(t, h.root, nil, authority("Test Intermediate"))
	underTwin := issue(t, twin, nil, server("example.org"), func(c *x509.Certificate) { c.CRLDistributionPoints = h.leaf.CRLDistributionPoints })
	asPEM := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }
	p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire, CacheDir: t.TempDir()}}
	ours, theirs := asPEM(makeList(t, h.inter)), makeList(t, twin)
	answer.Store(&ours)
	if _, err := p.Verify(context.Background(), h.peer()); err != nil {
		t.Error(err)
	}
	answer.Store(&theirs)
	if _, err := p.Verify(context.Background(), &Peer{Server: true, Name: "example.org", Chain: chainOf(underTwin, twin), Now: noon}); err != nil {
		t.Error(err)
	}
}

// TestListWithoutNextDate must not count for ever.
func TestListWithoutNextDate(t *testing.T) {
	h, answer, _ := pointed(t, "")
	file := makeListWithoutNext(t, h.inter)
	answer.Store(&file)
	made := noon.AddDate(0, 0, -1)
	for age, want := range map[time.Duration]Code{time.Hour: 0, 25 * time.Hour: CodeCRLExpired} {
		p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire}}
		peer := h.peer()
		peer.Now = made.Add(age)
		_, err := p.Verify(context.Background(), peer)
		var e *Error
		if errors.As(err, &e); (err == nil) != (want == 0) || err != nil && e.Code != want {
			t.Errorf("%v old: %v", age, err)
		}
	}
}

// TestSilentResponderLeavesTimeForTheList asks a responder that never answers
// about a certificate whose list can be had. The list is looked at, so the responder
// did not use up the time.
func TestSilentResponderLeavesTimeForTheList(t *testing.T) {
	silent := listenOnly(t)
	h, answer, _ := pointed(t, "http://"+silent)
	list := makeList(t, h.inter)
	answer.Store(&list)
	p := Policy{Roots: rootsOf(t, h.root),
		Revocation: &Revocation{Mode: RevocationRequire, Timeout: 3 * time.Second}}
	for i := range 2 {
		result, err := p.Verify(context.Background(), h.peer())
		if err != nil || !strings.HasPrefix(result.Revocation[0].Source, "CRL ") {
			t.Fatalf("connection %d: %v", i+1, err)
		}
	}
}

// TestSilenceCostsOneTimeout asks a silent responder for several peers, one
// after the other.
func TestSilenceCostsOneTimeout(t *testing.T) {
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) {
		c.OCSPServer = []string{"http://ocsp.test/"}
	})
	var asked atomic.Int32
	silent := roundTrip(func(r *http.Request) (*http.Response, error) {
		asked.Add(1)
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	p := Policy{Roots: rootsOf(t, h.root),
		Revocation: &Revocation{Mode: RevocationPrefer, Timeout: 300 * time.Millisecond, Fetcher: fetcher(silent)}}
	for range 20 {
		if _, err := p.Verify(context.Background(), h.peer()); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("20 connections asked %d times", n)
	}
}

// TestWhoLeavesTakesNoAnswer has the first caller leave before the answer comes. A
// soft policy could otherwise accept a revoked peer that connects twice.
func TestWhoLeavesTakesNoAnswer(t *testing.T) {
	h, _, _ := pointed(t, "")
	asked, answerNow := make(chan struct{}), make(chan struct{})
	list := makeList(t, h.inter, revoke(h.leaf, 1))
	revocation := &Revocation{Mode: RevocationPrefer, Fetcher: fetcher(roundTrip(func(r *http.Request) (*http.Response, error) {
		close(asked)
		select {
		case <-answerNow:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		w := httptest.NewRecorder()
		if _, err := w.Write(list); err != nil {
			return nil, err
		}
		return w.Result(), nil
	}))}
	p := Policy{Roots: rootsOf(t, h.root), Revocation: revocation}
	first, second := make(chan error, 1), make(chan error, 1)
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		_, err := p.Verify(ctx, h.peer())
		first <- err
	}()
	<-asked
	go func() {
		_, err := p.Verify(context.Background(), h.peer())
		second <- err
	}()
	leave()
	<-first // its result does not matter
	close(answerNow)
	var e *Error
	if err := <-second; !errors.As(err, &e) || e.Code != CodeRevoked {
		t.Errorf("the second: %v", err)
	}
}

const gibibyte = 1 << 30

// abuses are answers that are not meant to end, or not to be kept.
var abuses = map[string]http.HandlerFunc{
	"dripping": func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte{0x30}); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	},
	"a gibibyte": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(gibibyte))
		block := make([]byte, 1<<20)
		for range gibibyte / len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	},
	"a bomb": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip") // the bytes that follow are none
		_, _ = w.Write(make([]byte, 1<<20))
	},
	"endless headers": func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		for err == nil && r.Context().Err() == nil {
			_, err = fmt.Fprintf(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		}
	},
}

// TestSlowAndHugeAnswers shows the default limits: five seconds for a peer,
// and a size. Nothing that a server sends, or does not, takes longer.
func TestSlowAndHugeAnswers(t *testing.T) {
	for name, handler := range abuses {
		s := httptest.NewServer(handler)
		t.Cleanup(s.CloseClientConnections) // Close would wait for those that drip
		for kind, names := range map[string]change{
			"OCSP": func(c *x509.Certificate) { c.OCSPServer = []string{s.URL} },
			"CRL":  func(c *x509.Certificate) { c.CRLDistributionPoints = []string{s.URL} },
		} {
			t.Run(kind+", "+name, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, server("example.org"), names)
				verify := func(mode RevocationMode, accepted bool) {
					begin := time.Now()
					_, err := (&Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: mode}}).Verify(context.Background(), h.peer())
					if took := time.Since(begin); took > 4*defaultRevocationTimeout {
						t.Errorf("mode %d took %v", mode, took)
					} else {
						t.Logf("mode %d: %v after %v", mode, err, took.Round(time.Millisecond))
					}
					if (err == nil) != accepted {
						t.Errorf("mode %d: %v", mode, err)
					}
				}
				var both sync.WaitGroup
				both.Go(func() { verify(RevocationPrefer, true) })
				both.Go(func() { verify(RevocationRequire, false) })
				both.Wait()
			})
		}
	}
}

// muchWork is far more than a busy machine needs for milliseconds of work, and far less than the
// work that is not done would take.
const muchWork = 20 * time.Second

// TestHostileChains has peers send what costs much to look at.
func TestHostileChains(t *testing.T) {
	h := newHouse(t)
	// An intermediate whose key would take minutes to check a signature with.
	huge := &rsa.PublicKey{N: hugeModulus(t), E: 1<<31 - 1}
	der, err := x509.CreateCertificate(rand.Reader, h.inter.Certificate, h.root.Certificate, huge, h.root.key)
	if err != nil {
		t.Fatal(err)
	}
	// Authorities that could all have signed one another, and the leaf.
	crowd := [][]byte{}
	var keys []*node
	for range 15 {
		keys = append(keys, issue(t, nil, nil, authority("Crowd")))
	}
	for i, k := range keys {
		crowd = append(crowd, issue(t, keys[(i+1)%len(keys)], k.key, authority("Crowd")).Raw, issue(t, keys[(i+7)%len(keys)], k.key, authority("Crowd")).Raw)
	}
	lost := issue(t, keys[0], nil, server("example.org"))
	for name, tc := range map[string]struct {
		chain [][]byte
		code  Code
	}{
		"huge key":        {[][]byte{h.leaf.Raw, der}, CodeWeakKey},
		"huge key beside": {append(chainOf(h.leaf, h.inter), der), CodeWeakKey},
		"crowd":           {append([][]byte{lost.Raw}, crowd...), 0},
	} {
		begin := time.Now()
		_, err := (&Policy{Roots: rootsOf(t, h.root)}).Verify(context.Background(), &Peer{Server: true, Name: "example.org", Chain: tc.chain, Now: noon})
		var e *Error
		if !errors.As(err, &e) || tc.code != 0 && e.Code != tc.code {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took > muchWork {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// TestResponderWithHugeKey staples a response that is signed by an unrelated key, one
// that takes long to check.
func TestResponderWithHugeKey(t *testing.T) {
	h := newHouse(t)
	delegate := issue(t, nil, nil, func(c *x509.Certificate) {
		c.Subject.CommonName, c.ExtKeyUsage = "responder", []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	})
	huge := &rsa.PublicKey{N: hugeModulus(t), E: 1<<31 - 1}
	var err error
	if delegate.Raw, err = x509.CreateCertificate(rand.Reader, delegate.Certificate, delegate.Certificate, huge, delegate.key); err != nil {
		t.Fatal(err)
	}
	named, err := x509.ParseCertificate(delegate.Raw)
	if err != nil {
		t.Fatal(err)
	}
	staple := respondRaw(t, &node{named, nil}, delegate, statement(h.leaf.Certificate, h.inter, good))
	begin := time.Now()
	if _, err := checkResponse(staple, "staple", h.leaf.Certificate, h.inter.Certificate, noon, nil); err == nil || !strings.Contains(err.Error(), "did not authorize") {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > muchWork {
		t.Errorf("took %v", took)
	}
}

// listenOnly accepts connections in its backlog and never answers.
func listenOnly(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// hugeModulus returns a number of 120,000 bits that could be an RSA modulus.
func hugeModulus(t *testing.T) *big.Int {
	t.Helper()
	raw := make([]byte, 15_000)
	rand.Read(raw)
	raw[0] |= 0x80
	raw[len(raw)-1] |= 1
	return new(big.Int).SetBytes(raw)
}

// makeListWithoutNext takes the next date out of a list.
func makeListWithoutNext(t *testing.T, by *node) []byte {
	t.Helper()
	in := cryptobyte.String(makeList(t, by))
	var whole, tbs, version, algorithm, issuer, this, next cryptobyte.String
	if !in.ReadASN1(&whole, asn1.SEQUENCE) || !whole.ReadASN1(&tbs, asn1.SEQUENCE) || !tbs.ReadASN1Element(&version, asn1.INTEGER) ||
		!tbs.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !tbs.ReadASN1Element(&issuer, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&this, asn1.UTCTime) || !tbs.ReadASN1Element(&next, asn1.UTCTime) {
		t.Fatal("the list has another form")
	}
	return resign(t, by, algorithm, func(b *cryptobyte.Builder) {
		b.AddBytes(bytes.Join([][]byte{version, algorithm, issuer, this, tbs}, nil))
	})
}

// resign makes a list of other contents, signed with ECDSA and SHA-256.
func resign(t *testing.T, by *node, algorithm []byte, contents func(*cryptobyte.Builder)) []byte {
	t.Helper()
	var body, out cryptobyte.Builder
	body.AddASN1(asn1.SEQUENCE, contents)
	digest := sha256.Sum256(body.BytesOrPanic())
	signature, err := by.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	out.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(body.BytesOrPanic())
		b.AddBytes(algorithm)
		b.AddASN1BitString(signature)
	})
	return out.BytesOrPanic()
}

// TestLargeListIsProvedFirst answers with a long forged list, as an attacker on the
// path can.
func TestLargeListIsProvedFirst(t *testing.T) {
	h, answer, _ := pointed(t, "")
	twin := issue(t, h.root, nil, authority("Test Intermediate"))
	many := func(l *x509.RevocationList) {
		for i := range 60_000 {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries,
				x509.RevocationListEntry{SerialNumber: big.NewInt(1<<40 + int64(i)), RevocationTime: noon})
		}
	}
	for name, tc := range map[string]struct {
		list []byte
		code Code
		says string
	}{
		"ours":   {makeList(t, h.inter, many, revoke(h.leaf, 1)), CodeRevoked, ""},
		"forged": {makeList(t, twin, many), CodeCRLInvalid, "is large and not signed by the certificate's issuer"},
		"zeros":  {make([]byte, 2<<20), CodeCRLInvalid, "is large and not signed"},
	} {
		if len(tc.list) <= maxUnsigned {
			t.Fatalf("%s has %d bytes only", name, len(tc.list))
		}
		answer.Store(&tc.list)
		p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationRequire}}
		_, err := p.Verify(context.Background(), h.peer())
		var e *Error
		if !errors.As(err, &e) || e.Code != tc.code || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
