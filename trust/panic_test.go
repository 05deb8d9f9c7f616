package trust

import (
	"crypto/x509"
	"testing"
)

// TestFetcherPanics: a panic of a Fetcher continues where a peer is verified, which recovers from
// it, and does not end the process. Later peers have it too, as they have the same answer.
func TestFetcherPanics(t *testing.T) {
	h := newHouse(t, server("example.org"),
		func(c *x509.Certificate) { c.OCSPServer = []string{"http://ocsp.test/"} })
	p := Policy{Roots: rootsOf(t, h.root), Revocation: &Revocation{Mode: RevocationPrefer,
		Fetcher: answers(func() []byte { panic("broken") })}}
	for i := range 2 {
		func() {
			defer func() {
				if v := recover(); v != "broken" {
					t.Errorf("peer %d: %v", i, v)
				}
			}()
			_, err := p.Verify(t.Context(), h.peer())
			t.Errorf("peer %d: %v", i, err)
		}()
	}
}
