package trust

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// preparedSet returns a relative name in the form in which it is compared: its
// attributes in an order of their own, since they are a set.
func preparedSet(set cryptobyte.String) ([]byte, bool) {
	var all []string
	for !set.Empty() {
		var pair, oid, value cryptobyte.String
		var tag asn1.Tag
		if !set.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!pair.ReadAnyASN1(&value, &tag) || !pair.Empty() {
			return nil, false
		}
		var one cryptobyte.Builder
		one.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
		if text, ok := decodeAnyText(tag, value); ok {
			tag, value = asn1.UTF8String, []byte(prepare(string(text)))
		}
		one.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(value) })
		bytes, err := one.Bytes()
		if err != nil {
			return nil, false
		}
		all = append(all, string(bytes))
	}
	slices.Sort(all)
	return []byte(strings.Join(all, "")), true
}

// The string types that OpenSSL's canonical form leaves alone.
const (
	tagNumericString   = asn1.Tag(18)
	tagVisibleString   = asn1.Tag(26)
	tagUniversalString = asn1.Tag(28)
)

// decodeAnyText returns a string of any type of X.520 as UTF-8.
func decodeAnyText(tag asn1.Tag, value []byte) ([]byte, bool) {
	switch tag {
	case tagNumericString, tagVisibleString:
		return value, true
	case tagUniversalString:
		if len(value)%4 != 0 {
			return nil, false
		}
		var out []byte
		for ; len(value) > 0; value = value[4:] {
			r := uint32(value[0])<<24 | uint32(value[1])<<16 | uint32(value[2])<<8 | uint32(value[3])
			out = utf8.AppendRune(out, rune(min(r, utf8.MaxRune+1)))
		}
		return out, true
	}
	return decodeText(tag, value)
}

// prepare is string preparation for comparing without regard to case: RFC 5280,
// Section 7.1, with RFC 4518, Section 2. It maps characters (2.2), folds case and
// normalizes to form KC (2.3), and makes runs of spaces one, without any at the ends
// (2.6.1).
func prepare(text string) string {
	if !isASCII(text) {
		text = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.Map(mapped, text))))
	}
	return strings.ToLower(strings.Join(strings.Fields(strings.Map(mapped, text)), " "))
}

// mapped follows RFC 4518, Section 2.2: controls and invisible marks are left out,
// and separators are spaces.
func mapped(r rune) rune {
	switch {
	case '\t' <= r && r <= '\r', r == 0x85, unicode.Is(unicode.Z, r):
		return ' '
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r),
		unicode.Is(unicode.Variation_Selector, r), r == 0x034f, r == 0x1806, r == 0xfffc:
		return -1
	}
	return r
}
