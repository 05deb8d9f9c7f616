package probe

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
)

// A server that refuses RSA key exchange now and then has not answered whether it tells paddings
// apart: neither if it refuses one of them, nor if it refuses all when they are sent again.
func TestROBOTUnsteady(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	isRSA := func(s iana.CipherSuite) bool { return strings.HasPrefix(s.String(), "TLS_RSA_WITH_") }
	for _, robot := range []bool{false, true} {
		f := flawedServer{leaf: leaf, robot: robot}
		var mu sync.Mutex
		var first []byte
		asked := 0
		r := scanMeddled(t, listen(t, f.serve), ca, func(sent []byte) error {
			h := helloIn(sent)
			if h == nil || slices.ContainsFunc(h.CipherSuites, func(s iana.CipherSuite) bool {
				return !isRSA(s)
			}) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = bytes.Clone(sent)
			}
			asked++
			if !robot && bytes.Equal(sent, first) || robot && asked > len(paddings) {
				return io.EOF
			}
			return nil
		})
		if got := verdict(r, "ROBOT"); got != "unknown" || !slices.Contains(r.Open, "ROBOT") {
			t.Errorf("robot: %v: %q, open %q, grade %s", robot, got, r.Open, r.Grade)
		}
	}
}
