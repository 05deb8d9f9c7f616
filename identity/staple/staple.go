package staple

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
	"github.com/sealsock/sealsock/trust/fetch"
)

// Options are the settings of a Stapler. The zero value is usable.
type Options struct {
	// Fetcher asks responders; nil means fetch.HTTP.
	Fetcher trust.Fetcher
	// Timeout bounds one request; zero means 10 seconds.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// OnError, if set, is called with each failure to get a response. It must not block.
	OnError func(id *identity.Identity, err error)
}

// A Stapler is an identity.Selector that adds OCSP responses to what another one selects. It
// may be used from many goroutines.
type Stapler struct {
	from    identity.Selector
	options Options
	random  func() float64 // from 0 to 1

	mu    sync.Mutex
	known map[*x509.Certificate]*entry
	busy  int // requests under way
}

// The bounds on what a Stapler holds and does.
const (
	maxKnown    = 16384 // certificates
	maxBusy     = 8     // requests at a time
	maxResponse = 64 << 10
	maxValidity = 7 * 24 * time.Hour // a response is not kept longer, whatever it states
	minWait     = time.Minute        // before a responder is asked again
	maxWait     = time.Hour          // after failures
)

// An entry is what is known about one certificate.
type entry struct {
	id       *identity.Identity // as selected
	stapled  *identity.Identity // with the response; nil for none
	until    time.Time          // the response is valid
	next     time.Time          // when to ask
	failures int
	asking   chan struct{} // closed at the end of a request; nil if none is under way
}

// New returns a Stapler for the identities of a Selector.
func New(from identity.Selector, o Options) (*Stapler, error) {
	if from == nil {
		return nil, fmt.Errorf("staple.New needs a Selector: %w", os.ErrInvalid)
	}
	if o.Fetcher == nil {
		o.Fetcher = fetch.HTTP{}
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Stapler{
		from: from, options: o, random: rand.Float64, known: map[*x509.Certificate]*entry{},
	}, nil
}

var errZero = fmt.Errorf("this Stapler is nil or a zero value: use New: %w", os.ErrInvalid)

// Select returns what the Selector below does, with a response if there is a valid one. An
// identity that has one of its own is returned as it is. Select does not wait for responders.
func (s *Stapler) Select(ctx context.Context, r *identity.Request) (*identity.Identity, error) {
	if s == nil || s.from == nil {
		return nil, errZero
	}
	id, err := s.from.Select(ctx, r)
	if err != nil || !askable(id) {
		return id, err
	}
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry(id)
	if e.asking == nil && !now.Before(e.next) && s.busy < maxBusy {
		s.ask(e)
	}
	switch {
	case e.stapled == nil || !now.Before(e.until):
		return id, nil
	case e.id == id:
		return e.stapled, nil
	}
	own := *id // another identity with the same certificate
	own.OCSPStaple = e.stapled.OCSPStaple
	return &own, nil
}

// Fetch asks the responder of an identity now, or waits for a request that is under way, and
// returns why there is no response, if there is none. A server whose certificate requires
// one calls it before it serves.
func (s *Stapler) Fetch(ctx context.Context, id *identity.Identity) error {
	if s == nil || s.from == nil {
		return errZero
	}
	if !askable(id) {
		return errors.New("the identity names no responder, has no issuer in its chain, " +
			"or has a response")
	}
	s.mu.Lock()
	e := s.entry(id)
	if e.asking == nil {
		s.ask(e)
	}
	asking := e.asking
	s.mu.Unlock()
	select {
	case <-asking:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.stapled == nil || !s.options.Now().Before(e.until) {
		return errors.New("the responder sent no usable response: Options.OnError has the reason")
	}
	return nil
}

// askable reports whether a response for an identity can be fetched.
func askable(id *identity.Identity) bool {
	return id != nil && id.Leaf != nil && len(id.OCSPStaple) == 0 && len(id.Chain) > 1 &&
		len(id.Leaf.OCSPServer) > 0
}

// entry returns that of an identity. s.mu is held.
func (s *Stapler) entry(id *identity.Identity) *entry {
	if e := s.known[id.Leaf]; e != nil {
		return e
	}
	if len(s.known) >= maxKnown {
		clear(s.known) // certificates that were replaced are among them
	}
	e := &entry{id: id}
	s.known[id.Leaf] = e
	return e
}

// ask begins a request. s.mu is held.
func (s *Stapler) ask(e *entry) {
	s.busy++
	e.asking = make(chan struct{})
	go func() {
		body, response, err := s.guarded(e.id)
		if err != nil && s.options.OnError != nil {
			s.options.OnError(e.id, err)
		}
		now := s.options.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil {
			s.keep(e, body, response, now)
		} else {
			s.failed(e, err, now)
		}
		s.busy--
		close(e.asking)
		e.asking = nil
	}()
}

// guarded is request. A panic in it, such as one of the Fetcher, is an error: it must not end the
// process.
func (s *Stapler) guarded(id *identity.Identity) (
	body []byte, r *trust.RevocationCheck, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the request panicked: %v", v)
		}
	}()
	return s.request(id)
}

