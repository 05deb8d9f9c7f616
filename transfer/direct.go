package transfer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/message"
)

// directTime is how long a direct connection is looked for. Tests change it.
var directTime = 5 * time.Second

// maxStranger is how many connections wait for their handshake.
const maxStranger = 8

// errNotDirect: the receiver has chosen a direct connection that has failed since.
var errNotDirect = errors.New("transfer: the direct connection that was chosen is not there")

// A direct is a connection of a pair without the relay.
type direct struct {
	conn   *sealsock.Conn
	raw    net.Conn
	frames *frames
}

func newDirect(raw net.Conn, c *sealsock.Conn) *direct {
	return &direct{c, raw, newFrames(message.New(c, message.Options{Limit: maxFrame}))}
}

func (d *direct) close() { d.raw.Close() }

// ownAddresses returns the addresses of this machine, with a port.
func ownAddresses(port uint16, loopback bool) []netip.AddrPort {
	var all []netip.AddrPort
	for _, n := range ownNetworks() {
		if a := n.Addr().Unmap(); usableAddr(a, loopback) && len(all) < maxAddrs {
			all = append(all, netip.AddrPortFrom(a, port))
		}
	}
	return all
}

// A directListener accepts the direct connections of one pair.
type directListener struct {
	listener net.Listener
	found    chan *direct
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

// listenDirect returns nil if this machine has no address, or accepts no connections.
func listenDirect(
	ctx context.Context, key *engine.PSK, loopback bool,
) (*directListener, []netip.AddrPort) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return nil, nil
	}
	at, ok := l.Addr().(*net.TCPAddr)
	var addrs []netip.AddrPort
	if ok {
		addrs = ownAddresses(uint16(at.Port), loopback)
	}
	if len(addrs) == 0 {
		l.Close()
		return nil, nil
	}
	d := &directListener{listener: l, found: make(chan *direct)}
	ctx, d.cancel = context.WithCancel(ctx)
	d.wg.Go(func() { d.accept(ctx, key) })
	return d, addrs
}

// accept makes connections of those who connect, a bounded number at a time.
func (d *directListener) accept(ctx context.Context, key *engine.PSK) {
	places := make(chan struct{}, maxStranger)
	for {
		raw, err := d.listener.Accept()
		if err != nil {
			return
		}
		select {
		case places <- struct{}{}:
		default:
			raw.Close()
			continue
		}
		d.wg.Go(func() {
			defer func() { <-places }()
			d.greet(ctx, raw, key)
		})
	}
}

// greet passes a connection on if the other side has the key and has chosen it.
func (d *directListener) greet(ctx context.Context, raw net.Conn, key *engine.PSK) {
	within, cancel := context.WithTimeout(ctx, 2*directTime)
	defer cancel()
	c, err := secure(within, raw, key, nil, true)
	if err == nil {
		found := newDirect(raw, c)
		stop := context.AfterFunc(within, func() { raw.Close() })
		_, err = found.frames.expect(frameChosen)
		if err == nil && stop() {
			select {
			case d.found <- found:
				return
			case <-within.Done():
			}
		}
		stop()
	}
	raw.Close()
}

// await returns the connection that the receiver has chosen.
func (d *directListener) await(ctx context.Context) (*direct, error) {
	wait := time.NewTimer(2 * directTime)
	defer wait.Stop()
	select {
	case found := <-d.found:
		return found, nil
	case <-wait.C:
		return nil, errNotDirect
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// close ends the listener, and what was accepted and not taken.
func (d *directListener) close() {
	d.cancel()
	d.listener.Close()
	d.wg.Wait()
}

// dialDirect connects to addresses that the sender has named, to several at once, and returns the
// first connection, or nil.
func dialDirect(
	ctx context.Context, addrs []netip.AddrPort, key *engine.PSK, loopback bool,
) *direct {
	ctx, cancel := context.WithTimeout(ctx, directTime)
	defer cancel()
	made := make(chan *direct)
	var wg sync.WaitGroup
	for _, addr := range candidates(addrs, ownNetworks(), loopback) {
		wg.Go(func() { dialOne(ctx, addr, key, made) })
	}
	none := make(chan struct{})
	go func() { wg.Wait(); close(none) }()
	var first *direct
	select {
	case first = <-made:
	case <-none:
	case <-ctx.Done():
	}
	cancel()
	<-none
	if first != nil && first.frames.send(frameChosen) != nil {
		first.close()
		return nil
	}
	return first
}

// wrapDirect wraps a connection that a receiver makes; tests replace it.
var wrapDirect = func(c net.Conn) net.Conn { return c }

// dialOne passes a connection to one address on.
func dialOne(ctx context.Context, addr netip.AddrPort, key *engine.PSK, made chan<- *direct) {
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return
	}
	raw = wrapDirect(raw)
	c, err := secure(ctx, raw, key, nil, false)
	if err == nil {
		select {
		case made <- newDirect(raw, c):
			return
		case <-ctx.Done():
		}
	}
	raw.Close()
}
