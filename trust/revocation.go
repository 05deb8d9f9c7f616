package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
)

// RevocationMode is how a policy checks whether a certificate was revoked, and what it
// does if that cannot be found out.
type RevocationMode uint8

// The modes. In every mode but RevocationOff a certificate that is known to be
// revoked is refused.
const (
	// RevocationAtHand uses what is at hand: the stapled response and the given
	// lists. It does not use the network. If nothing is at hand, it accepts the
	// peer. It refuses the peer if a given list of the peer's issuer cannot be
	// used, for example because it expired.
	RevocationAtHand RevocationMode = iota
	// RevocationOff checks nothing.
	RevocationOff
	// RevocationPrefer asks responders and fetches lists too, and accepts the
	// peer if no answer can be had, unless a given list of the peer's issuer
	// cannot be used.
	RevocationPrefer
	// RevocationRequire does the same and refuses the peer if no answer can be
	// had.
	RevocationRequire
)

// Revocation is how to find out whether certificates were revoked. It remembers
// answers and must not be copied; its fields must not be changed after first use. A
// nil *Revocation stands for the zero value.
type Revocation struct {
	Mode RevocationMode
	// WholeChain asks about every certificate below the root; without it, only
	// about the leaf.
	WholeChain bool
	// Lists are revocation lists from files and directories.
	Lists *Lists
	// NoFetch forbids the network, so that RevocationPrefer and
	// RevocationRequire use what is at hand.
	NoFetch bool
	// Timeout bounds all that is asked on behalf of one peer; zero means five
	// seconds.
	Timeout time.Duration
	// CacheDir is a folder in which lists and responses are kept until they
	// expire; empty means in memory only.
	CacheDir string
	// MaxAge, if positive, refuses answers that were made longer ago, whatever
	// they state about their own validity. A certificate may have been revoked
	// since.
	MaxAge time.Duration
	// NonceRequired refuses responses that do not repeat the request's nonce.
	// Many public responders do not, since they sign in advance.
	NonceRequired bool
	// Fetcher sends the requests. Nil means the one of package trust/fetch, which the
	// program must import: without it, a policy that would ask refuses every peer.
	Fetcher Fetcher

	answers answerMemo
}

// RevocationStatus is what is known about a certificate.
type RevocationStatus uint8

// The statuses.
const (
	RevocationUnknown RevocationStatus = iota
	RevocationGood
	RevocationRevoked
)

// String returns "unknown", "good" or "revoked".
func (s RevocationStatus) String() string {
	switch s {
	case RevocationGood:
		return "good"
	case RevocationRevoked:
		return "revoked"
	}
	return "unknown"
}

// RevocationCheck is what was found out about one certificate.
type RevocationCheck struct {
	Certificate *x509.Certificate
	Status      RevocationStatus
	// Source is where the answer came from: "staple", "OCSP " and a URL, or
	// "CRL " and a file or URL; empty if there is none.
	Source string
	// File is the file of CacheDir that holds the answer; empty if none does.
	File string
	// ThisUpdate and NextUpdate are the answer's dates; NextUpdate may be
	// zero.
	ThisUpdate, NextUpdate time.Time
	// Revoked and Reason (RFC 5280, Section 5.3.1) are set for
	// RevocationRevoked.
	Revoked time.Time
	Reason  int
	// Err is why nothing is known: each source with its problem.
	Err error

	badList bool // a given list of the issuer cannot be used
}

const defaultRevocationTimeout = 5 * time.Second

// clockSkew is how far another machine's clock may be ahead.
const clockSkew = 5 * time.Minute

// checkRevocation leaves the paths on which nothing is revoked, and notes what
// it found out.
func (p *Policy) checkRevocation(ctx context.Context, peer *Peer, result *Result, now time.Time) error {
	r := p.Revocation
	if r == nil {
		r = defaultRevocation
	}
	if r.Mode == RevocationOff || len(result.Chains) == 0 {
		return nil
	}
	if err := r.usable(); err != nil {
		return err
	}
	if err := r.checkStapled(peer, result, now); err != nil {
		return err
	}
	if r.idle(peer) {
		return nil
	}
	ctx, cancel := withTimeout(ctx, r.timeout())
	defer cancel()
	known := map[*x509.Certificate]*RevocationCheck{}
	var first error
	var kept [][]*x509.Certificate
	for _, chain := range result.Chains {
		err := p.checkChain(ctx, peer, chain, now, known, result)
		if err == nil {
			kept = append(kept, chain)
		} else if first == nil {
			first = err
		}
	}
	if len(kept) == 0 {
		return first
	}
	result.Chains = kept
	if len(p.Pins) > 0 { // the path of the first one may have been left out
		result.Pin, _ = p.pinIn(kept[0])
	}
	return nil
}

