package measure

import (
	"crypto/rand"
	"errors"
	"hash"
	"slices"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// A shape is the cryptography of a full handshake of TLS 1.3, and the first byte of the server, on
// messages of the usual lengths, which nothing composes or parses: random values, the key exchange,
// the transcript, the key schedule, a signature and its verification, records. RFC 9846.
type shape struct {
	material *Material
	group    *suites.Group
	suite    *suites.Suite
	scheme   *suites.Scheme

	clientHello, serverHello []byte // without their shares
	extensions, certificate  []byte
	client, server           shapeEnd
}

// A shapeEnd is one end of a shape.
type shapeEnd struct {
	transcript        hash.Hash
	handshake         keys.HandshakeSecret
	fromClient        keys.TrafficSecret // of the handshake
	fromServer        keys.TrafficSecret
	dataFromClient    keys.TrafficSecret
	dataFromServer    keys.TrafficSecret
	sealer            *record.Sealer13
	opener            *record.Opener13
	sum               [32]byte
	verifyData        [32]byte
	signed, out, body []byte
}

var errShape = errors.New("the two ends of the limit do not agree")

// Lengths in bytes of what sealsock sends, without key shares and certificates.
const (
	helloLen      = 230
	answerLen     = 90
	extensionsLen = 10
)

func newShape(h Handshake) (*shape, error) {
	if h.Resume || h.Key != "p256" || h.Chain > 1 {
		return nil, errors.ErrUnsupported
	}
	m, err := MaterialFor(h.Key, 1)
	if err != nil {
		return nil, err
	}
	return &shape{
		material: m, group: suites.GroupByID(h.Group),
		suite:       suites.TLS13(iana.TLS_AES_128_GCM_SHA256),
		scheme:      suites.SchemeByID(iana.ECDSAWithP256AndSHA256),
		clientHello: make([]byte, helloLen), serverHello: make([]byte, answerLen),
		extensions: make([]byte, extensionsLen), certificate: slices.Concat(m.Chain...),
	}, nil
}

// handshake makes one handshake and returns how long each end took.
func (s *shape) handshake() (client, server time.Duration, err error) {
	t0 := time.Now()
	private, share, err := s.hello()
	if err != nil {
		return 0, 0, err
	}
	t1 := time.Now()
	answer, signature, err := s.answer(share)
	if err != nil {
		return 0, 0, err
	}
	t2 := time.Now()
	if err := s.finish(private, answer, signature); err != nil {
		return 0, 0, err
	}
	t3 := time.Now()
	if err := s.open(); err != nil {
		return 0, 0, err
	}
	t4 := time.Now()
	_, data, err := s.client.opener.Open(s.server.out)
	if err == nil && len(data) != 1 {
		err = errShape
	}
	return t1.Sub(t0) + t3.Sub(t2) + time.Since(t4), t2.Sub(t1) + t4.Sub(t3), err
}

// hello is the client's first flight.
func (s *shape) hello() (suites.Private, []byte, error) {
	rand.Read(s.clientHello[:64]) // random and legacy_session_id
	private, share, err := s.group.Generate(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	s.client.begin(s, share)
	return private, share, nil
}

// answer is the server's flight. It returns its share and its signature.
func (s *shape) answer(share []byte) (answer, signature []byte, err error) {
	e := &s.server
	e.begin(s, share)
	rand.Read(s.serverHello[:32])
	answer, secret, err := s.group.Encapsulate(rand.Reader, share)
	if err != nil {
		return nil, nil, err
	}
	e.enter(s, answer, secret)
	if err := e.keys(s.suite, e.fromServer, e.fromClient); err != nil {
		return nil, nil, err
	}
	content := e.signedContent(s)
	if signature, err = s.scheme.Sign(rand.Reader, s.material.Key, content); err != nil {
		return nil, nil, err
	}
	e.transcript.Write(signature)
	verify := e.fromServer.Finished(e.verifyData[:0], e.hash())
	e.transcript.Write(verify)
	e.body = append(append(e.body[:0], s.extensions...), s.certificate...)
	e.body = append(append(e.body, signature...), verify...)
	if e.out, err = e.sealer.Seal(e.out[:0], iana.ContentHandshake, e.body, 0); err != nil {
		return nil, nil, err
	}
	e.master()
	e.sealer.Drop()
	e.sealer, err = record.NewSealer13(s.suite, e.dataFromServer)
	return answer, signature, err
}

// finish is the client's second flight.
func (s *shape) finish(private suites.Private, answer, signature []byte) error {
	e := &s.client
	secret, err := s.group.Decapsulate(private, answer)
	if err != nil {
		return err
	}
	e.enter(s, answer, secret)
	if err := e.keys(s.suite, e.fromClient, e.fromServer); err != nil {
		return err
	}
	_, flight, err := e.opener.Open(s.server.out)
	if err != nil {
		return err
	}
	pub, content := s.material.Key.Public(), e.signedContent(s)
	if err := s.scheme.Verify(pub, iana.TLS13, content, signature); err != nil {
		return err
	}
	e.transcript.Write(signature)
	verify := e.fromServer.Finished(e.verifyData[:0], e.hash())
	if !keys.Equal(verify, flight[len(flight)-len(verify):]) {
		return errShape
	}
	e.transcript.Write(verify)
	master := e.master()
	own := e.fromClient.Finished(e.verifyData[:0], e.sum[:])
	if e.out, err = e.sealer.Seal(e.out[:0], iana.ContentHandshake, own, 0); err != nil {
		return err
	}
	e.transcript.Write(own)
	master.Resumption(e.hash())
	e.sealer.Drop()
	e.opener.Drop()
	return e.keys(s.suite, e.dataFromClient, e.dataFromServer)
}

// open is the rest of the server's handshake, and its first byte.
func (s *shape) open() error {
	e := &s.server
	_, verify, err := e.opener.Open(s.client.out)
	if err != nil {
		return err
	}
	if !keys.Equal(verify, e.fromClient.Finished(e.verifyData[:0], e.sum[:])) {
		return errShape
	}
	e.opener.Drop()
	if e.opener, err = record.NewOpener13(s.suite, e.dataFromClient); err != nil {
		return err
	}
	e.out, err = e.sealer.Seal(e.out[:0], iana.ContentApplicationData, []byte{1}, 0)
	return err
}

// begin hashes the ClientHello.
func (e *shapeEnd) begin(s *shape, share []byte) {
	e.transcript = s.suite.Hash.New()
	e.transcript.Write(s.clientHello)
	e.transcript.Write(share)
}

// enter hashes the ServerHello and derives the secrets of the handshake.
func (e *shapeEnd) enter(s *shape, share, secret []byte) {
	e.transcript.Write(s.serverHello)
	e.transcript.Write(share)
	e.handshake = keys.NewEarlySecret(s.suite.Hash, nil).Handshake(secret)
	e.fromClient, e.fromServer = e.handshake.Traffic(e.hash())
}

// signedContent hashes what is in front of the signature and returns what is signed.
func (e *shapeEnd) signedContent(s *shape) []byte {
	const context = 64 + len("TLS 1.3, server CertificateVerify\x00")
	e.transcript.Write(s.extensions)
	e.transcript.Write(s.certificate)
	e.signed = append(slices.Grow(e.signed[:0], context)[:context], e.hash()...)
	return e.signed
}

// master derives the secrets of application data.
func (e *shapeEnd) master() keys.MasterSecret {
	m := e.handshake.Master()
	e.dataFromClient, e.dataFromServer = m.Traffic(e.hash())
	m.Exporter(e.sum[:])
	return m
}

// keys makes the keys of both directions.
func (e *shapeEnd) keys(suite *suites.Suite, own, peer keys.TrafficSecret) (err error) {
	if e.sealer, err = record.NewSealer13(suite, own); err != nil {
		return err
	}
	e.opener, err = record.NewOpener13(suite, peer)
	return err
}

func (e *shapeEnd) hash() []byte { return e.transcript.Sum(e.sum[:0]) }
