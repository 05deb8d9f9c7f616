package staple

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// A responder answers in the name of an authority, by a clock that the test sets.
type responder struct {
	ca     *testcert.CA
	signer crypto.Signer
	serial *big.Int
	valid  time.Duration
	by     *x509.Certificate // the responder's own; nil for the issuer's

	endless bool // responses have no next date

	mu     sync.Mutex
	now    time.Time
	status int
	fails  bool
	asked  int
}

func (r *responder) Fetch(context.Context, string, string, []byte, int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.fails {
		return nil, errors.New("unreachable")
	}
	answer := ocsp.Response{
		Status: r.status, SerialNumber: r.serial, ThisUpdate: r.now, NextUpdate: r.now.Add(r.valid),
		RevokedAt: r.now, Certificate: r.by,
	}
	if r.endless {
		answer.NextUpdate = time.Time{}
	}
	by := r.ca.Cert
	if r.by != nil {
		by = r.by
	}
	return ocsp.CreateResponse(r.ca.Cert, by, answer, r.signer)
}

func (r *responder) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

// set changes the responder after d has passed.
func (r *responder) set(d time.Duration, change func(*responder)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
	if change != nil {
		change(r)
	}
}

func newStapler(t *testing.T) (*Stapler, *responder, *identity.Identity, chan error) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), func(c *x509.Certificate) {
		c.OCSPServer = []string{"http://ocsp.test/"}
	}, "localhost")
	id, err := identity.New([][]byte{leaf.Chain[0], ca.Cert.Raw}, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	r := &responder{ca: ca, signer: ca.Key, serial: id.Leaf.SerialNumber,
		valid: 8 * time.Hour, now: time.Now()}
	failures := make(chan error, 100)
	s, err := New(id, Options{Fetcher: r, Now: r.clock,
		OnError: func(_ *identity.Identity, err error) { failures <- err }})
	if err != nil {
		t.Fatal(err)
	}
	s.random = func() float64 { return 0.5 }
	return s, r, id, failures
}

