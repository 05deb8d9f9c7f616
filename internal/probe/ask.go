package probe

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// An offer is the content of one ClientHello.
type offer struct {
	version  iana.Version   // legacy_version; TLS 1.2 for TLS 1.3
	versions []iana.Version // supported_versions; nil for TLS 1.2 and older
	suites   []iana.CipherSuite
	groups   []iana.NamedGroup
	schemes  []iana.SignatureScheme
	alpn     []string
	noShares bool // TLS 1.3: send no key share, so that the server names a group
	padTo    int  // bytes that the message has at least
	split    bool // send the message in two records
	change   func(*wire.ClientHello)
}

// An answer is what the server sent to one ClientHello.
type answer struct {
	hello    *wire.ServerHello // nil if the server refused
	version  iana.Version      // negotiated
	messages map[iana.HandshakeType][]byte
	alert    iana.Alert // if alerted
	alerted  bool
	closed   bool // the server closed the connection without an alert
	dropped  bool // the server drops what was asked: see insist
	// cut is why a flight before TLS 1.3 has no end: what is not in it may have been left out,
	// or may have been to come.
	cut error
}

// refusal describes an answer without a ServerHello.
func (a *answer) refusal() string {
	if a.alerted {
		return a.alert.String()
	}
	if a.dropped {
		return errDropped.Error()
	}
	return "the connection was closed"
}

// maxFlight bounds the bytes that are read of a server's first flight.
const maxFlight = 256 << 10

// ask sends one ClientHello and reads the server's first flight. An error means that there
// is no answer: neither yes nor no.
func (p *prober) ask(ctx context.Context, o *offer) (*answer, error) {
	var got *answer
	err := p.askAnd(ctx, o, func(_ net.Conn, a *answer) error {
		got = a
		return nil
	})
	return got, err
}

// askAnd does so, and calls then while the connection is open; without one if the ClientHello is
// dropped, which is a refusal. What then returns ErrSilent about is asked again, too.
func (p *prober) askAnd(ctx context.Context, o *offer,
	then func(net.Conn, *answer) error) error {
	answered := false
	err := p.insist(ctx, func(ctx context.Context, _ int) error {
		return p.askTwice(ctx, o, p.timeout, func(conn net.Conn, a *answer) error {
			answered = true
			return then(conn, a)
		})
	})
	if err == errDropped && !answered {
		return then(nil, &answer{dropped: true})
	}
	return err
}

// askTwice sends one ClientHello. A connection that the server closes without an alert may have
// broken by chance: so it asks again, and takes that answer.
func (p *prober) askTwice(ctx context.Context, o *offer, timeout time.Duration,
	then func(net.Conn, *answer) error) error {
	message, err := o.compose(p.sni)
	if err != nil {
		return err
	}
	again := false
	err = p.askOnce(ctx, o.records(message), timeout, func(conn net.Conn, a *answer) error {
		if again = a.closed; again {
			return nil
		}
		return then(conn, a)
	})
	if again {
		err = p.askOnce(ctx, o.records(message), timeout, then)
	}
	return err
}

func (p *prober) askOnce(ctx context.Context, hello []byte, timeout time.Duration,
	then func(net.Conn, *answer) error) error {
	conn, done, err := p.openFor(ctx, timeout)
	if err != nil {
		return err
	}
	defer done()
	var a *answer
	if _, err = conn.Write(hello); err != nil {
		a, err = refusedBy(err)
	} else {
		a, err = readFlight(conn)
	}
	if err != nil {
		return err
	}
	return then(conn, a)
}

// open opens a connection for as long as one may take.
func (p *prober) open(ctx context.Context) (conn net.Conn, done func(), err error) {
	return p.openFor(ctx, p.timeout)
}

// openFor opens a connection as soon as one may be opened. It ends with the context, and after
// the timeout; done closes it.
func (p *prober) openFor(ctx context.Context,
	timeout time.Duration) (conn net.Conn, done func(), err error) {
	slots := p.slots
	opened, alone := ctx.Value(aloneKey{}).(func())
	if alone { // which has all of them
		slots = make(chan struct{}, 1)
	}
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	if conn, err = p.target.Dial(ctx); err != nil {
		cancel()
		<-slots
		return nil, nil, err
	}
	if p.asked.Add(1); alone {
		opened()
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() {
		stop()
		conn.Close()
		cancel()
		<-slots
	}, nil
}

// refusedBy returns the answer that a failed read or write stands for.
func refusedBy(err error) (*answer, error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return &answer{closed: true}, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, ErrSilent
	}
	return nil, err
}

