package measure

import (
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/suites"
)

// Limit returns a Side that is no implementation of TLS: the primitives alone. Its handshake is all
// the cryptography of one at both ends, on messages that nothing composes or parses; its bulk is
// sealing and opening records. The bytes of both pass the same connection in memory as those of an
// implementation. Over TCP it is a connection without encryption.
func Limit() Side { return limit{} }

type limit struct{}

// LimitName is the name of the side that Limit returns.
const LimitName = "primitives"

func (limit) Name() string { return LimitName }

func (limit) Handshakes(h Handshake, d time.Duration) (Shares, error) {
	return shapes.Handshakes(h, d)
}

// shapes has the handshakes of the limit.
var shapes = &stack{ready: readyShape}

// exchanges is Handshakes without what costs little: two key pairs, two shared secrets, a signature
// and its verification.
func (limit) exchanges(h Handshake, d time.Duration) (float64, error) {
	s, err := newShape(h)
	if err != nil {
		return 0, err
	}
	content := make([]byte, 130)
	n := 0.0
	start := time.Now()
	for ; time.Since(start) < d; n++ {
		private, share, err := s.group.Generate(rand.Reader)
		if err != nil {
			return 0, err
		}
		answer, _, err := s.group.Encapsulate(rand.Reader, share)
		if err != nil {
			return 0, err
		}
		if _, err := s.group.Decapsulate(private, answer); err != nil {
			return 0, err
		}
		signature, err := s.scheme.Sign(rand.Reader, s.material.Key, content)
		if err != nil {
			return 0, err
		}
		pub := s.material.Key.Public()
		if err := s.scheme.Verify(pub, iana.TLS13, content, signature); err != nil {
			return 0, err
		}
	}
	return n / time.Since(start).Seconds(), nil
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