// selected returns whether a handshake gets a response, once no request is under way.
func selected(t *testing.T, s *Stapler, id *identity.Identity) bool {
	t.Helper()
	for range 2 { // the first may begin a request
		if _, err := s.Select(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		asking := s.known[id.Leaf].asking
		s.mu.Unlock()
		if asking != nil {
			<-asking
		}
	}
	got, err := s.Select(t.Context(), nil)
	if err != nil || got.Leaf != id.Leaf {
		t.Fatalf("another identity: %v", err)
	}
	return len(got.OCSPStaple) > 0
}

// broken is a Fetcher that panics.
type broken struct{}

func (broken) Fetch(context.Context, string, string, []byte, int64) ([]byte, error) {
	panic("broken")
}

// TestFetcherPanics: a panic of a Fetcher is a failure to get a response.
func TestFetcherPanics(t *testing.T) {
	s, _, id, failures := newStapler(t)
	s.options.Fetcher = broken{}
	if selected(t, s, id) {
		t.Error("there is a response")
	}
	if err := <-failures; err == nil || err.Error() != "the request panicked: broken" {
		t.Error(err)
	}
}

// TestRefresh follows one response through its validity: it is fetched once, refreshed in
// the second half, kept while the responder fails until it expires, and dropped when the
// certificate is revoked.
func TestRefresh(t *testing.T) {
	s, r, id, failures := newStapler(t)
	for _, step := range []struct {
		name    string
		after   time.Duration
		change  func(*responder)
		asked   int // in all
		stapled bool
	}{
		{"at first", 0, nil, 1, true},
		{"in the first half", 4*time.Hour - time.Second, nil, 1, true},
		{"before the time between servers", time.Hour, nil, 1, true},
		{"in the second half", time.Minute, nil, 2, true},
		{"while it fails", 6 * time.Hour, func(r *responder) { r.fails = true }, 3, true},
		{"right after that", 30 * time.Second, nil, 3, true},
		{"after a minute", time.Minute, nil, 4, true},
		{"after the end", 2 * time.Hour, nil, 5, false},
		{"when it works again", 2 * time.Hour, func(r *responder) { r.fails = false }, 6, true},
		{"when it is revoked", 7 * time.Hour, func(r *responder) { r.status = ocsp.Revoked }, 7, false},
	} {
		r.set(step.after, step.change)
		if got := selected(t, s, id); got != step.stapled || r.asked != step.asked {
			t.Errorf("%s: stapled %v, asked %d times; want %v, %d",
				step.name, got, r.asked, step.stapled, step.asked)
		}
	}
	if len(failures) != 4 {
		t.Errorf("%d failures were reported, want 4", len(failures))
	}
}

// TestRefusals has responders whose responses must not be sent.
func TestRefusals(t *testing.T) {
	for name, change := range map[string]func(*responder){
		"unknown":      func(r *responder) { r.status = ocsp.Unknown },
		"revoked":      func(r *responder) { r.status = ocsp.Revoked },
		"another":      func(r *responder) { r.serial = big.NewInt(1) },
		"out of date":  func(r *responder) { r.valid = -time.Second },
		"of a twin":    func(r *responder) { r.signer = testcert.NewKey("p256") },
		"not reached":  func(r *responder) { r.fails = true },
		"of an expiry": func(r *responder) { r.valid = 0 },
	} {
		s, r, id, failures := newStapler(t)
		r.set(0, change)
		if err := s.Fetch(t.Context(), id); err == nil || selected(t, s, id) {
			t.Errorf("%s: stapled; %v", name, err)
		}
		if len(failures) != 1 || r.asked != 1 {
			t.Errorf("%s: asked %d times, %d reasons", name, r.asked, len(failures))
		}
	}
}

// TestImpostor: a response is not sent, and is no reason to drop one, if another certificate of the
// issuer signed it, which the issuer did not make a responder (RFC 6960, Section 4.2.2.2). Such a
// certificate may be anyone's, and responses come without TLS.
func TestImpostor(t *testing.T) {
	s, r, id, failures := newStapler(t)
	other := r.ca.Issue(testcert.NewKey("p256"), nil, "other.test")
	impostor, err := x509.ParseCertificate(other.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	impersonate := func(status int) func(*responder) {
		return func(r *responder) { r.by, r.signer, r.status = impostor, other.Key, status }
	}
	r.set(0, impersonate(ocsp.Good))
	if s.Fetch(t.Context(), id) == nil || selected(t, s, id) {
		t.Error("a response of another certificate is sent")
	}
	r.set(time.Hour, func(r *responder) { r.by, r.signer = nil, r.ca.Key })
	if !selected(t, s, id) {
		t.Fatal("no response")
	}
	r.set(7*time.Hour, impersonate(ocsp.Revoked))
	if !selected(t, s, id) {
		t.Error("a response of another certificate revokes this one")
	}
	if len(failures) != 2 {
		t.Errorf("%d failures", len(failures))
	}
	own := r.ca.Issue(testcert.NewKey("p256"), func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	}, "responder.test")
	entitled, err := x509.ParseCertificate(own.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	r.set(2*time.Hour, func(r *responder) {
		r.by, r.signer, r.status = entitled, own.Key, ocsp.Good
	})
	if !selected(t, s, id) {
		t.Errorf("no response of an entitled responder: %v", <-failures)
	}
}

// TestWithoutNextUpdate: clients take a response without a next date for a day.
func TestWithoutNextUpdate(t *testing.T) {
	s, r, id, _ := newStapler(t)
	r.set(0, func(r *responder) { r.endless = true })
	if !selected(t, s, id) {
		t.Error("no response")
	}
	r.set(25*time.Hour, func(r *responder) { r.fails = true })
	if selected(t, s, id) {
		t.Error("a response of yesterday is sent")
	}
}

// TestUnaskable has identities that are returned as they are.
func TestUnaskable(t *testing.T) {
	_, _, id, _ := newStapler(t)
	alone, own := *id, *id
	alone.Chain = id.Chain[:1]
	own.OCSPStaple = []byte("own")
	for _, id := range []*identity.Identity{&alone, &own, nil} {
		s, err := New(id, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Select(t.Context(), nil); got != id || err != nil {
			t.Errorf("%v, %v", got, err)
		}
		if s.Fetch(t.Context(), id) == nil {
			t.Error("Fetch returned no error")
		}
	}
}