var defaultRevocation = new(Revocation)

func (r *Revocation) timeout() time.Duration {
	if r.Timeout <= 0 {
		return defaultRevocationTimeout
	}
	return r.Timeout
}

// idle reports whether there is nothing to look at, which is the usual case
// under the zero policy.
func (r *Revocation) idle(peer *Peer) bool {
	return r.Mode == RevocationAtHand && r.Lists == nil && len(peer.OCSPStaple) == 0
}

func (p *Policy) checkChain(ctx context.Context, peer *Peer, chain []*x509.Certificate,
	now time.Time, known map[*x509.Certificate]*RevocationCheck, result *Result) error {
	r := p.Revocation
	if r == nil {
		r = defaultRevocation
	}
	if len(chain) == 1 {
		return p.checkAlone(result, now, "it is a root itself, so it has no issuer")
	}
	last := len(chain) - 1
	if !r.WholeChain {
		last = min(last, 1)
	}
	for i := range last {
		c, issuer := chain[i], chain[i+1]
		check := known[c]
		if check == nil {
			check = r.look(ctx, peer, c, issuer, i == 0, now)
			known[c] = check
			result.Revocation = append(result.Revocation, *check)
		}
		switch {
		case check.Status == RevocationRevoked:
			return revokedError(check)
		case check.Status == RevocationUnknown && (r.Mode == RevocationRequire || check.badList):
			return unknownError(check)
		}
	}
	if r.WholeChain {
		return p.checkAnchor(chain[len(chain)-1], result, now)
	}
	return nil
}

// look tries one source after the other until one has the status.
func (r *Revocation) look(ctx context.Context, peer *Peer, c, issuer *x509.Certificate, leaf bool, now time.Time) *RevocationCheck {
	var all problems
	badList := false
	try := func(check *RevocationCheck, err error) *RevocationCheck {
		check, err = r.refuseOld(check, err, now)
		if err != nil {
			all = append(all, err)
		}
		return check
	}
	// All that is at hand is checked: a staple may be of yesterday, and the given
	// list of today.
	var found *RevocationCheck
	if leaf && len(peer.OCSPStaple) > 0 {
		found = try(checkResponse(peer.OCSPStaple, "staple", c, issuer, now, nil))
	}
	if r.Lists != nil && (found == nil || found.Status != RevocationRevoked) {
		listed, err := r.Lists.check(c, issuer, now)
		listed, err = r.refuseOld(listed, err, now)
		if try(listed, err); found == nil || listed != nil && listed.Status == RevocationRevoked {
			found = listed
		}
		badList = err != nil
	}
	if found != nil {
		return found
	}
	if r.Mode != RevocationAtHand && !r.NoFetch {
		sources := r.sources(c, issuer, now)
		for i, source := range sources {
			within, cancel := share(ctx, i == len(sources)-1)
			check := try(source(within))
			cancel()
			if check != nil {
				return check
			}
		}
	}
	if len(all) == 0 {
		all = append(all, errors.New("no stapled response, no list of its issuer, and no usable URL of a responder or list in it"))
	}
	return &RevocationCheck{Certificate: c, Err: all, badList: badList}
}

// refuseOld replaces a good answer that is older than MaxAge by an error. One that the
// certificate is revoked stays true.
func (r *Revocation) refuseOld(check *RevocationCheck, err error, now time.Time) (
	*RevocationCheck, error) {
	if check == nil || check.Status != RevocationGood || r.recent(check.ThisUpdate, now) {
		return check, err
	}
	return nil, &Error{Code: CodeRevocationUnknown, Certificate: check.Certificate, Got: sprintf(
		"the %s was made on %s, longer ago than the %v that are allowed", check.Source,
		certtext.Time(check.ThisUpdate), r.MaxAge)}
}

// recent reports whether an answer that was made at a time is not older than MaxAge.
func (r *Revocation) recent(made, now time.Time) bool {
	return r.MaxAge <= 0 || now.Sub(made) <= r.MaxAge
}

