package trust

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/linked"
)

// preparedSet returns a relative name in the form in which it is compared: its
// attributes in an order of their own, since they are a set. It is not folded if it needs
// tables of Unicode that the program has not linked (package idn).
func preparedSet(set cryptobyte.String) (prepared []byte, folded, ok bool) {
	folded = true
	var all []string
	for !set.Empty() {
		var pair, oid, value cryptobyte.String
		var tag asn1.Tag
		if !set.ReadASN1(&pair, asn1.SEQUENCE) || !pair.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!pair.ReadAnyASN1(&value, &tag) || !pair.Empty() {
			return nil, false, false
		}
		var one cryptobyte.Builder
		one.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oid) })
		if isText(tag) {
			text, ok := decodeAnyText(tag, value)
			if !ok {
				return nil, false, false
			}
			folded = folded && (linked.FoldCase != nil || isASCII(string(text)))
			tag, value = asn1.UTF8String, []byte(prepare(string(text)))
		}
		one.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(value) })
		bytes, err := one.Bytes()
		if err != nil {
			return nil, false, false
		}
		all = append(all, string(bytes))
	}
	slices.SortFunc(all, strings.Compare) // which every program links
	return []byte(strings.Join(slices.Compact(all), "")), folded, true
}

// The string types that OpenSSL's canonical form leaves alone.
const (
	tagNumericString   = asn1.Tag(18)
	tagVisibleString   = asn1.Tag(26)
	tagUniversalString = asn1.Tag(28)
)

// isText reports whether a tag is that of a type of X.520's DirectoryString, or of
// another type that holds text.
func isText(tag asn1.Tag) bool {
	switch tag {
	case asn1.UTF8String, asn1.PrintableString, asn1.IA5String, asn1.T61String, tagBMPString,
		tagNumericString, tagVisibleString, tagUniversalString, asn1.GeneralString:
		return true
	}
	return false
}

// decodeAnyText returns a string of any type of X.520 as UTF-8. It refuses what has
// characters that its type does not have, such as surrogates in a BMPString: other
// programs read them in different ways.
func decodeAnyText(tag asn1.Tag, value []byte) ([]byte, bool) {
	switch tag {
	case tagBMPString:
		return decodeUnits(value, 2)
	case tagUniversalString:
		return decodeUnits(value, 4)
	case asn1.T61String:
		return decodeText(tag, value)
	}
	return value, utf8.Valid(value)
}

// decodeUnits decodes characters of size bytes each.
func decodeUnits(value []byte, size int) ([]byte, bool) {
	var out []byte
	for ; len(value) >= size; value = value[size:] {
		r := uint32(0)
		for _, b := range value[:size] {
			r = r<<8 | uint32(b)
		}
		if r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return nil, false
		}
		out = utf8.AppendRune(out, rune(r))
	}
	return out, len(value) == 0
}

// prepare is string preparation for comparing without regard to case: RFC 5280,
// Section 7.1, with RFC 4518, Section 2. It maps characters (2.2), folds case and
// normalizes to form KC (2.3), and makes runs of spaces one, without any at the ends
// (2.6.1).
func prepare(text string) string {
	if !isASCII(text) && linked.FoldCase != nil {
		text = linked.FoldCase(strings.Map(mapped, text))
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
