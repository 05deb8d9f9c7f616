package interop

import (
	"fmt"
	"slices"
)

// everyProgram lists the programs of both versions.
func everyProgram() []*program {
	all := slices.Clone(programs)
	for _, p := range programs12 {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// text12 returns the part of docs/interop.md about TLS 1.2.
func (r *table) text12() string {
	return fmt.Sprintf(intro12, len(suites12)) + r.grid(programs12, scenarios12)
}

const intro12 = `
## TLS 1.2

The same for TLS 1.2: all %d suites, every curve and every signature of the
engine. The other program has TLS 1.2 alone and the library both versions, but in
the row about the range, where it is the other way round. Extended master secret
is in every row but the one without it. A resumed connection is the second of two.
Where a second handshake is asked for, the connection ends with no_renegotiation,
and the program ends, or goes on to the next client. curl and seal speak through
the same libraries as OpenSSL and this one, and have no column. Botan is here for
the suites that none of the others has.
`
