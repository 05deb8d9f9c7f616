package certificate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Request is a decoded certification request (RFC 2986).
type Request struct {
	Version            int         `json:"version"`
	Subject            Name        `json:"subject"`
	Key                PublicKey   `json:"key"`
	SignatureAlgorithm Algorithm   `json:"signature_algorithm"`
	Extensions         []Extension `json:"extensions,omitempty"` // those it asks for
	Details
	SHA256   string   `json:"sha256"`
	Problems []string `json:"problems,omitempty"`
	Raw      []byte   `json:"-"`
}

var errRequest = errors.New("not a certification request: its structure cannot be read")

// ParseRequest decodes a request in DER.
func ParseRequest(der []byte) (*Request, error) {
	in := cryptobyte.String(der)
	var outer, body, algorithm, signature, subject, key, attributes cryptobyte.String
	var version int
	var present bool
	if len(der) > MaxSize || !in.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1(&body, asn1.SEQUENCE) ||
		!outer.ReadASN1(&algorithm, asn1.SEQUENCE) || !outer.ReadASN1(&signature, asn1.BIT_STRING) ||
		!body.ReadASN1Integer(&version) || !body.ReadASN1Element(&subject, asn1.SEQUENCE) || !body.ReadASN1Element(&key, asn1.SEQUENCE) ||
		!body.ReadOptionalASN1(&attributes, &present, asn1.Tag(0).ContextSpecific().Constructed()) || !body.Empty() {
		return nil, errRequest
	}
	scratch := new(Certificate)
	r := &Request{Version: version + 1, Subject: scratch.name(subject, "subject"), Key: scratch.publicKey(key),
		SignatureAlgorithm: scratch.algorithm(algorithm), Raw: append([]byte(nil), der...)}
	if r.Key.Algorithm == "" {
		return nil, errRequest // another structure with the same beginning
	}
	scratch.requestAttributes(attributes)
	r.Extensions, r.Details, r.Problems = scratch.Extensions, scratch.Details, scratch.Problems
	sum := sha256.Sum256(der)
	r.SHA256 = hex.EncodeToString(sum[:])
	return r, nil
}

// requestAttributes looks for the extensions that are asked for (RFC 2985,
// Section 5.4.2).
func (c *Certificate) requestAttributes(list cryptobyte.String) {
	for !list.Empty() {
		var one, oid, values, extensions cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !one.ReadASN1(&values, asn1.SET) {
			c.problem("the attributes cannot be read to their end")
			return
		}
		switch oidText(oid) {
		case "1.2.840.113549.1.9.14":
			if !values.ReadASN1(&extensions, asn1.SEQUENCE) {
				c.problem("the requested extensions cannot be read")
				return
			}
			c.extensions(extensions)
		case "1.2.840.113549.1.9.7":
			c.problem("a challenge password: anyone who sees the request can read it")
		}
	}
}

// RevocationList is a decoded certificate revocation list (RFC 5280, Section
// 5).
type RevocationList struct {
	Version            int         `json:"version"`
	SignatureAlgorithm Algorithm   `json:"signature_algorithm"`
	Issuer             Name        `json:"issuer"`
	ThisUpdate         time.Time   `json:"this_update"`
	NextUpdate         *time.Time  `json:"next_update,omitempty"`
	Number             string      `json:"number,omitempty"`     // hexadecimal
	DeltaBase          string      `json:"delta_base,omitempty"` // the number of the list that this one adds to
	AuthorityKeyID     string      `json:"authority_key_id,omitempty"`
	Count              int         `json:"count"`
	Entries            []Revoked   `json:"entries,omitempty"` // at most 10,000 of them
	Extensions         []Extension `json:"extensions,omitempty"`
	SHA256             string      `json:"sha256"`
	Problems           []string    `json:"problems,omitempty"`
	Raw                []byte      `json:"-"`
}

// Revoked is one entry of a list.
type Revoked struct {
	Serial string    `json:"serial"`
	Time   time.Time `json:"time"`
	Reason string    `json:"reason,omitempty"`
}

// MaxListSize bounds what ParseRevocationList reads, in bytes.
const MaxListSize = 64 << 20

// maxEntries bounds the entries that are kept; all are counted.
const maxEntries = 10_000

var errList = errors.New("not a revocation list: its structure cannot be read")

