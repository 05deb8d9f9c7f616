package measure

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// Limit returns a Side that is no implementation of TLS: the primitives alone. Its
// handshake is the two key pairs and the two shared secrets of a key exchange, a signature
// and its verification; its bulk is sealing and opening a record. A real implementation
// has also to hash, derive keys, parse and compose messages and move bytes.
func Limit() Side { return limit{} }

type limit struct{}

// LimitName is the name of the side that Limit returns.
const LimitName = "primitives"

func (limit) Name() string { return LimitName }

func (limit) Handshakes(h Handshake, d time.Duration) (r Shares, err error) {
	if h.Resume || h.Key != "p256" || h.Chain > 1 {
		return r, errors.ErrUnsupported
	}
	m, err := MaterialFor(h.Key, 1)
	if err != nil {
		return r, err
	}
	group, digest := suites.GroupByID(h.Group), sha256.Sum256(nil)
	pub, scheme := m.Key.Public(), suites.SchemeByID(iana.ECDSAWithP256AndSHA256)
	n := 0.0
	start := time.Now()
	for ; time.Since(start) < d; n++ {
		t0 := time.Now()
		private, share, err := group.Generate(rand.Reader)
		if err != nil {
			return r, err
		}
		t1 := time.Now()
		answer, _, err := group.Encapsulate(rand.Reader, share)
		if err != nil {
			return r, err
		}
		sig, err := scheme.Sign(rand.Reader, m.Key, digest[:])
		if err != nil {
			return r, err
		}
		t2 := time.Now()
		if _, err := group.Decapsulate(private, answer); err != nil {
			return r, err
		}
		if err := scheme.Verify(pub, iana.TLS13, digest[:], sig); err != nil {
			return r, err
		}
		r.Client += float64(t1.Sub(t0)+time.Since(t2)) / 1e3
		r.Server += float64(t2.Sub(t1)) / 1e3
	}
	return Shares{n / time.Since(start).Seconds(), r.Client / n, r.Server / n}, nil
}

func (limit) Bulk(over Transport, d time.Duration) (float64, error) {
	if over != Memory {
		return 0, errors.ErrUnsupported
	}
	aead, err := suites.TLS13(iana.TLS_AES_128_GCM_SHA256).Cipher(make([]byte, 16))
	if err != nil {
		return 0, err
	}
	nonce, data := make([]byte, 12), make([]byte, chunk, chunk+aead.Overhead())
	n := 0.0
	start := time.Now()
	for ; time.Since(start) < d; n++ {
		sealed := aead.Seal(data[:0], nonce, data, nil)
		if _, err := aead.Open(sealed[:0], nonce, sealed, nil); err != nil {
			return 0, err
		}
	}
	return n * chunk / 1e6 / time.Since(start).Seconds(), nil
}

func (limit) Trips(time.Duration) (float64, error) { return 0, errors.ErrUnsupported }
func (limit) FirstByte(Handshake, time.Duration) (float64, error) {
	return 0, errors.ErrUnsupported
}
func (limit) Accepts(time.Duration) (float64, error) { return 0, errors.ErrUnsupported }

func (limit) Cost(Handshake) (c Costs, err error) { return c, errors.ErrUnsupported }
func (limit) Idle(Style, int) (float64, error)    { return 0, errors.ErrUnsupported }
