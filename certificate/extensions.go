package certificate

import (
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// BasicConstraints reports whether the certificate belongs to an authority.
type BasicConstraints struct {
	Authority bool `json:"authority"`
	PathLen   *int `json:"path_len,omitempty"` // intermediate authorities allowed below
}

// AuthorityKeyID identifies the issuer's key by a key identifier or by the
// issuer's certificate.
type AuthorityKeyID struct {
	KeyID  string        `json:"key_id,omitempty"` // hexadecimal
	Issuer []GeneralName `json:"issuer,omitempty"`
	Serial string        `json:"serial,omitempty"` // hexadecimal
}

// CRLPoint is a distribution point of revocation lists.
type CRLPoint struct {
	Names    []GeneralName `json:"names,omitempty"`
	Relative string        `json:"relative,omitempty"` // a name relative to the issuer's, hexadecimal DER
	Reasons  []string      `json:"reasons,omitempty"`
	Issuer   []GeneralName `json:"issuer,omitempty"` // who signs the list, if it is not the issuer
}

// Policy is a certificate policy.
type Policy struct {
	Object
	CPS     []string `json:"cps,omitempty"`     // URIs of practice statements
	Notices []string `json:"notices,omitempty"` // texts to be shown to users
}

// NameConstraints restrict the names in certificates below an authority.
type NameConstraints struct {
	Permitted []GeneralName `json:"permitted,omitempty"`
	Excluded  []GeneralName `json:"excluded,omitempty"`
}

// maxExtensions bounds the number of extensions that are decoded.
const maxExtensions = 256

// decoders decode the values of well-known extensions. A false result means
// that the value is malformed.
var decoders = map[string]func(*Certificate, cryptobyte.String) bool{
	"2.5.29.14":               (*Certificate).subjectKeyID,
	"2.5.29.15":               (*Certificate).keyUsage,
	"2.5.29.17":               (*Certificate).subjectAlternative,
	"2.5.29.18":               (*Certificate).issuerAlternative,
	"2.5.29.19":               (*Certificate).basicConstraints,
	"2.5.29.30":               (*Certificate).nameConstraints,
	"2.5.29.31":               func(c *Certificate, s cryptobyte.String) bool { return c.crlPoints(s, &c.CRLPoints) },
	"2.5.29.32":               (*Certificate).policies,
	"2.5.29.35":               (*Certificate).authorityKeyID,
	"2.5.29.37":               (*Certificate).extendedKeyUsage,
	"2.5.29.46":               func(c *Certificate, s cryptobyte.String) bool { return c.crlPoints(s, &c.FreshestCRL) },
	"1.3.6.1.5.5.7.1.1":       (*Certificate).informationAccess,
	"1.3.6.1.5.5.7.1.24":      (*Certificate).features,
	"1.3.6.1.4.1.11129.2.4.2": (*Certificate).timestamps,
}

func (c *Certificate) extensions(list cryptobyte.String) {
	seen := map[string]bool{}
	for !list.Empty() {
		var one, oid, value cryptobyte.String
		var e Extension
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!readFlag(&one, &e.Critical) || !one.ReadASN1(&value, asn1.OCTET_STRING) || len(c.Extensions) == maxExtensions {
			c.problem("the extensions cannot be read to their end")
			return
		}
		e.OID = oidText(oid)
		e.Name = extensionNames[e.OID]
		e.Value = hexText(value)
		c.Extensions = append(c.Extensions, e)
		if seen[e.OID] {
			c.problem("the extension %s is present twice", e.text())
			continue
		}
		seen[e.OID] = true
		if e.Critical && neverCritical[e.OID] {
			c.problem("the extension %s must not be critical", e.text())
		}
		if decode := decoders[e.OID]; decode != nil && !decode(c, value) {
			c.problem("the extension %s is malformed", e.text())
		}
	}
}

func (c *Certificate) subjectKeyID(s cryptobyte.String) bool {
	var id cryptobyte.String
	ok := s.ReadASN1(&id, asn1.OCTET_STRING) && s.Empty()
	c.SubjectKeyID = hexText(id)
	return ok
}

var keyUsages = []string{"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"}

func (c *Certificate) keyUsage(s cryptobyte.String) bool {
	var ok bool
	c.KeyUsage, ok = readBits(s, asn1.BIT_STRING, keyUsages)
	return ok
}

// readBits names the bits that are set.
func readBits(s cryptobyte.String, tag asn1.Tag, names []string) ([]string, bool) {
	var bits cryptobyte.String
	if !s.ReadASN1(&bits, tag) || !s.Empty() || len(bits) == 0 || len(bits) > 9 {
		return nil, false
	}
	set := []string{}
	for i, name := range names {
		if at := 1 + i/8; at < len(bits) && bits[at]&(0x80>>(i%8)) != 0 {
			set = append(set, name)
		}
	}
	return set, true
}

func (c *Certificate) subjectAlternative(s cryptobyte.String) bool {
	var names cryptobyte.String
	ok := s.ReadASN1(&names, asn1.SEQUENCE) && s.Empty()
	c.AlternativeNames = c.generalNames(names, "subject alternative names")
	return ok
}

func (c *Certificate) issuerAlternative(s cryptobyte.String) bool {
	var names cryptobyte.String
	ok := s.ReadASN1(&names, asn1.SEQUENCE) && s.Empty()
	c.IssuerAlternatives = c.generalNames(names, "issuer alternative names")
	return ok
}

func (c *Certificate) basicConstraints(s cryptobyte.String) bool {
	var body cryptobyte.String
	b := new(BasicConstraints)
	if !s.ReadASN1(&body, asn1.SEQUENCE) || !s.Empty() || !readFlag(&body, &b.Authority) {
		return false
	}
	c.BasicConstraints = b
	if body.Empty() {
		return true
	}
	b.PathLen = new(int)
	return body.ReadASN1Integer(b.PathLen) && body.Empty()
}

func (c *Certificate) nameConstraints(s cryptobyte.String) bool {
	var body cryptobyte.String
	if !s.ReadASN1(&body, asn1.SEQUENCE) || !s.Empty() {
		return false
	}
	n := new(NameConstraints)
	c.NameConstraints = n
	return c.subtrees(&body, 0, &n.Permitted) && c.subtrees(&body, 1, &n.Excluded) && body.Empty()
}

func (c *Certificate) subtrees(body *cryptobyte.String, tag uint8, into *[]GeneralName) bool {
	var list cryptobyte.String
	var present bool
	if !body.ReadOptionalASN1(&list, &present, asn1.Tag(tag).ContextSpecific().Constructed()) {
		return false
	}
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) || len(*into) == maxNames {
			return false
		}
		g, ok := c.generalName(&one, "name constraints")
		if !ok {
			return false
		}
		*into = append(*into, g)
	}
	return true
}