// ParseRevocationList decodes a list in DER.
func ParseRevocationList(der []byte) (*RevocationList, error) {
	in := cryptobyte.String(der)
	var outer, body, algorithm, signature cryptobyte.String
	if len(der) > MaxListSize || !in.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1(&body, asn1.SEQUENCE) ||
		!outer.ReadASN1(&algorithm, asn1.SEQUENCE) || !outer.ReadASN1(&signature, asn1.BIT_STRING) {
		return nil, errList
	}
	scratch := new(Certificate)
	l := &RevocationList{Version: 1, SignatureAlgorithm: scratch.algorithm(algorithm), Raw: append([]byte(nil), der...)}
	if err := l.parseBody(scratch, body); err != nil {
		return nil, err
	}
	l.Problems = scratch.Problems
	sum := sha256.Sum256(der)
	l.SHA256 = hex.EncodeToString(sum[:])
	return l, nil
}

func (l *RevocationList) parseBody(c *Certificate, body cryptobyte.String) error {
	var algorithm, issuer, entries, wrapped, list cryptobyte.String
	var hasEntries, hasExtensions bool
	if body.PeekASN1Tag(asn1.INTEGER) {
		if !body.ReadASN1Integer(&l.Version) {
			return errList
		}
		l.Version++
	}
	if !body.ReadASN1(&algorithm, asn1.SEQUENCE) || !body.ReadASN1Element(&issuer, asn1.SEQUENCE) {
		return errList
	}
	l.Issuer = c.name(issuer, "issuer")
	l.ThisUpdate = c.time(&body, "issuing")
	if body.PeekASN1Tag(asn1.UTCTime) || body.PeekASN1Tag(asn1.GeneralizedTime) {
		next := c.time(&body, "next")
		l.NextUpdate = &next
	} else {
		c.problem("no nextUpdate date, which RFC 5280 requires")
	}
	if !body.ReadOptionalASN1(&entries, &hasEntries, asn1.SEQUENCE) ||
		!body.ReadOptionalASN1(&wrapped, &hasExtensions, asn1.Tag(0).ContextSpecific().Constructed()) {
		return errList
	}
	l.readEntries(c, entries)
	if hasExtensions && wrapped.ReadASN1(&list, asn1.SEQUENCE) {
		c.extensions(list)
		l.readExtensions(c)
	}
	return nil
}

func (l *RevocationList) readEntries(c *Certificate, entries cryptobyte.String) {
	for !entries.Empty() {
		var one, serial, extensions cryptobyte.String
		if !entries.ReadASN1(&one, asn1.SEQUENCE) {
			c.problem("the entries cannot be read to their end")
			return
		}
		if l.Count++; l.Count > maxEntries {
			continue
		}
		if !one.ReadASN1(&serial, asn1.INTEGER) {
			c.problem("entry %d cannot be read", l.Count)
			continue
		}
		r := Revoked{Serial: c.serial(serial), Time: c.time(&one, "revocation")}
		if !one.Empty() && one.ReadASN1(&extensions, asn1.SEQUENCE) {
			r.Reason = entryReason(extensions)
		}
		l.Entries = append(l.Entries, r)
	}
}

var entryReasons = []string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise"}

func entryReason(list cryptobyte.String) string {
	for !list.Empty() {
		var one, oid, value cryptobyte.String
		var critical bool
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!readFlag(&one, &critical) || !one.ReadASN1(&value, asn1.OCTET_STRING) {
			return ""
		}
		var reason int
		if oidText(oid) != "2.5.29.21" || !value.ReadASN1Enum(&reason) {
			continue
		}
		if reason >= 0 && reason < len(entryReasons) && entryReasons[reason] != "" {
			return entryReasons[reason]
		}
		return fmt.Sprintf("reason %d", reason)
	}
	return ""
}

func (l *RevocationList) readExtensions(c *Certificate) {
	l.Extensions = c.Extensions
	if c.AuthorityKeyID != nil {
		l.AuthorityKeyID = c.AuthorityKeyID.KeyID
	}
	for _, e := range c.Extensions {
		value, err := hex.DecodeString(strings.TrimSuffix(e.Value, "…"))
		if err != nil {
			continue
		}
		s := cryptobyte.String(value)
		var number cryptobyte.String
		switch e.OID {
		case "2.5.29.20":
			if s.ReadASN1(&number, asn1.INTEGER) {
				l.Number = strings.ToUpper(hex.EncodeToString(number))
			}
		case "2.5.29.27":
			if s.ReadASN1(&number, asn1.INTEGER) {
				l.DeltaBase = strings.ToUpper(hex.EncodeToString(number))
			}
		}
	}
}