// until is when an answer is to be fetched again.
func (r *Revocation) until(made, next time.Time) time.Time {
	if end := made.Add(r.MaxAge); r.MaxAge > 0 && end.Before(next) {
		return end
	}
	return next
}

// source is a place to ask whether a certificate was revoked.
type source func(context.Context) (*RevocationCheck, error)

// sources are the responders and the lists that a certificate names.
func (r *Revocation) sources(c, issuer *x509.Certificate, now time.Time) []source {
	var all []source
	for _, url := range first(c.OCSPServer) {
		all = append(all, func(ctx context.Context) (*RevocationCheck, error) { return r.ask(ctx, url, c, issuer, now) })
	}
	for _, url := range first(c.CRLDistributionPoints) {
		all = append(all, func(ctx context.Context) (*RevocationCheck, error) { return r.fetchList(ctx, url, c, issuer, now) })
	}
	return all
}

// share gives a source half of the time that is left, or all of it to the last,
// so that a silent responder leaves time for the list.
func share(ctx context.Context, last bool) (context.Context, context.CancelFunc) {
	end, bounded := ctx.Deadline()
	if last || !bounded {
		return ctx, func() {}
	}
	return withTimeout(ctx, time.Until(end)/2)
}

// maxSources bounds the responders and the lists that are tried for one
// certificate.
const maxSources = 4

func first(urls []string) []string { return urls[:min(len(urls), maxSources)] }

func revokedError(check *RevocationCheck) error {
	return &Error{Code: CodeRevoked, Certificate: check.Certificate,
		Got:  sprintf("revoked on %s (%s), according to the %s", certtext.Time(check.Revoked), reasonName(check.Reason), check.Source),
		Hint: "its key may be compromised: ask its owner for a new certificate"}
}

// problems are the errors of the sources, in one line.
type problems []error

func (all problems) Error() string {
	var texts []string
	for _, err := range all {
		text := err.Error()
		var own *Error
		if errors.As(err, &own) && own.Got != "" {
			if text = own.Got; own.Err != nil {
				text += ": " + own.Err.Error()
			}
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

func (all problems) Unwrap() []error { return all }

// unknownError has the reason of the one problem there is, or a general one.
func unknownError(check *RevocationCheck) error {
	e := &Error{Code: CodeRevocationUnknown, Certificate: check.Certificate, Err: check.Err,
		Hint: "provide a current revocation list of its issuer, or do not require its revocation status"}
	var only *Error
	if all, ok := check.Err.(problems); ok && len(all) == 1 && errors.As(all[0], &only) {
		e.Code = only.Code
	}
	return e
}

// reasonName names a reason code of RFC 5280, Section 5.3.1.
func reasonName(reason int) string {
	names := []string{"no reason given", "key compromise", "authority compromised", "affiliation changed", "superseded",
		"cessation of operation", "on hold", "", "removed from the list", "privilege withdrawn", "attribute authority compromised"}
	if reason >= 0 && reason < len(names) && names[reason] != "" {
		return names[reason]
	}
	return sprintf("reason %d", reason)
}

var oidFeatures = []int{1, 3, 6, 1, 5, 5, 7, 1, 24}

// checkStapled enforces a certificate's requirement of a stapled response (RFC 7633,
// Section 4.2.3.1), if one was asked for. A response that is not about the certificate
// does not count: otherwise any bytes would satisfy the requirement.
func (r *Revocation) checkStapled(peer *Peer, result *Result, now time.Time) error {
	if !peer.StapleAsked {
		return nil
	}
	leaf := result.Leaf
	e := extension(leaf, oidFeatures)
	if e == nil || !slices.Contains(parseFeatures(e.Value), 5) {
		return nil
	}
	refused := &Error{Code: CodeMustStaple, Certificate: leaf,
		Hint: "configure its server to staple OCSP responses, or use a certificate without the TLS feature extension"}
	if len(peer.OCSPStaple) == 0 {
		return refused
	}
	for _, chain := range result.Chains {
		if len(chain) < 2 {
			return nil // a root has no issuer to ask
		}
		check, err := checkResponse(peer.OCSPStaple, "staple", leaf, chain[1], now, nil)
		check, err = r.refuseOld(check, err, now)
		if check != nil {
			return nil // good or revoked, which is looked at next
		}
		refused.Err = err
	}
	return refused
}
