package sealsock

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/trust"
)

// HandoverTokenLen is the length in bytes of the token of a [Takeover].
const HandoverTokenLen = engine.HandoverTokenLen

// handedOver is what a Conn adds to the state of the engine.
type handedOver struct {
	Peer                   []byte `json:",omitempty"` // trust.Result.Marshal
	Name, Address, KnownAs string `json:",omitempty"` // of a client's target
	Extra                  []byte `json:",omitempty"`
}

// HandOver ends the connection in this process, and returns its state for another one, which
// continues with it: no byte is lost or repeated, and the peer sees one connection. The
// handshake must be done.
//
// The other process makes a [Takeover] and sends its token over a private channel. It needs
// the state and the descriptor of the connection below, which package socket sends (SendFDs):
// the state is bound to that socket. extra, if any, is for the application there. A state may
// have 16 MiB, and has more than 128 KiB only if data was kept while a request for a
// certificate waited.
//
// Calls of Read and Write under way end in os.ErrDeadlineExceeded first; what Write counted
// is part of the state, and no deadline may be set meanwhile. A program with data of its own
// between two connections ends those calls itself, by a deadline, and puts the data into
// extra. After success the methods of c
// return net.ErrClosed, and the connection below is the caller's to close, once the
// descriptor was sent. An error with FaultUsage changes nothing. The end of ctx ends the
// wait for a call under way.
func (c *Conn) HandOver(ctx context.Context, token, extra []byte) (state []byte, err error) {
	switch {
	case c != nil && c.packets != nil:
		return nil, errPackets
	case c == nil || !c.stream.Made():
		return nil, stream.ErrNotMade
	}
	binding, err := socketBinding(c.NetConn())
	if err != nil {
		return nil, err
	}
	all := handedOver{Extra: extra}
	if c.to != nil {
		all.Name, all.Address, all.KnownAs = c.to.name, c.to.address, c.to.knownAs
	}
	if peer := c.Peer(); peer != nil {
		if all.Peer, err = peer.Marshal(); err != nil {
			return nil, err
		}
	}
	encoded, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	return c.stream.HandOver(ctx, token, binding, encoded)
}

// socketBinding returns what identifies the socket of a connection in every process that has
// a descriptor of it.
func socketBinding(raw net.Conn) ([]byte, error) {
	if sc, ok := raw.(syscall.Conn); ok {
		if rc, err := sc.SyscallConn(); err == nil {
			return bindingOf(rc, raw)
		}
	}
	return nil, &engine.Error{
		Fault:  engine.FaultUsage,
		Reason: "the connection below has no descriptor, so no other process can have it",
		Err:    errors.ErrUnsupported,
	}
}

// addressBinding binds to the addresses of a connection, where a socket has no number.
func addressBinding(raw net.Conn) []byte {
	local, remote := raw.LocalAddr(), raw.RemoteAddr()
	if local == nil || remote == nil {
		return nil
	}
	all := []string{"addresses", local.Network(), local.String(), remote.String()}
	return []byte(strings.Join(all, "\x00"))
}

// A Takeover takes over one connection of another process: see [Conn.HandOver]. It may be
// used from any goroutine.
type Takeover struct {
	mu  sync.Mutex
	key *engine.TakeoverKey
}

// NewTakeover returns a Takeover with a random token.
func NewTakeover() (*Takeover, error) {
	key, err := engine.NewTakeoverKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Takeover{key: key}, nil
}

// Token returns the token, which the other process needs. It is a secret: with the token and
// the state, the connection can be decrypted. It is nil after Open.
func (t *Takeover) Token() []byte {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.key.Token()
}

// Open decrypts the state of the connection with the socket raw. It works once: a second
// call is an error, also if the first one failed. It does not take raw over.
func (t *Takeover) Open(raw net.Conn, state []byte) (*TakenOver, error) {
	if t == nil || t.key == nil {
		return nil, errNoTakeover
	}
	binding, err := socketBinding(raw)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	h, err := t.key.Open(state, binding)
	if err != nil {
		return nil, err
	}
	o := &TakenOver{raw: raw, h: h}
	if err := json.Unmarshal(h.Extra, &o.rest); err != nil {
		return nil, &engine.Error{
			Fault: engine.FaultUsage, Reason: "the state is not one of Conn.HandOver", Err: err,
		}
	}
	o.Extra = o.rest.Extra
	return o, nil
}

var errNoTakeover = &engine.Error{
	Fault: engine.FaultUsage, Reason: "this Takeover is nil or a zero value", Err: os.ErrInvalid,
	Hint: "a Takeover comes from NewTakeover",
}

// A TakenOver is a connection of another process that this one may continue with.
type TakenOver struct {
	// Extra is what the application gave to HandOver.
	Extra []byte

	raw  net.Conn
	h    *engine.Handover
	rest handedOver

	taken bool // Conn has succeeded
}

// Close ends a connection that Conn does not continue with: its peer sees it cut. After Conn
// has succeeded, Close does nothing.
func (o *TakenOver) Close() error {
	if o == nil || o.raw == nil {
		return errNoTakeover
	}
	if o.taken {
		return nil
	}
	return o.raw.Close()
}

// Client reports whether this side of the connection is the client.
func (o *TakenOver) Client() bool { return o != nil && o.h.Client() }

// Conn continues with the connection, and takes its socket over. cfg is for what is done
// from now on, such as tickets and requests for certificates; what was negotiated stays, and
// the peer is not verified again. Conn works once.
//
// It sends what the other process could not send, until ctx ends; what is left goes out with
// the next Write. Give ctx a short time limit: a peer may read again only after something of
// its own has been read, such as crypto/tls, which answers a request for a key update between
// its calls of Write. On TLS 1.3 Conn changes the key of what this side sends, and asks the
// peer to change its own.
func (o *TakenOver) Conn(ctx context.Context, cfg *Config) (c *Conn, err error) {
	if o == nil || o.h == nil {
		return nil, errNoTakeover
	}
	p, err := prepare(cfg, !o.Client())
	if err != nil {
		return nil, err
	}
	var peer *trust.Result
	if len(o.rest.Peer) > 0 {
		if peer, err = trust.ParseResult(o.rest.Peer); err != nil {
			return nil, err
		}
	}
	defer caught(&c, &err)
	c = &Conn{answers: answers{cfg: p.Config}}
	c.conn = c
	opts := stream.Options{
		Owner: (*owner)(c), AllowTruncation: p.AllowTruncation, KernelTLS: p.KernelTLS,
	}
	if o.Client() {
		c.to = &target{name: o.rest.Name, address: o.rest.Address, knownAs: o.rest.KnownAs}
	}
	c.peer.Store(peer)
	if c.stream, err = stream.TakeOver(o.raw, c.traced(p.engine), o.h, opts); err != nil {
		return nil, err
	}
	o.taken = true
	c.stream.Flush(ctx) // what fails here fails again, and what was received can be read
	return c, nil
}
