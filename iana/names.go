// Package iana provides the names of the numbers in the IANA registries of TLS.
// Messages and errors of the other packages therefore print
// TLS_AES_128_GCM_SHA256 and x25519 instead of 0x1301 and 29.
//
// Numbers that this module does not implement have names too, so that an error
// can name what an old peer offered. The Parse functions convert a name to its
// number. They accept the registry's name in any case and the name that OpenSSL
// uses. Their errors list the accepted names.
//
// RFC 9846 is the current text of TLS 1.3, RFC 5246 that of TLS 1.2, RFC 9847
// the current text about the registries.
package iana

import (
	"fmt"
	"strconv"
	"strings"
)

// number constrains the type parameter of a registry.
type number interface{ ~uint8 | ~uint16 }

// A name is a row of a registry. Aliases are separated by spaces.
type name[T number] struct {
	value   T
	name    string
	aliases string
}

// A registry is one table and the words that describe its rows in errors.
// Lookups are linear: a table has a few hundred rows at most, and neither the
// record layer nor a successful handshake looks up a name.
type registry[T number] struct {
	kind string
	rows []name[T]
}

// IsGREASE reports whether a value is one of the reserved GREASE values 0x0a0a,
// 0x1a1a, … 0xfafa, which have no meaning. RFC 8701, Section 2.
func IsGREASE(v uint16) bool {
	return v&0x0f0f == 0x0a0a && v>>8 == v&0xff
}

func (r *registry[T]) text(v T) string {
	for i := range r.rows {
		if r.rows[i].value == v {
			return r.rows[i].name
		}
	}
	if uint16(^T(0)) == 0xff { // registries of one byte show decimal numbers
		return r.kind + " " + strconv.Itoa(int(v))
	}
	if IsGREASE(uint16(v)) {
		return fmt.Sprintf("GREASE 0x%04x", uint16(v))
	}
	return fmt.Sprintf("%s 0x%04x", r.kind, uint16(v))
}

// all returns the values of the registry, in its order.
func (r *registry[T]) all() []T {
	list := make([]T, len(r.rows))
	for i := range r.rows {
		list[i] = r.rows[i].value
	}
	return list
}

// longestText is the longest text that Parse accepts, in bytes. The longest
// name has 45.
const longestText = 64

func (r *registry[T]) parse(text string) (T, error) {
	text = strings.TrimSpace(text)
	if len(text) > longestText {
		return 0, fmt.Errorf("unknown %s %q…: names have at most %d bytes", r.kind, text[:longestText], longestText)
	}
	for i := range r.rows {
		if row := &r.rows[i]; strings.EqualFold(row.name, text) || row.hasAlias(text) {
			return row.value, nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q: %s", r.kind, text, r.advice(text))
}

func (n *name[T]) hasAlias(text string) bool {
	for alias := range strings.FieldsSeq(n.aliases) {
		if strings.EqualFold(alias, text) {
			return true
		}
	}
	return false
}

// advice lists the whole registry if it is short, otherwise the names most
// similar to text.
func (r *registry[T]) advice(text string) string {
	var all []string
	for _, row := range r.rows {
		all = append(all, row.name)
	}
	if len(all) <= 16 {
		return "use one of " + strings.Join(all, ", ")
	}
	best, found := len(text)/2+1, []string(nil)
	for _, row := range r.rows {
		d := distance(text, row.name)
		for alias := range strings.FieldsSeq(row.aliases) {
			d = min(d, distance(text, alias))
		}
		if d < best {
			best, found = d, nil
		}
		if d == best && len(found) < 4 {
			found = append(found, row.name)
		}
	}
	if len(found) == 0 {
		return "for example " + strings.Join(all[:3], ", ")
	}
	return "did you mean " + strings.Join(found, " or ") + "?"
}

// distance returns the number of single-byte edits between a and b, ignoring
// case and separators.
func distance(a, b string) int {
	a, b = plain(a), plain(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

var separators = strings.NewReplacer("_", "", "-", "", " ", "", ".", "", "+", "")

func plain(s string) string { return separators.Replace(strings.ToLower(s)) }