var revocationReasons = []string{"unused", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise"}

// crlPoints reads CRLDistributionPoints (RFC 5280, Section 4.2.1.13).
func (c *Certificate) crlPoints(s cryptobyte.String, into *[]CRLPoint) bool {
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || !s.Empty() {
		return false
	}
	for !list.Empty() {
		var one, reasons, issuer cryptobyte.String
		var hasReasons, hasIssuer bool
		var p CRLPoint
		if !list.ReadASN1(&one, asn1.SEQUENCE) || len(*into) == maxNames || !c.pointName(&one, &p) ||
			!one.ReadOptionalASN1(&reasons, &hasReasons, asn1.Tag(1).ContextSpecific()) ||
			!one.ReadOptionalASN1(&issuer, &hasIssuer, asn1.Tag(2).ContextSpecific().Constructed()) {
			return false
		}
		if hasReasons {
			p.Reasons = bitNames(reasons, revocationReasons)
		}
		p.Issuer = c.generalNames(issuer, "CRL issuer")
		*into = append(*into, p)
	}
	return true
}

// pointName reads the optional DistributionPointName.
func (c *Certificate) pointName(one *cryptobyte.String, p *CRLPoint) bool {
	var wrapped, value cryptobyte.String
	var present bool
	if !one.ReadOptionalASN1(&wrapped, &present, asn1.Tag(0).ContextSpecific().Constructed()) {
		return false
	}
	if !present {
		return true
	}
	var tag asn1.Tag
	if !wrapped.ReadAnyASN1(&value, &tag) {
		return false
	}
	if tag == asn1.Tag(0).ContextSpecific().Constructed() {
		p.Names = c.generalNames(value, "CRL distribution points")
		return true
	}
	p.Relative = hexText(value)
	return true
}

func bitNames(bits []byte, names []string) []string {
	var set []string
	for i, name := range names {
		if at := 1 + i/8; at < len(bits) && bits[at]&(0x80>>(i%8)) != 0 {
			set = append(set, name)
		}
	}
	return set
}

// policies reads CertificatePolicies (RFC 5280, Section 4.2.1.4).
func (c *Certificate) policies(s cryptobyte.String) bool {
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || !s.Empty() {
		return false
	}
	for !list.Empty() {
		var one, oid, qualifiers cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || len(c.Policies) == maxNames {
			return false
		}
		p := Policy{Object: Object{OID: oidText(oid)}}
		p.Name = policyNames[p.OID]
		if !one.Empty() && (!one.ReadASN1(&qualifiers, asn1.SEQUENCE) || !c.qualifiers(qualifiers, &p)) {
			return false
		}
		c.Policies = append(c.Policies, p)
	}
	return true
}

func (c *Certificate) qualifiers(list cryptobyte.String, p *Policy) bool {
	for !list.Empty() {
		var one, oid, value cryptobyte.String
		var tag asn1.Tag
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !one.ReadAnyASN1(&value, &tag) {
			return false
		}
		switch oidText(oid) {
		case "1.3.6.1.5.5.7.2.1":
			p.CPS = append(p.CPS, c.checkText(string(value), "certificate policies"))
		case "1.3.6.1.5.5.7.2.2":
			p.Notices = append(p.Notices, c.notice(value))
		}
	}
	return true
}

// notice returns the text of a UserNotice.
func (c *Certificate) notice(s cryptobyte.String) string {
	var value cryptobyte.String
	var tag asn1.Tag
	for !s.Empty() && s.ReadAnyASN1(&value, &tag) {
		if text, ok := decodeText(tag, value); ok {
			return c.checkText(text, "certificate policies")
		}
	}
	return ""
}

func (c *Certificate) authorityKeyID(s cryptobyte.String) bool {
	var body, id, issuer, serial cryptobyte.String
	var hasID, hasIssuer, hasSerial bool
	if !s.ReadASN1(&body, asn1.SEQUENCE) || !s.Empty() ||
		!body.ReadOptionalASN1(&id, &hasID, asn1.Tag(0).ContextSpecific()) ||
		!body.ReadOptionalASN1(&issuer, &hasIssuer, asn1.Tag(1).ContextSpecific().Constructed()) ||
		!body.ReadOptionalASN1(&serial, &hasSerial, asn1.Tag(2).ContextSpecific()) || !body.Empty() {
		return false
	}
	a := &AuthorityKeyID{KeyID: hexText(id), Issuer: c.generalNames(issuer, "authority key identifier")}
	if hasSerial {
		a.Serial = strings.ToUpper(new(big.Int).SetBytes(serial[:min(len(serial), 64)]).Text(16))
	}
	c.AuthorityKeyID = a
	return true
}

func (c *Certificate) extendedKeyUsage(s cryptobyte.String) bool {
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || !s.Empty() || list.Empty() {
		return false
	}
	for !list.Empty() {
		var oid cryptobyte.String
		if !list.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || len(c.ExtendedKeyUsage) == maxNames {
			return false
		}
		o := Object{OID: oidText(oid)}
		o.Name = usageNames[o.OID]
		c.ExtendedKeyUsage = append(c.ExtendedKeyUsage, o)
	}
	return true
}

func (c *Certificate) informationAccess(s cryptobyte.String) bool {
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || !s.Empty() {
		return false
	}
	for !list.Empty() {
		var one, oid cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || len(c.OCSP)+len(c.CAIssuers) > maxNames {
			return false
		}
		g, ok := c.generalName(&one, "authority information access")
		if !ok {
			return false
		}
		if g.Kind != URI {
			continue
		}
		switch oidText(oid) {
		case "1.3.6.1.5.5.7.48.1":
			c.OCSP = append(c.OCSP, g.Value)
		case "1.3.6.1.5.5.7.48.2":
			c.CAIssuers = append(c.CAIssuers, g.Value)
		}
	}
	return true
}

// features reads the TLS features of RFC 7633; 5 is status_request.
func (c *Certificate) features(s cryptobyte.String) bool {
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || !s.Empty() {
		return false
	}
	for !list.Empty() {
		var feature int
		if !list.ReadASN1Integer(&feature) {
			return false
		}
		c.MustStaple = c.MustStaple || feature == 5
	}
	return true
}

// readFlag reads a BOOLEAN that defaults to FALSE.
func readFlag(s *cryptobyte.String, into *bool) bool {
	*into = false
	return !s.PeekASN1Tag(asn1.BOOLEAN) || s.ReadASN1Boolean(into)
}
