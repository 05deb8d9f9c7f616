package address

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/internal/endpoint"
)

// A Scheme describes one scheme that Parse accepts.
type Scheme struct {
	Name    string // without "://"
	Example string // text that Parse accepts
	Meaning string // one line for a usage text
}

// Schemes returns the schemes that Parse accepts in this program, sorted by name.
func Schemes() []Scheme {
	names := make([]string, 0, len(endpoint.Forms))
	for name := range endpoint.Forms {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare) // which every program links
	all := make([]Scheme, 0, len(names))
	for _, name := range names {
		f := endpoint.Forms[name]
		all = append(all, Scheme{name, f.Example, f.Meaning})
	}
	return all
}

// elsewhere maps schemes of other protocols to their default ports, for the
// error that a pasted URL causes.
var elsewhere = map[string]string{"http": "80", "tls": "443", "ssl": "443"}

func unknownScheme(text, scheme, rest string) *Error {
	e := &Error{Text: text, Problem: fmt.Sprintf("the scheme %q is not known", scheme)}
	if slices.Contains(endpoint.Elsewhere, scheme) {
		e.Problem = fmt.Sprintf("this program has no package for the scheme %q", scheme)
		e.Hint = `import _ "github.com/sealsock/sealsock/address/all"`
		return e
	}
	if port, ok := elsewhere[scheme]; ok {
		host, _, _ := strings.Cut(rest, "/")
		if _, _, err := endpoint.SplitPort(host); err != nil && host != "" {
			host += ":" + port
		}
		e.Hint = "write host:port"
		if host != "" {
			e.Hint = fmt.Sprintf("did you mean %s?", host)
		}
		return e
	}
	if near := nearest(scheme); near != "" {
		e.Hint = fmt.Sprintf("did you mean %s://%s?", near, rest)
		return e
	}
	names := make([]string, 0, len(endpoint.Forms))
	for _, s := range Schemes() {
		names = append(names, s.Name)
	}
	e.Hint = "known schemes: " + strings.Join(names, ", ")
	return e
}

// nearest returns the known scheme at most two edits away from a mistyped one, or one
// from a short one, or "". For smtp it is smtps.
func nearest(scheme string) string {
	if _, ok := endpoint.Forms[scheme+"s"]; ok {
		return scheme + "s"
	}
	best, least := "", 3
	if len(scheme) <= 4 {
		least = 2
	}
	for _, s := range Schemes() {
		if d := distance(scheme, s.Name); d < least && d < len(scheme) {
			best, least = s.Name, d
		}
	}
	return best
}

// distance returns the number of insertions, deletions, substitutions and
// transpositions between two words of at most 32 bytes.
func distance(a, b string) int {
	if len(a) > 32 || len(b) > 32 {
		return 32
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
