package suites

import (
	"io"

	"github.com/cloudflare/circl/dh/x448"
)

// x448Exchange is X448 with circl's field arithmetic. RFC 7748; RFC 9846, Section 7.4.2.
type x448Exchange struct{}

type x448Private struct{ key x448.Key }

func (x448Exchange) generate(rand io.Reader) (Private, []byte, error) {
	p := new(x448Private)
	if _, err := io.ReadFull(rand, p.key[:]); err != nil {
		return nil, nil, err
	}
	var public x448.Key
	x448.KeyGen(&public, &p.key)
	return p, public[:], nil
}

func (e x448Exchange) encapsulate(rand io.Reader, share []byte) ([]byte, []byte, error) {
	p, ours, err := e.generate(rand)
	if err != nil {
		return nil, nil, err
	}
	secret, err := p.Decapsulate(share)
	return ours, secret, err
}

// Decapsulate refuses low-order points, whose product is all zero. RFC 9846, Section 7.4.2:
// "implementations MUST check whether the computed Diffie-Hellman shared secret is the
// all-zero value and abort if so".
func (p *x448Private) Decapsulate(share []byte) ([]byte, error) {
	var peer, secret x448.Key
	copy(peer[:], share)
	if !x448.Shared(&secret, &p.key, &peer) {
		return nil, errShare
	}
	return secret[:], nil
}
