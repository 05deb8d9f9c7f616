package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
)

// crl is a parsed revocation list (RFC 5280, Section 5).
type crl struct {
	*x509.RevocationList
	source  string
	file    string // of the cache that has it; "" for none
	scope   listScope
	delta   bool
	base    *big.Int       // the number of the list that a delta adds to
	entries map[string]int // serial number to entry

	mu     sync.Mutex
	signed map[string]error // by the issuer's DER: the outcome of checking the signature
}

// listScope is the issuing distribution point (Section 5.2.5).
type listScope struct {
	raw           []byte   // as it stands in the list; nil if it has none
	pointed       bool     // it names a distribution point
	points        []string // its URIs
	onlyUsers     bool
	onlyAuthority bool
	onlyAttribute bool
	someReasons   bool
	indirect      bool
}

var (
	oidDeltaIndicator    = []int{2, 5, 29, 27}
	oidIssuingPoint      = []int{2, 5, 29, 28}
	oidCertificateIssuer = []int{2, 5, 29, 29}
	oidFreshestCRL       = []int{2, 5, 29, 46}
	oidListNumber        = []int{2, 5, 29, 20}
	oidReasonCode        = []int{2, 5, 29, 21}
	oidInvalidityDate    = []int{2, 5, 29, 24}
	knownListExtensions  = [][]int{oidDeltaIndicator, oidIssuingPoint, oidFreshestCRL, oidListNumber,
		{2, 5, 29, 35}, {2, 5, 29, 18}}
)

// parseCRL reads a list and refuses what would be misread.
func parseCRL(der []byte, source string) (*crl, error) {
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, listError(CodeCRLInvalid, source, "cannot be read", err)
	}
	l := &crl{RevocationList: parsed, source: source, signed: map[string]error{}}
	if err := l.checkNumber(); err != nil {
		return nil, listError(CodeCRLInvalid, source, "cannot be used", err)
	}
	for _, e := range parsed.Extensions {
		id := []int(e.Id)
		switch {
		case slices.Equal(id, oidIssuingPoint):
			err = l.scope.parse(e.Value)
		case slices.Equal(id, oidDeltaIndicator):
			l.delta, l.base = true, new(big.Int)
			if s := cryptobyte.String(e.Value); !s.ReadASN1Integer(l.base) {
				err = errors.New("its delta indicator is malformed")
			}
		case e.Critical && !slices.ContainsFunc(knownListExtensions, func(known []int) bool { return slices.Equal(known, id) }):
			err = errors.New("it has the critical extension " + e.Id.String() + ", which is not supported")
		}
		if err != nil {
			return nil, listError(CodeCRLInvalid, source, "cannot be used", err)
		}
	}
	if l.scope.indirect {
		return nil, listError(CodeCRLInvalid, source, "is an indirect list, which covers several authorities and is not supported", nil)
	}
	return l, l.index()
}

// checkNumber follows RFC 5280, Section 5.2.3: "CRL issuers conforming to this
// profile MUST include this extension in all CRLs and MUST mark this extension as
// non-critical." The number decides which of two lists is newer.
func (l *crl) checkNumber() error {
	if l.Number == nil {
		return errors.New("it has no number; openssl ca writes one if its configuration sets crlnumber")
	}
	for _, e := range l.Extensions {
		if e.Critical && e.Id.Equal(oidListNumber) {
			return errors.New("its number is critical, which RFC 5280, Section 5.2.3, does not allow")
		}
	}
	return nil
}

// index maps serial numbers to entries.
func (l *crl) index() error {
	l.entries = make(map[string]int, len(l.RevokedCertificateEntries))
	for i := range l.RevokedCertificateEntries {
		e := &l.RevokedCertificateEntries[i]
		for _, x := range e.Extensions {
			switch {
			case x.Id.Equal(oidCertificateIssuer):
				return listError(CodeCRLInvalid, l.source, "is an indirect list, which covers several authorities and is not supported", nil)
			case x.Critical && !x.Id.Equal(oidReasonCode) && !x.Id.Equal(oidInvalidityDate):
				// RFC 5280, Section 5.3: such a list "MUST NOT" be used.
				return listError(CodeCRLInvalid, l.source, "has an entry with the critical extension "+x.Id.String()+", which is not supported", nil)
			}
		}
		l.entries[string(e.SerialNumber.Bytes())] = i
	}
	return nil
}

// parse reads IssuingDistributionPoint.
func (s *listScope) parse(der []byte) error {
	broken := errors.New("its issuing distribution point is malformed")
	in := cryptobyte.String(der)
	var body cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !in.Empty() {
		return broken
	}
	s.raw = der
	for !body.Empty() {
		var value cryptobyte.String
		var tag asn1.Tag
		if !body.ReadAnyASN1(&value, &tag) {
			return broken
		}
		set := len(value) == 1 && value[0] != 0
		switch tag &^ 0x20 { // without the bit for constructed
		case 0x80:
			s.pointed, s.points = true, pointURIs(value)
		case 0x81:
			s.onlyUsers = set
		case 0x82:
			s.onlyAuthority = set
		case 0x83:
			s.someReasons = true
		case 0x84:
			s.indirect = set
		case 0x85:
			s.onlyAttribute = set
		default:
			return broken // it restricts the list in a way that cannot be honoured here
		}
	}
	return nil
}

