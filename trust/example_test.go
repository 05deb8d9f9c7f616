package trust_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/sealsock/sealsock/trust"
)

// A policy with roots of its own verifies a peer of a handshake.
func ExamplePolicy_Verify() {
	chain := selfSigned("printer.lan")
	roots := new(trust.Roots)
	if err := roots.AddDER(chain[0]); err != nil {
		fmt.Println(err)
		return
	}
	policy := trust.Policy{Roots: roots}

	result, err := policy.Verify(context.Background(), &trust.Peer{Server: true, Name: "printer.lan", Chain: chain})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("accepted as", result.Name)

	_, err = policy.Verify(context.Background(), &trust.Peer{Server: true, Name: "scanner.lan", Chain: chain})
	var refusal *trust.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal)
		fmt.Println("alert:", refusal.Alert())
	}
	// Output:
	// accepted as printer.lan
	// certificate "printer.lan" is for another name: expected "scanner.lan", got "printer.lan"
	// alert: bad_certificate
}

func selfSigned(name string) [][]byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{name},
	}
	c.Subject.CommonName = name
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return [][]byte{der}
}
