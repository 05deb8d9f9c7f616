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
engine. The other program enables only TLS 1.2 and the library both versions,
except in the row about the range, where it is the reverse. Every row except one
uses extended master secret. A resumed connection is the second of two. After a
request for renegotiation the engine sends the warning no_renegotiation and ends
the connection with handshake_failure, and the program ends or continues with
the next client. curl and seal use the same
libraries as OpenSSL and this project, and have no column. Botan is listed for
the suites that no other program supports.
`
