package main

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/legacy"
)

// oldDoor is the door of --legacy, past the engine. As with the other one, the
// handshakes run beside each other, and a client that is refused does not come in.
type oldDoor struct {
	*legacy.Listener
	cfg   *sealsock.Config
	ready chan *visitor
	slots chan struct{} // one for each handshake under way
	start sync.Once
	end   context.Context
	stop  context.CancelCauseFunc
}

// mostOld bounds the handshakes under way; more clients wait in the system's queue.
const mostOld = 128

func openOldDoor(ctx context.Context, addr string, cfg *sealsock.Config) (*oldDoor, error) {
	l, err := legacy.Listen(ctx, addr, cfg)
	if err != nil {
		return nil, err
	}
	d := &oldDoor{Listener: l, cfg: cfg, ready: make(chan *visitor), slots: make(chan struct{}, mostOld)}
	d.end, d.stop = context.WithCancelCause(context.Background())
	return d, nil
}

// admit implements door.
func (d *oldDoor) admit(ctx context.Context) (*visitor, error) {
	d.start.Do(func() { go d.serve() })
	select {
	case v := <-d.ready:
		return v, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-d.end.Done():
		return nil, context.Cause(d.end)
	}
}

// Close implements door. Handshakes under way end.
func (d *oldDoor) Close() error {
	d.stop(net.ErrClosed)
	return d.Listener.Close()
}

// serve accepts connections below and starts their handshakes.
func (d *oldDoor) serve() {
	for {
		conn, err := d.Accept()
		if t, ok := err.(interface{ Temporary() bool }); ok && t.Temporary() {
			time.Sleep(oldPause) // a want of file descriptors that will pass
			continue
		}
		if err != nil {
			d.stop(err)
			return
		}
		select {
		case d.slots <- struct{}{}:
			go d.handshake(conn.(*legacy.Conn))
		case <-d.end.Done():
			conn.Close()
			return
		}
	}
}

// oldPause is how long accepting waits after it failed in passing.
const oldPause = 50 * time.Millisecond

func (d *oldDoor) handshake(conn *legacy.Conn) {
	defer func() { <-d.slots }()
	if err := conn.HandshakeContext(d.end); err != nil {
		conn.NetConn().Close()
		if d.end.Err() == nil {
			d.cfg.OnHandshakeError(conn.RemoteAddr(), err)
		}
		return
	}
	select {
	case d.ready <- &visitor{sealed: conn, facts: factsOfLegacy(conn, "connection from")}:
	case <-d.end.Done():
		conn.Close()
	}
}
