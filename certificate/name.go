package certificate

import (
	"encoding/hex"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
)

// Name is a distinguished name: relative distinguished names in the order of
// the certificate, usually with one attribute each.
type Name [][]Attribute

// Attribute is one part of a name.
type Attribute struct {
	Object
	Value string `json:"value"` // decoded to UTF-8; "#" and hexadecimal DER if it is no text
}

// The bounds on names.
const (
	maxAttributes = 256
	maxValue      = 64 << 10
)

// String formats the name as in RFC 4514, but in the order of the certificate.
// Control characters are escaped.
func (n Name) String() string {
	var all []string
	for _, relative := range n {
		var parts []string
		for _, a := range relative {
			parts = append(parts, a.short()+"="+escape(a.Value))
		}
		all = append(all, strings.Join(parts, "+"))
	}
	return strings.Join(all, ",")
}

// Get returns the values of an attribute by its long or short name, such as
// "commonName" or "CN".
func (n Name) Get(name string) []string {
	var values []string
	for _, relative := range n {
		for _, a := range relative {
			if a.Name == name || a.short() == name {
				values = append(values, a.Value)
			}
		}
	}
	return values
}

func (a Attribute) short() string {
	if s := shortNames[a.OID]; s != "" {
		return s
	}
	if a.Name != "" {
		return a.Name
	}
	return a.OID
}

// escape follows RFC 4514, Section 2.4, and also escapes control characters.
func escape(value string) string {
	var b strings.Builder
	for i, r := range value {
		switch {
		case strings.ContainsRune(`,+"\<>;`, r), i == 0 && (r == '#' || r == ' '), i == len(value)-1 && r == ' ':
			b.WriteByte('\\')
			b.WriteRune(r)
		case !strconv.IsPrint(r):
			for _, c := range []byte(string(r)) {
				b.WriteByte('\\')
				b.WriteString(hex.EncodeToString([]byte{c}))
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// name reads a Name (RFC 5280, Section 4.1.2.4) with its header.
func (c *Certificate) name(raw cryptobyte.String, which string) Name {
	var sets cryptobyte.String
	if !raw.ReadASN1(&sets, asn1.SEQUENCE) {
		c.problem("the %s cannot be read", which)
		return nil
	}
	name := Name{}
	for total := 0; !sets.Empty(); {
		var set cryptobyte.String
		if !sets.ReadASN1(&set, asn1.SET) {
			c.problem("the %s cannot be read to its end", which)
			return name
		}
		var relative []Attribute
		for !set.Empty() {
			a, ok := c.attribute(&set, which)
			if total++; !ok || total > maxAttributes {
				c.problem("the %s cannot be read to its end", which)
				return name
			}
			relative = append(relative, a)
		}
		name = append(name, relative)
	}
	return name
}

func (c *Certificate) attribute(set *cryptobyte.String, which string) (Attribute, bool) {
	var pair, oid, value, full cryptobyte.String
	var tag asn1.Tag
	if !set.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !pair.ReadAnyASN1Element(&full, &tag) {
		return Attribute{}, false
	}
	a := Attribute{Object: Object{OID: oidText(oid)}}
	a.Name = attributeNames[a.OID]
	element := full
	if !element.ReadAnyASN1(&value, &tag) {
		return a, false
	}
	text, ok := decodeText(tag, value)
	if !ok {
		a.Value = "#" + hexText(full)
		return a, true
	}
	a.Value = c.checkText(text, which)
	return a, true
}

// checkText reports characters that can disguise a text, and truncates long
// text.
func (c *Certificate) checkText(text, where string) string {
	if strings.ContainsRune(text, 0) {
		c.problem("a NUL character in the %s: %s", where, certtext.Quote(text))
	} else if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		c.problem("a control character in the %s: %s", where, certtext.Quote(text))
	}
	if !utf8.ValidString(text) {
		c.problem("the %s is not valid in its encoding", where)
		text = strings.ToValidUTF8(text, "�")
	}
	if len(text) > maxValue {
		c.problem("a text of %d bytes in the %s", len(text), where)
		text = strings.ToValidUTF8(text[:maxValue], "")
	}
	return text
}

// The string types that cryptobyte does not name.
const (
	tagNumericString   = asn1.Tag(18)
	tagVisibleString   = asn1.Tag(26)
	tagUniversalString = asn1.Tag(28)
	tagBMPString       = asn1.Tag(30)
)

func decodeText(tag asn1.Tag, value []byte) (string, bool) {
	switch tag {
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String, tagVisibleString, tagNumericString:
		return string(value), true
	case asn1.T61String: // in practice Latin-1
		var out []byte
		for _, c := range value {
			out = utf8.AppendRune(out, rune(c))
		}
		return string(out), true
	case tagBMPString:
		units := make([]uint16, 0, len(value)/2)
		for ; len(value) >= 2; value = value[2:] {
			units = append(units, uint16(value[0])<<8|uint16(value[1]))
		}
		return string(utf16.Decode(units)), len(value) == 0
	case tagUniversalString:
		var out []byte
		for ; len(value) >= 4; value = value[4:] {
			out = utf8.AppendRune(out, rune(value[0])<<24|rune(value[1])<<16|rune(value[2])<<8|rune(value[3]))
		}
		return string(out), len(value) == 0
	}
	return "", false
}

// oidText writes the content of an object identifier with dots; arcs may be of
// any size.
func oidText(content []byte) string {
	if len(content) == 0 || len(content) > 128 || content[len(content)-1]&0x80 != 0 {
		return "invalid:" + hexText(content)
	}
	var parts []string
	arc := new(big.Int)
	for _, b := range content {
		arc.Lsh(arc, 7)
		arc.Or(arc, big.NewInt(int64(b&0x7f)))
		if b&0x80 != 0 {
			continue
		}
		if parts == nil {
			first := int64(2)
			if arc.Cmp(big.NewInt(80)) < 0 {
				first = arc.Int64() / 40
			}
			parts = append(parts, strconv.FormatInt(first, 10))
			arc.Sub(arc, big.NewInt(40*first))
		}
		parts = append(parts, arc.String())
		arc.SetInt64(0)
	}
	return strings.Join(parts, ".")
}

// maxHex is the number of undecoded bytes that are shown.
const maxHex = 4096

func hexText(b []byte) string {
	if len(b) > maxHex {
		return hex.EncodeToString(b[:maxHex]) + "…"
	}
	return hex.EncodeToString(b)
}
