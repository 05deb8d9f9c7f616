package certificate

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
)

// NameKind is one of the kinds of RFC 5280, Section 4.2.1.6.
type NameKind int

// The kinds of general names, with their tags.
const (
	OtherName NameKind = iota
	EmailName
	DNSName
	X400Address
	DirectoryName
	EDIPartyName
	URI
	IPAddress
	RegisteredID
)

var nameKinds = [...]string{"other", "email", "dns", "x400", "directory", "edi", "uri", "ip", "registered_id"}

// String returns the kind's name in JSON.
func (k NameKind) String() string {
	if k >= 0 && int(k) < len(nameKinds) {
		return nameKinds[k]
	}
	return fmt.Sprintf("kind-%d", int(k))
}

// GeneralName is a name of any kind.
type GeneralName struct {
	Kind NameKind
	// Value is a text for e-mail, DNS and URI, an address for IP (a network in
	// name constraints), dots and numbers for a registered identifier, and
	// hexadecimal DER for what has no usual text.
	Value string
	// Directory is the name of kind directory.
	Directory Name
	// Type is the type of an other name. If the content is text, as in a user
	// principal name, Value is that text.
	Type Object
}

// MarshalJSON encodes only the fields that apply to the kind.
func (g GeneralName) MarshalJSON() ([]byte, error) {
	out := struct {
		Kind      string  `json:"kind"`
		Value     string  `json:"value,omitempty"`
		Directory Name    `json:"directory,omitempty"`
		Type      *Object `json:"type,omitempty"`
	}{Kind: g.Kind.String(), Value: g.Value, Directory: g.Directory}
	if g.Kind == OtherName {
		out.Type = &g.Type
	}
	return json.Marshal(out)
}

// String writes the name with its kind, control characters escaped.
func (g GeneralName) String() string {
	switch g.Kind {
	case DirectoryName:
		return "directory " + g.Directory.String()
	case OtherName:
		return "other " + g.Type.text() + " " + escape(g.Value)
	}
	return g.Kind.String() + " " + escape(g.Value)
}

func (o Object) text() string {
	if o.Name != "" {
		return o.Name
	}
	return o.OID
}

// maxNames bounds the names of one extension.
const maxNames = 10_000

// generalNames parses names until s is empty.
func (c *Certificate) generalNames(s cryptobyte.String, where string) []GeneralName {
	var all []GeneralName
	for !s.Empty() {
		g, ok := c.generalName(&s, where)
		if !ok || len(all) == maxNames {
			c.problem("the %s cannot be read to its end", where)
			return all
		}
		all = append(all, g)
	}
	return all
}

func (c *Certificate) generalName(s *cryptobyte.String, where string) (GeneralName, bool) {
	var value cryptobyte.String
	var tag asn1.Tag
	if !s.ReadAnyASN1(&value, &tag) {
		return GeneralName{}, false
	}
	g := GeneralName{Kind: NameKind(tag & 0x1f)}
	if tag&0x80 == 0 || int(g.Kind) >= len(nameKinds) {
		return g, false
	}
	switch g.Kind {
	case EmailName, DNSName, URI:
		g.Value = c.checkText(string(value), where)
		if strings.ContainsFunc(g.Value, func(r rune) bool { return r >= 0x80 }) {
			c.problem("a %s name in the %s that is not ASCII: %s", g.Kind, where, certtext.Quote(g.Value))
		}
	case IPAddress:
		g.Value = c.address(value, where)
	case RegisteredID:
		g.Value = oidText(value)
	case DirectoryName:
		g.Directory = c.name(value, where)
	case OtherName:
		g.Type, g.Value = c.otherName(value, where)
	default:
		g.Value = hexText(value)
	}
	return g, true
}

// otherName reads a type and a value in a tag of its own.
func (c *Certificate) otherName(s cryptobyte.String, where string) (Object, string) {
	var oid, wrapped, value cryptobyte.String
	var tag asn1.Tag
	if !s.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !s.ReadASN1(&wrapped, asn1.Tag(0).ContextSpecific().Constructed()) {
		c.problem("an other name in the %s cannot be read", where)
		return Object{}, hexText(s)
	}
	o := Object{OID: oidText(oid)}
	o.Name = otherNames[o.OID]
	whole := wrapped
	if wrapped.ReadAnyASN1(&value, &tag) && wrapped.Empty() {
		if text, ok := decodeText(tag, value); ok {
			return o, c.checkText(text, where)
		}
	}
	return o, hexText(whole)
}

// address reads 4 or 16 bytes, or twice as many for a network.
func (c *Certificate) address(value []byte, where string) string {
	switch len(value) {
	case 4, 16:
		addr, _ := netip.AddrFromSlice(value)
		return addr.String()
	case 8, 32:
		half := len(value) / 2
		addr, _ := netip.AddrFromSlice(value[:half])
		bits, contiguous := maskBits(value[half:])
		if !contiguous {
			mask, _ := netip.AddrFromSlice(value[half:])
			return addr.String() + "/" + mask.String()
		}
		return fmt.Sprintf("%s/%d", addr, bits)
	}
	c.problem("an IP address of %d bytes in the %s", len(value), where)
	return "#" + hexText(value)
}

func maskBits(mask []byte) (int, bool) {
	var b strings.Builder
	for _, m := range mask {
		fmt.Fprintf(&b, "%08b", m)
	}
	bits := strings.Index(b.String()+"0", "0")
	return bits, !strings.Contains(b.String()[bits:], "1")
}