// pointURIs returns the URIs of a DistributionPointName.
func pointURIs(name cryptobyte.String) []string {
	var full, value cryptobyte.String
	var tag asn1.Tag
	var uris []string
	if !name.ReadASN1(&full, asn1.Tag(0).ContextSpecific().Constructed()) {
		return nil
	}
	for !full.Empty() && full.ReadAnyASN1(&value, &tag) {
		if tag == asn1.Tag(6).ContextSpecific() {
			uris = append(uris, string(value))
		}
	}
	return uris
}

// check returns why the list cannot be used for c, with a delta or without, or nil.
func (l *crl) check(c, issuer *x509.Certificate, now time.Time) error {
	if err := l.genuine(issuer, now); err != nil {
		return err
	}
	return l.inScope(c)
}

// genuine returns an error unless the list is the issuer's and current.
func (l *crl) genuine(issuer *x509.Certificate, now time.Time) error {
	switch {
	case !bytes.Equal(l.RawIssuer, issuer.RawSubject):
		return listError(CodeCRLInvalid, l.source, "is from another authority", nil)
	case now.Add(clockSkew).Before(l.ThisUpdate):
		return listError(CodeCRLNotYetValid, l.source, "is not valid before "+certtext.Time(l.ThisUpdate)+"; it is now "+certtext.Time(now), nil)
	case !l.NextUpdate.IsZero() && now.After(l.NextUpdate):
		return listError(CodeCRLExpired, l.source, "expired on "+certtext.Time(l.NextUpdate)+"; it is now "+certtext.Time(now), nil)
	}
	if err := l.checkSignature(issuer); err != nil {
		return listError(CodeCRLInvalid, l.source, "is not signed by the certificate's issuer", err)
	}
	return nil
}

// inScope follows RFC 5280, Section 6.3.3 (b) (2).
func (l *crl) inScope(c *x509.Certificate) error {
	s := l.scope
	why := ""
	switch {
	case s.onlyAttribute:
		why = "covers only attribute certificates"
	case s.onlyUsers && c.IsCA:
		why = "does not cover authorities"
	case s.onlyAuthority && !c.IsCA:
		why = "covers only authorities"
	case s.pointed && !slices.ContainsFunc(s.points, func(p string) bool { return slices.Contains(c.CRLDistributionPoints, p) }):
		why = "is for another distribution point than the certificate names"
	default:
		return nil
	}
	return listError(CodeCRLInvalid, l.source, why, nil)
}

// checkSignature checks once for each issuer.
func (l *crl) checkSignature(issuer *x509.Certificate) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := string(issuer.Raw)
	err, done := l.signed[key]
	if !done {
		if err = errWeakList; !brokenHash(l.SignatureAlgorithm) {
			err = l.CheckSignatureFrom(issuer)
		}
		if len(l.signed) < 64 {
			l.signed[key] = err
		}
	}
	return err
}

var errWeakList = errors.New("its signature uses a broken hash")

// verdict looks the certificate up. A delta adds to the list and takes from it.
func (l *crl) verdict(c *x509.Certificate, delta *crl) (*RevocationCheck, error) {
	check := &RevocationCheck{Certificate: c, Source: "CRL " + l.source, File: l.file,
		ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate}
	entry, removed := l.entry(c), false
	if delta != nil {
		check.Source += " with " + delta.source
		check.ThisUpdate, check.NextUpdate = delta.ThisUpdate, delta.NextUpdate
		if newer := delta.entry(c); newer != nil {
			// Section 5.3.1: removeFromCRL appears in deltas only.
			entry, removed = newer, newer.ReasonCode == removeFromCRL
		}
	}
	switch {
	case entry != nil && !removed:
		check.Status, check.Revoked, check.Reason = RevocationRevoked, entry.RevocationTime, entry.ReasonCode
	case l.scope.someReasons:
		return nil, listError(CodeCRLInvalid, l.source, "covers only some reasons and does not list the certificate", nil)
	default:
		check.Status = RevocationGood
	}
	return check, nil
}

func (l *crl) entry(c *x509.Certificate) *x509.RevocationListEntry {
	if i, ok := l.entries[string(c.SerialNumber.Bytes())]; ok {
		return &l.RevokedCertificateEntries[i]
	}
	return nil
}

// complements reports whether a delta adds to a complete list of the same scope
// (RFC 5280, Sections 5.2.4 and 6.3.3 (c)).
func (l *crl) complements(complete *crl) bool {
	return l.delta && l.sameScope(complete) &&
		l.base.Cmp(complete.Number) <= 0 && l.Number.Cmp(complete.Number) >= 0
}

