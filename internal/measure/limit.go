package measure

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// Limit returns a Side that is no implementation of TLS: the primitives alone. Its
// handshake is the two key pairs and the two shared secrets of a key exchange, a signature
// and its verification; its bulk is sealing records, moving them through the same connection in
// memory as those of an implementation, and opening them. A real implementation has also to hash,
// derive keys, parse and compose messages. Over TCP it is a connection without encryption.
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

// Bulk seals from one buffer to another and opens to a third, since Write must not change what it
// is given, and Read returns data in memory of its caller.
func (limit) Bulk(over Transport, d time.Duration) (float64, error) {
	switch over {
	case Alone:
		return bulkAlone(d)
	case Loopback, Copied:
		return plain.Bulk(over, d)
	}
	aead, nonce, err := bulkCipher()
	if err != nil {
		return 0, err
	}
	x := newExchange(false)
	near, far := x.end(clientEnd), x.end(serverEnd)
	defer far.Close()
	start := time.Now()
	go func() {
		defer near.Close()
		data, sealed := make([]byte, chunk), make([]byte, 0, chunk+aead.Overhead())
		for time.Since(start) < d {
			near.Write(aead.Seal(sealed, nonce, data, nil))
		}
	}()
	size, data := chunk+aead.Overhead(), make([]byte, 0, chunk)
	n, err := 0.0, error(nil)
	for buf, w := make([]byte, readAtOnce*size), 0; err == nil; {
		m := 0
		m, err = far.Read(buf[w:])
		r := 0
		for w += m; w-r >= size; r += size {
			if _, err := aead.Open(data, nonce, buf[r:r+size], nil); err != nil {
				return 0, err
			}
			n++
		}
		w = copy(buf, buf[r:w])
	}
	if err != io.EOF {
		return 0, err
	}
	return n * chunk / 1e6 / time.Since(start).Seconds(), nil
}

// plain is TCP without encryption.
var plain = &stack{ready: func(Handshake) (*ends, error) {
	end := func(raw net.Conn) (conn, func() error, error) {
		return raw.(*net.TCPConn), func() error { return nil }, nil
	}
	return &ends{client: end, server: end}, nil
}}

// readAtOnce is how many records are read at once.
const readAtOnce = 4

// bulkCipher returns the AEAD of bulk data and a nonce.
func bulkCipher() (aead cipher.AEAD, nonce []byte, err error) {
	aead, err = suites.TLS13(iana.TLS_AES_128_GCM_SHA256).Cipher(make([]byte, 16))
	return aead, make([]byte, 12), err
}

// bulkAlone is Bulk without the connection: the AEAD in place, in memory that stays in the cache.
func bulkAlone(d time.Duration) (float64, error) {
	aead, nonce, err := bulkCipher()
	if err != nil {
		return 0, err
	}
	data := make([]byte, chunk, chunk+aead.Overhead())
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

func (limit) Trips(d time.Duration) (float64, error) { return plain.Trips(d) }

func (limit) FirstByte(Handshake, time.Duration) (float64, error) {
	return 0, errors.ErrUnsupported
}
func (limit) Accepts(time.Duration) (float64, error) { return 0, errors.ErrUnsupported }

func (limit) Cost(Handshake) (c Costs, err error) { return c, errors.ErrUnsupported }
func (limit) Idle(Style, int) (float64, error)    { return 0, errors.ErrUnsupported }
