// Package idn links the tables of Unicode that package trust needs for names that are not
// ASCII: DNS names in Unicode, and directory names in the name constraints of authorities.
// Import it for that effect alone:
//
//	import _ "github.com/sealsock/sealsock/trust/idn"
//
// Without it, package trust refuses such names with an error that names this package. It
// takes the A-labels of a DNS name (xn--…) as they are then, and with this package checks that
// they are valid (UTS 46, RFC 5891).
package idn

import (
	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/sealsock/sealsock/internal/linked"
)

func init() {
	linked.ToASCII = idna.Lookup.ToASCII
	linked.FoldCase = func(text string) string {
		return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(text)))
	}
}
