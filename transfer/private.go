package transfer

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/link"
	"github.com/sealsock/sealsock/message"
	"github.com/sealsock/sealsock/relay"
)

const (
	// pairing bounds the time until a pair has its connection, from the proof of the code.
	pairing = 60 * time.Second
	// farewell bounds the time for the other side to acknowledge the last frame.
	farewell = 10 * time.Second
	// maxAbsence is how long the other side may be absent within a transfer.
	maxAbsence = 2 * time.Minute

	// window is how many bytes are on their way through the relay, which queues 4 MiB.
	window = 3 << 20

	protocolName = "sealsock-transfer/1"
	exportDirect = "EXPORTER-sealsock-transfer-direct"
)

// pskConfig is the configuration of both sides: TLS 1.3 with a key that both have, and with an
// ephemeral key exchange.
func pskConfig(psk *engine.PSK) *sealsock.Config {
	find := func(_ context.Context, identity []byte) (*engine.PSK, error) {
		if bytes.Equal(identity, psk.Identity) {
			return psk, nil
		}
		return nil, nil
	}
	return &sealsock.Config{
		Options: engine.Options{
			MinVersion: iana.TLS13, PSKs: []*engine.PSK{psk}, ALPN: []string{protocolName},
			CipherSuites: []iana.CipherSuite{
				iana.TLS_AES_128_GCM_SHA256, iana.TLS_CHACHA20_POLY1305_SHA256},
			NumTickets: -1,
		},
		FindPSK: find, PSKOnly: true, HandshakeTimeout: -1,
	}
}

// A pair is a sender and a receiver that have a connection through the relay.
type pair struct {
	sender bool
	hub    *link.Hub
	link   *link.Conn
	conn   *sealsock.Conn
	frames *frames
	left   chan struct{} // closed when the other side has left
}

// enter makes the connection of a pair. The sender is the server.
func enter(
	ctx context.Context, dial dialer, key *pairKey, sender bool, notify func(link.Event),
) (*pair, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, pairing, ErrGone)
	defer cancel()
	p := &pair{sender: sender, left: make(chan struct{})}
	var leaving sync.Once
	joined := make(chan *link.Conn, 1)
	room := relay.RoomID(key.derive("room"))
	opts := link.Options{
		Dial: dial, Room: room, Token: relay.NewToken(), Key: key.derive("link"), Members: 1,
		Window: window, Patience: maxAbsence, Notify: func(e link.Event) {
			if e.Kind == link.Joined {
				select {
				case joined <- e.Conn:
				default:
				}
			}
			if e.Kind == link.Left {
				leaving.Do(func() { close(p.left) })
			}
			notify(e)
		},
	}
	var err error
	if p.hub, err = link.NewHub(ctx, opts); err != nil {
		return nil, causeOf(ctx, err)
	}
	select {
	case p.link = <-joined:
	case <-ctx.Done():
		p.hub.Close()
		return nil, context.Cause(ctx)
	}
	psk := engine.NewPSK([]byte("sealsock transfer 1"), key.derive("tls"))
	if p.conn, err = secure(ctx, p.link, psk, nil, sender); err != nil {
		p.hub.Close()
		return nil, err
	}
	p.frames = newFrames(message.New(p.conn, message.Options{Limit: maxFrame}))
	return p, nil
}

// secure makes a TLS connection over conn. It does not close conn.
func secure(
	ctx context.Context, conn net.Conn, external *engine.PSK, about []byte, server bool,
) (*sealsock.Conn, error) {
	psk, err := external.Import(about, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	start := sealsock.Client
	if server {
		start = sealsock.Server
	}
	c, err := start(conn, pskConfig(psk))
	if err != nil {
		return nil, err
	}
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, causeOf(ctx, err)
	}
	return c, nil
}

// directKey is the key of direct connections of the pair.
func (p *pair) directKey() (*engine.PSK, error) {
	key, err := p.conn.Export(exportDirect, nil, 32)
	if err != nil {
		return nil, err
	}
	return engine.NewPSK([]byte("sealsock transfer 1 direct"), key), nil
}

// tell tells the other side why the transfer ends, and waits a while for it to be received.
func (p *pair) tell(kind byte, err error) {
	p.conn.SetWriteDeadline(time.Now().Add(farewell))
	if p.frames.send(kind, textFor(err)) == nil {
		p.flush()
	}
}

// flush waits a while until the other side has acknowledged everything, or has left.
func (p *pair) flush() {
	stop, done := make(chan struct{}), make(chan struct{})
	defer close(done)
	go func() {
		defer close(stop)
		late := time.NewTimer(farewell)
		defer late.Stop()
		select {
		case <-p.left:
		case <-late.C:
		case <-done:
		}
	}()
	p.link.Flush(stop)
}

// close ends the connection. What was not acknowledged is lost.
func (p *pair) close() {
	p.link.SetDeadline(time.Unix(1, 0))
	p.link.Close()
	p.hub.Close()
}

// causeOf is the cause of the end of ctx if that ended the call, and the error otherwise.
func causeOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// gone explains the errors of a connection whose other side is not there any more.
func gone(err error) error {
	if errors.Is(err, link.ErrGone) || errors.Is(err, link.ErrReset) ||
		errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}
