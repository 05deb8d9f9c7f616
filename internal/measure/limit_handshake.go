package measure

import (
	"crypto/rand"
	"errors"
	"hash"
	"io"
	"net"
	"slices"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
)

// A shape is the cryptography of a full handshake of TLS 1.3 and of the server's first byte, on
// messages of the usual lengths, which nothing composes or parses: random values, the key exchange,
// the transcript, the key schedule, a signature and its verification, records. RFC 9846. Its bytes
// pass a connection, as those of an implementation do. Its memory is used for each handshake.
type shape struct {
	material *Material
	group    *suites.Group
	suite    *suites.Suite
	scheme   *suites.Scheme

	clientHello, serverHello []byte // with room for their shares behind them
	extensions, certificate  []byte
	client, server           shapeEnd
}

// A shapeEnd is one end of a shape. Data is read and written by the end that the implementations
// have, of one byte.
type shapeEnd struct {
	net.Conn          // that everything passes
	shape             *shape
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
	in                []byte
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
	group := suites.GroupByID(h.Group)
	s := &shape{
		material: m, group: group,
		suite:       suites.TLS13(iana.TLS_AES_128_GCM_SHA256),
		scheme:      suites.SchemeByID(iana.ECDSAWithP256AndSHA256),
		clientHello: make([]byte, helloLen, helloLen+group.ClientLen),
		serverHello: make([]byte, answerLen, answerLen+group.ServerLen),
		extensions:  make([]byte, extensionsLen), certificate: slices.Concat(m.Chain...),
	}
	s.client = shapeEnd{shape: s, in: make([]byte, 8192)}
	s.server = shapeEnd{shape: s, in: make([]byte, 8192)}
	return s, nil
}

// readyShape makes the ends of a stack of shapes.
func readyShape(h Handshake) (*ends, error) {
	s, err := newShape(h)
	if err != nil {
		return nil, err
	}
	connect, accept := s.client.connect, s.server.accept
	return &ends{
		client: func(raw net.Conn) (conn, func() error, error) {
			s.client.Conn = raw
			return &s.client, connect, nil
		},
		server: func(raw net.Conn) (conn, func() error, error) {
			s.server.Conn = raw
			return &s.server, accept, nil
		},
	}, nil
}

// connect is the client's handshake.
func (e *shapeEnd) connect() error {
	s := e.shape
	rand.Read(s.clientHello[:64]) // random and legacy_session_id
	private, share, err := s.group.Generate(rand.Reader)
	if err != nil {
		return err
	}
	hello := append(s.clientHello, share...)
	e.begin(hello)
	if _, err := e.Conn.Write(hello); err != nil {
		return err
	}
	answer := answerLen + s.group.ServerLen
	b, err := e.receive(answer)
	if err != nil {
		return err
	}
	secret, err := s.group.Decapsulate(private, b[answerLen:answer])
	if err != nil {
		return err
	}
	e.enter(b[:answer], secret)
	if err := e.keys(e.fromClient, e.fromServer); err != nil {
		return err
	}
	if err := e.check(b[answer:]); err != nil {
		return err
	}
	return e.finish()
}

// check opens the server's flight and checks its signature and its Finished.
func (e *shapeEnd) check(rec []byte) error {
	s := e.shape
	_, flight, err := e.opener.Open(rec)
	if err != nil {
		return err
	}
	front, verified := len(s.extensions)+len(s.certificate), len(flight)-len(e.verifyData)
	if verified < front {
		return errShape
	}
	content := e.signedContent(flight[:front])
	signature, pub := flight[front:verified], s.material.Key.Public()
	if err := s.scheme.Verify(pub, iana.TLS13, content, signature); err != nil {
		return err
	}
	e.transcript.Write(signature)
	verify := e.fromServer.Finished(e.verifyData[:0], e.hash())
	if !keys.Equal(verify, flight[verified:]) {
		return errShape
	}
	e.transcript.Write(verify)
	return nil
}

// finish is the client's second flight.
func (e *shapeEnd) finish() error {
	master := e.master()
	own := e.fromClient.Finished(e.verifyData[:0], e.sum[:])
	if err := e.send(nil, iana.ContentHandshake, own); err != nil {
		return err
	}
	e.transcript.Write(own)
	master.Resumption(e.hash())
	e.sealer.Drop()
	e.opener.Drop()
	return e.keys(e.dataFromClient, e.dataFromServer)
}