// keep takes over a good response. s.mu is held.
func (s *Stapler) keep(e *entry, body []byte, r *trust.RevocationCheck, now time.Time) {
	id := *e.id
	id.OCSPStaple = body
	e.stapled, e.failures = &id, 0
	e.until = r.ThisUpdate.Add(maxValidity)
	if next := validUntil(r); next.Before(e.until) {
		e.until = next
	}
	// Between one half and three quarters of what is left, so that servers that started
	// together do not ask together.
	left := e.until.Sub(now)
	e.next = now.Add(max(minWait, left/2+time.Duration(s.random()*float64(left/4))))
}

// failed leaves the response that there is, unless the certificate was revoked. s.mu is held.
func (s *Stapler) failed(e *entry, err error, now time.Time) {
	if errors.Is(err, errRevoked) {
		e.stapled = nil
	}
	wait := min(minWait<<min(e.failures, 10), maxWait)
	e.failures++
	e.next = now.Add(wait + time.Duration(s.random()*float64(wait/4)))
}

var errRevoked = errors.New("the certificate was revoked: ask its authority for a new one")

// request asks the responders of a certificate, one after the other.
func (s *Stapler) request(id *identity.Identity) (
	body []byte, r *trust.RevocationCheck, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.options.Timeout)
	defer cancel()
	issuer, err := x509.ParseCertificate(id.Chain[1])
	if err != nil {
		return nil, nil, err
	}
	question, err := ocsp.CreateRequest(id.Leaf, issuer, &ocsp.RequestOptions{Hash: crypto.SHA1})
	if err != nil {
		return nil, nil, err
	}
	for _, responder := range id.Leaf.OCSPServer[:min(len(id.Leaf.OCSPServer), 4)] {
		body, err = s.options.Fetcher.Fetch(
			ctx, responder, "application/ocsp-request", question, maxResponse)
		if err == nil {
			r, err = check(ctx, body, id, s.options.Now())
		}
		if err == nil || errors.Is(err, errRevoked) {
			return body, r, err
		}
	}
	return nil, nil, err
}

// check verifies a response as a client with the issuer as its root does, so that none is sent that
// clients refuse. Anyone between this machine and the responder can send it: it counts only if the
// issuer signed it or entitled the responder (RFC 6960, Section 4.2.2.2), and no key in it is used
// before that is known.
func check(ctx context.Context, body []byte, id *identity.Identity,
	now time.Time) (*trust.RevocationCheck, error) {
	if len(body) > maxResponse {
		return nil, errors.New("the response has more than 64 KiB")
	}
	issuer := new(trust.Roots)
	if err := issuer.AddDER(id.Chain[1]); err != nil {
		return nil, err
	}
	client := trust.Policy{Roots: issuer, PartialChain: true, AnyName: true, Purpose: trust.PurposeAny}
	result, err := client.Verify(ctx, &trust.Peer{
		Server: true, Chain: id.Chain[:1], OCSPStaple: body, Now: now})
	var refused *trust.Error
	switch {
	case errors.As(err, &refused) && refused.Code == trust.CodeRevoked:
		return nil, errRevoked
	case err != nil:
		return nil, err
	case len(result.Revocation) == 0:
		return nil, errors.New("the certificate has no issuer to ask")
	}
	r := &result.Revocation[0]
	switch until := validUntil(r); {
	case r.Status != trust.RevocationGood:
		return nil, r.Err
	case !until.After(now), now.Sub(r.ThisUpdate) >= maxValidity:
		return nil, errors.New("the response is out of date")
	}
	return r, nil
}

// validUntil is when a response ends. Package trust takes one without a next date for a day.
func validUntil(r *trust.RevocationCheck) time.Time {
	if r.NextUpdate.IsZero() {
		return r.ThisUpdate.Add(24 * time.Hour)
	}
	return r.NextUpdate
}