func (l *crl) sameScope(other *crl) bool {
	return bytes.Equal(l.scope.raw, other.scope.raw) && bytes.Equal(l.RawIssuer, other.RawIssuer)
}

// newer reports whether l was issued after other, or other is nil.
func (l *crl) newer(other *crl) bool { return other == nil || l.Number.Cmp(other.Number) > 0 }

// The reasons that a later list may take back (RFC 5280, Section 5.3.1).
const (
	certificateHold = 6
	removeFromCRL   = 8
)

// permanently returns the answer of a list that revokes c for good, or nil. The
// list's dates and scope do not matter: an entry stays valid until the
// certificate expires (Section 3.3), except that a hold may be lifted. Serial
// numbers of attribute certificates are numbers of their own.
func (l *crl) permanently(c, issuer *x509.Certificate) *RevocationCheck {
	entry := l.entry(c)
	if entry == nil || entry.ReasonCode == certificateHold || entry.ReasonCode == removeFromCRL ||
		l.scope.onlyAttribute || !bytes.Equal(l.RawIssuer, issuer.RawSubject) ||
		l.checkSignature(issuer) != nil {
		return nil
	}
	check, _ := l.verdict(c, nil)
	return check
}

// choose looks c up in all lists. One that revokes c for good decides, regardless of
// the others. Otherwise the newest list of each scope counts, with its delta, and one
// that revokes c takes precedence over one that does not.
func choose(lists []*crl, c, issuer *x509.Certificate, now time.Time) (*RevocationCheck, error) {
	for _, l := range lists {
		if check := l.permanently(c, issuer); check != nil {
			return check, nil
		}
	}
	complete, problems := newest(lists, c, issuer, now)
	var good *RevocationCheck
	for _, l := range complete {
		check, err := l.answer(lists, c, issuer, now)
		switch {
		case err != nil:
			problems = append(problems, err)
		case check.Status == RevocationRevoked:
			return check, nil
		case good == nil:
			good = check
		}
	}
	if good != nil {
		return good, nil
	}
	return nil, joinOne(problems)
}

// newest returns the newest complete list of each scope that can be used for c, and
// what is wrong with the others.
func newest(lists []*crl, c, issuer *x509.Certificate, now time.Time) ([]*crl, []error) {
	var found []*crl
	var problems []error
	for _, l := range lists {
		if l.delta {
			continue
		}
		if err := l.check(c, issuer, now); err != nil {
			problems = append(problems, err)
			continue
		}
		switch at := slices.IndexFunc(found, l.sameScope); {
		case at < 0:
			found = append(found, l)
		case l.newer(found[at]):
			found[at] = l
		}
	}
	if found == nil && problems == nil && len(lists) > 0 {
		problems = append(problems,
			listError(CodeCRLInvalid, lists[0].source, "is a delta list without its base list", nil))
	}
	return found, problems
}

// answer looks c up in the complete list and in the newest delta that adds to it. A
// delta of the issuer that is newer and cannot be used is an error: it may
// revoke c.
func (l *crl) answer(lists []*crl, c, issuer *x509.Certificate,
	now time.Time) (*RevocationCheck, error) {
	var delta *crl
	var why error
	for _, d := range lists {
		if !d.delta || !d.sameScope(l) || !d.newer(l) || !d.newer(delta) || d.checkSignature(issuer) != nil {
			continue
		}
		delta, why = d, d.check(c, issuer, now)
		if why == nil && !d.complements(l) {
			why = listError(CodeCRLInvalid, d.source,
				"is a delta for the list number "+d.base.String()+", which is not available", nil)
		}
	}
	if why != nil {
		return nil, why
	}
	return l.verdict(c, delta)
}

// joinOne keeps a single error as it is, so that its code can be read.
func joinOne(all []error) error {
	if len(all) == 1 {
		return all[0]
	}
	if len(all) == 0 {
		return nil
	}
	return problems(all)
}

func listError(code Code, source, why string, err error) error {
	return &Error{Code: code, Got: "the list " + certtext.Quote(source) + " " + why, Err: err,
		Hint: "get the current list from the certificate's authority"}
}

// freshest returns the URIs of deltas in the extension of a list or certificate.
func freshest(value []byte) []string {
	in := cryptobyte.String(value)
	var list, point, name cryptobyte.String
	var uris []string
	if !in.ReadASN1(&list, asn1.SEQUENCE) {
		return nil
	}
	for !list.Empty() && list.ReadASN1(&point, asn1.SEQUENCE) {
		if point.ReadASN1(&name, asn1.Tag(0).ContextSpecific().Constructed()) {
			uris = append(uris, pointURIs(name)...)
		}
	}
	return uris
}

// parseFeatures reads the TLS features of RFC 7633.
func parseFeatures(value []byte) []int {
	in := cryptobyte.String(value)
	var list cryptobyte.String
	var all []int
	if !in.ReadASN1(&list, asn1.SEQUENCE) {
		return nil
	}
	for !list.Empty() {
		var feature int
		if !list.ReadASN1Integer(&feature) {
			return all
		}
		all = append(all, feature)
	}
	return all
}