// compose returns the ClientHello message.
func (o *offer) compose(name string) ([]byte, error) {
	h := &wire.ClientHello{
		LegacyVersion: o.version, CipherSuites: o.suites, CompressionMethods: []byte{0}, Padding: -1,
		ALPN: o.alpn,
	}
	rand.Read(h.Random[:])
	if o.version > iana.SSL30 {
		h.ServerName = name
		h.SupportedGroups, h.SignatureAlgorithms = o.groups, o.schemes
		h.ECPointFormats = []byte{0}
		h.ExtendedMasterSecret, h.RenegotiationInfo = true, []byte{}
		h.StatusRequest, h.SessionTicket = true, []byte{}
	}
	if o.versions != nil {
		h.SupportedVersions, h.PSKModes = o.versions, []iana.PSKMode{iana.PSKDHEKE}
		h.SessionID = make([]byte, 32)
		rand.Read(h.SessionID)
		h.KeyShares = []wire.KeyShare{}
		if !o.noShares {
			key, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				return nil, err
			}
			share := wire.KeyShare{Group: iana.X25519, Data: key.PublicKey().Bytes()}
			h.KeyShares = append(h.KeyShares, share)
		}
	}
	if o.change != nil {
		o.change(h)
	}
	message, err := h.AppendTo(nil)
	if err != nil {
		return nil, err
	}
	if n := o.padTo - len(message) - 4; n > 0 {
		h.Padding = n
		message, err = h.AppendTo(nil)
	}
	if o.version == iana.SSL30 {
		// SSL 3.0 knows no extensions: cut the empty block.
		message = message[:len(message)-2]
		wire.AppendHeader(message[:0], iana.HandshakeClientHello, len(message)-wire.HeaderLen)
	}
	return message, err
}

// records frames the message in one record, or in two.
func (o *offer) records(message []byte) []byte {
	version := min(o.version, iana.TLS10)
	cut := len(message)
	if o.split {
		cut /= 2
	}
	out := appendRecord(nil, version, message[:cut])
	if cut < len(message) {
		out = appendRecord(out, version, message[cut:])
	}
	return out
}

func appendRecord(b []byte, version iana.Version, content []byte) []byte {
	return append(record.AppendHeader(b, iana.ContentHandshake, version, len(content)), content...)
}

// readFlight reads up to the end of what the server sends in plaintext.
func readFlight(conn net.Conn) (*answer, error) {
	a := &answer{messages: map[iana.HandshakeType][]byte{}}
	var pending []byte
	for total := 0; ; {
		typ, body, err := readRecord(conn)
		if err != nil {
			return a.endedBy(err)
		}
		if total += record.HeaderLen + len(body); total > maxFlight {
			return nil, fmt.Errorf("the server sent over %d bytes", maxFlight)
		}
		if typ == iana.ContentAlert {
			if len(body) == 2 && (body[0] == 2 || a.hello == nil && body[1] == 0) {
				a.alert, a.alerted = iana.Alert(body[1]), true
				a.hello = nil
				return a, nil
			}
			continue
		}
		pending = append(pending, body...)
		if done, err := a.take(&pending); done || err != nil {
			return a, err
		}
	}
}

// readRecord reads a record of the kinds that a first flight has.
func readRecord(conn net.Conn) (iana.ContentType, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return 0, nil, err
	}
	typ := iana.ContentType(head[0])
	if typ != iana.ContentAlert && typ != iana.ContentHandshake {
		return 0, nil, fmt.Errorf("%w: it began with %q", ErrNoTLS, head[:])
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	_, err := io.ReadFull(conn, body)
	return typ, body, err
}

// endedBy returns the answer of a server whose flight ended with err.
func (a *answer) endedBy(err error) (*answer, error) {
	if a.hello == nil {
		return refusedBy(err)
	}
	// The flight was incomplete, but its beginning is an answer.
	if _, a.cut = refusedBy(err); a.cut == nil {
		a.cut = errCut
	}
	return a, nil
}

var errCut = errors.New("the server closed the connection within its first flight")

// take takes the whole messages of pending, and reports whether the flight is complete.
func (a *answer) take(pending *[]byte) (done bool, err error) {
	for {
		typ, n, ok := wire.ParseHeader(*pending)
		if !ok || len(*pending) < wire.HeaderLen+n {
			return false, nil
		}
		body := (*pending)[wire.HeaderLen : wire.HeaderLen+n]
		*pending = (*pending)[wire.HeaderLen+n:]
		a.messages[typ] = bytes.Clone(body)
		switch typ {
		case iana.HandshakeServerHello:
			if a.hello, err = wire.ParseServerHello(body); err != nil {
				return true, fmt.Errorf("the server's ServerHello is malformed: %w", err)
			}
			a.version = a.hello.LegacyVersion
			if v := a.hello.SupportedVersion; v != 0 {
				a.version = v
			}
			if a.version >= iana.TLS13 {
				return true, nil
			}
		case iana.HandshakeServerHelloDone:
			return true, nil
		}
	}
}
