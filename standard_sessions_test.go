package sealsock_test

import (
	"crypto/tls"
	"testing"

	"github.com/sealsock/sealsock"
)

// TestFromStandardKeepsTicketKeys: a ticket allocates the same with one key of
// SetSessionTicketKeys as with many, of which each computes its AEAD once.
func TestFromStandardKeepsTicketKeys(t *testing.T) {
	_, sc := newConfigs(t)
	std := &tls.Config{Certificates: []tls.Certificate{{
		Certificate: sc.Identities[0].Chain, PrivateKey: sc.Identities[0].Signer,
	}}}
	keys := make([][32]byte, 32)
	for i := range keys {
		keys[i][0] = byte(i + 1)
	}
	std.SetSessionTicketKeys(keys)
	cfg, err := sealsock.FromStandard(std)
	if err != nil {
		t.Fatal(err)
	}
	unknown := make([]byte, 100)
	count := func(keys [][32]byte) float64 {
		std.SetSessionTicketKeys(keys)
		return testing.AllocsPerRun(100, func() {
			if s, err := cfg.Tickets.Redeem(unknown); s != nil || err != nil {
				t.Errorf("%v, %v", s, err)
			}
		})
	}
	if one, many := count(keys[:1]), count(keys); one != many {
		t.Errorf("%v allocations with one key, %v with %d", one, many, len(keys))
	}
}
