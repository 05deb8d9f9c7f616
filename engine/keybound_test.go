package engine

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
)

// costlyKey is an RSA key as large as a certificate message may bring. To
// verify one signature with it takes seconds.
func costlyKey() *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 500_000-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 1<<31 - 1}
}

// TestCostlyKey has a peer show a key whose signature takes seconds to verify,
// where the Verifier lets it pass. The handshake must end before the signature is
// looked at: an error about the signature shows that it was verified.
func TestCostlyKey(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS13, iana.TLS12} {
		for _, role := range []string{"client", "server"} {
			cred := newCredential(t, testcert.NewKey("rsa"))
			cred.Sign = func(*SignRequest) ([]byte, error) { return make([]byte, 500_000/8), nil }
			costly := verifierFunc(func(*PeerCertificate) (crypto.PublicKey, error) {
				return costlyKey(), nil
			})
			client := &config{Verifier: acceptAll{}, MaxVersion: version, ServerName: "example.com"}
			server := &config{Verifier: acceptAll{}, Credentials: []*Credential{newCredential(t, nil)}}
			if role == "client" {
				client.Credentials = []*Credential{cred}
				server.Verifier, server.ClientAuth = costly, RequireClientCert
			} else {
				server.Credentials, client.Verifier = []*Credential{cred}, costly
			}
			c, s := newPair(t, client, server)
			begin := time.Now()
			err := pump(c, s)
			var own *Error
			if !errors.As(err, &own) || own.Fault != FaultCertificate ||
				own.Alert != iana.AlertUnsupportedCertificate {
				t.Errorf("version %v, %s: %v", version, role, err)
			}
			t.Logf("version %v, %s: refused after %v", version, role, time.Since(begin))
		}
	}
}