// accept is the server's handshake.
func (e *shapeEnd) accept() error {
	s := e.shape
	hello, err := e.read(helloLen + s.group.ClientLen)
	if err != nil {
		return err
	}
	e.begin(hello)
	rand.Read(s.serverHello[:32])
	share, secret, err := s.group.Encapsulate(rand.Reader, hello[helloLen:])
	if err != nil {
		return err
	}
	answer := append(s.serverHello, share...)
	e.enter(answer, secret)
	if err := e.keys(e.fromServer, e.fromClient); err != nil {
		return err
	}
	e.body = append(append(e.body[:0], s.extensions...), s.certificate...)
	signature, err := s.scheme.Sign(rand.Reader, s.material.Key, e.signedContent(e.body))
	if err != nil {
		return err
	}
	e.transcript.Write(signature)
	verify := e.fromServer.Finished(e.verifyData[:0], e.hash())
	e.transcript.Write(verify)
	e.body = append(append(e.body, signature...), verify...)
	if err := e.send(answer, iana.ContentHandshake, e.body); err != nil {
		return err
	}
	e.master()
	e.sealer.Drop()
	if e.sealer, err = record.NewSealer13(s.suite, e.dataFromServer); err != nil {
		return err
	}
	return e.end()
}

// end checks the client's Finished.
func (e *shapeEnd) end() error {
	rec, err := e.receive(0)
	if err != nil {
		return err
	}
	_, verify, err := e.opener.Open(rec)
	if err != nil {
		return err
	}
	if !keys.Equal(verify, e.fromClient.Finished(e.verifyData[:0], e.sum[:])) {
		return errShape
	}
	e.opener.Drop()
	e.opener, err = record.NewOpener13(e.shape.suite, e.dataFromClient)
	return err
}

// begin hashes the ClientHello.
func (e *shapeEnd) begin(hello []byte) {
	e.transcript = e.shape.suite.Hash.New()
	e.transcript.Write(hello)
}

// enter hashes the ServerHello and derives the secrets of the handshake.
func (e *shapeEnd) enter(answer, secret []byte) {
	e.transcript.Write(answer)
	e.handshake = keys.NewEarlySecret(e.shape.suite.Hash, nil).Handshake(secret)
	e.fromClient, e.fromServer = e.handshake.Traffic(e.hash())
}

// signedContent hashes what is in front of the signature and returns what is signed.
func (e *shapeEnd) signedContent(front []byte) []byte {
	const context = 64 + len("TLS 1.3, server CertificateVerify\x00")
	e.transcript.Write(front)
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
func (e *shapeEnd) keys(own, peer keys.TrafficSecret) (err error) {
	if e.sealer, err = record.NewSealer13(e.shape.suite, own); err != nil {
		return err
	}
	e.opener, err = record.NewOpener13(e.shape.suite, peer)
	return err
}

func (e *shapeEnd) hash() []byte { return e.transcript.Sum(e.sum[:0]) }

// send sends what is in front of a record, and the record.
func (e *shapeEnd) send(front []byte, typ iana.ContentType, payload []byte) (err error) {
	if e.out, err = e.sealer.Seal(append(e.out[:0], front...), typ, payload, 0); err != nil {
		return err
	}
	_, err = e.Conn.Write(e.out)
	return err
}

// read reads n bytes.
func (e *shapeEnd) read(n int) ([]byte, error) {
	_, err := io.ReadFull(e.Conn, e.in[:n])
	return e.in[:n], err
}

// receive reads n bytes and the record behind them, as much at once as there is.
func (e *shapeEnd) receive(n int) ([]byte, error) {
	need := n + record.HeaderLen
	for have := 0; ; {
		m, err := e.Conn.Read(e.in[have:])
		if err != nil {
			return nil, err
		}
		if have += m; have < need {
			continue
		}
		h, _ := record.ParseHeader(e.in[n:have])
		if need = n + record.HeaderLen + h.Length; have >= need || need > len(e.in) {
			return e.in[:min(need, have)], nil
		}
	}
}

// Read reads a record.
func (e *shapeEnd) Read(p []byte) (int, error) {
	rec, err := e.receive(0)
	if err != nil {
		return 0, err
	}
	_, data, err := e.opener.Open(rec)
	return copy(p, data), err
}

// Write writes a record.
func (e *shapeEnd) Write(p []byte) (int, error) {
	return len(p), e.send(nil, iana.ContentApplicationData, p)
}

// CloseWrite does nothing: the end of a shape is nothing's end.
func (*shapeEnd) CloseWrite() error { return nil }
