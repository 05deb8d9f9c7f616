package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/iana"
)

// packetFlags holds the flags of connections of datagrams.
type packetFlags struct{ mtu int }

func (p *packetFlags) register(f *pflag.FlagSet) {
	f.IntVar(&p.mtu, "mtu", 0, "for addresses of datagrams, such as udp://: the largest datagram "+
		"to send, a `number` of bytes without the headers of UDP and IP (default 1200)")
}

// check finds a value that is out of range, and flags that are for streams.
func (p *packetFlags) check(a address.Address, streams map[string]bool) error {
	const least, most = 256, 65507
	switch {
	case !a.Packets() && p.mtu != 0:
		return usage("--mtu is for addresses of datagrams").
			hinted("leave it out, or use a udp:// address")
	case p.mtu != 0 && (p.mtu < least || p.mtu > most):
		return usage("--mtu %d is not %d to %d", p.mtu, least, most).hinted("as in --mtu 1400")
	case !a.Packets():
		return nil
	}
	for flag, given := range streams {
		if given {
			return usage("%s needs a stream, and %s:// carries datagrams", flag, a.Scheme()).
				hinted("leave it out, or use an address of a stream, such as host:port")
		}
	}
	return nil
}

// streamFlags are the flags of connect that need a stream.
func (flags *connectFlags) streamFlags() map[string]bool {
	return map[string]bool{
		"--framed": flags.framed != "", "--legacy": flags.legacy,
		"--listen":            flags.listen != "",
		"--proxy":             flags.proxyFlags.url != "" && flags.proxyFlags.url != "none",
		"--send-proxy-header": flags.send != 0, "--starttls": flags.starttls != "",
	}
}

// streamFlags are the flags of listen that need a stream.
func (flags *listenFlags) streamFlags() map[string]bool {
	return map[string]bool{
		"seal relay":            flags.relay,
		"--accept-proxy-header": flags.accept != "", "--allow": len(flags.allow) > 0,
		"--chat": flags.chat, "--deny": len(flags.deny) > 0, "--http": flags.http,
		"--into": flags.into != "", "--legacy": flags.legacy, "--rate": flags.rate != "",
		"--starttls": flags.starttls != "", "--to": flags.to != "",
	}
}

// openPackets starts to listen on an address of datagrams.
func (flags *listenFlags) openPackets(
	ctx context.Context, a address.Address, cfg *sealsock.Config,
) (listener, error) {
	cfg.MaxHandshakesPerAddress = flags.perAddress
	if most := programsAtOnce(); flags.exec != "" && most < flags.clients {
		flags.clients = most
	}
	l, err := sealsock.ListenAddress(ctx, a, cfg)
	if err != nil {
		return nil, err
	}
	return tlsListener{l}, nil
}

// A packetConn is a connection of datagrams. Each line that is written to it is a message of its
// own, and a longer one than a datagram carries is divided.
type packetConn struct {
	*sealsock.Conn
	early [][]byte     // messages of 0-RTT data, which Read returns first
	whole bool         // what is written at once is one message, if it fits
	until atomic.Int64 // when the peer's silence is its end, in nanoseconds; 0 for never
}

// overPackets returns conn with lines as its messages, if it carries datagrams.
func overPackets(conn *sealsock.Conn) tlsConn {
	if conn.MaxMessage() == 0 {
		return conn
	}
	return &packetConn{Conn: conn}
}

// Write sends p.
func (c *packetConn) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		sent, err := c.Conn.Write(c.message(p))
		n += sent
		if err != nil {
			return n, err
		}
		p = p[sent:]
	}
	return n, nil
}

// message is the first message of p.
func (c *packetConn) message(p []byte) []byte {
	message := p[:min(len(p), c.MaxMessage())]
	if i := bytes.IndexByte(message, '\n'); i >= 0 && !c.whole {
		return message[:i+1]
	}
	return message
}

// maxEarlyMessages and maxEarlyBytes are how much is sent before the handshake is done. A server
// keeps a bounded number of datagrams and of their bytes until it knows whether it accepts them.
const (
	maxEarlyMessages = 16
	maxEarlyBytes    = 32 << 10
)

// WriteEarly sends the first messages of p as 0-RTT data, as many as the server accepts.
func (c *packetConn) WriteEarly(p []byte) (n int, err error) {
	if _, err := c.Conn.WriteEarly(nil); err != nil { // MaxMessage depends on the key for 0-RTT data
		return 0, err
	}
	for range maxEarlyMessages {
		message := c.message(p)
		if len(message) == 0 || n+len(message) > maxEarlyBytes {
			break
		}
		sent, err := c.Conn.WriteEarly(message)
		n += sent
		if err != nil {
			return n, err
		}
		p = p[sent:]
	}
	return n, nil
}

// takeEarly takes the messages of 0-RTT data of a connection whose handshake is done, for Read. It
// returns their size.
func (c *packetConn) takeEarly() (size int, err error) {
	buf := make([]byte, largestMessage)
	for {
		n, err := c.ReadEarly(buf)
		if n > 0 {
			c.early = append(c.early, bytes.Clone(buf[:n]))
			size += n
		}
		switch {
		case errors.Is(err, io.EOF):
			return size, nil
		case err != nil:
			return size, err
		}
	}
}

// largestMessage is the size of the largest message of DTLS.
const largestMessage = 1 << 14

// lastWait is how long the last messages of a peer may take after this side has ended: the
// close_notify of either may be lost.
const lastWait = 2 * time.Second

// CloseWrite sends close_notify.
func (c *packetConn) CloseWrite() error {
	err := c.Conn.CloseWrite()
	c.await()
	return err
}

// await bounds the time until the next message, once this side has ended.
func (c *packetConn) await() {
	by := time.Now().Add(lastWait)
	c.until.Store(by.UnixNano())
	c.SetReadDeadline(by)
}

// Read reads one message. It returns io.EOF if the peer is silent after this side has ended.
func (c *packetConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early[0])
		if c.early[0] = c.early[0][n:]; len(c.early[0]) == 0 {
			c.early = c.early[1:]
		}
		return n, nil
	}
	n, err := c.Conn.Read(p)
	until := c.until.Load()
	switch {
	case until == 0:
	case err == nil:
		c.await()
	case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().UnixNano() >= until:
		return n, io.EOF
	}
	return n, err
}

// packetCommands lists commands that connect to an address of datagrams.
func (l *listening) packetCommands(a address.Address, at net.Addr, o *credentials) []string {
	to := l.Address
	udp, ok := at.(*net.UDPAddr)
	var host, hostPort, as string
	if ok {
		host, _ = reachable(a, new(net.TCPAddr))
		hostPort = net.JoinHostPort(host, strconv.Itoa(udp.Port))
		to = a.Scheme() + "://" + hostPort
	}
	if o.id == nil {
		return pskCommands(o.keyFile, o.keys[0].Identity, quoted(to))[:1]
	}
	name := l.nameFor(host, o.id)
	if ok && name != host {
		as = " --name " + quoted(name)
	}
	commands := []string{programName() + " connect" + l.trusted(o.ca) + as + " " + quoted(to)}
	if !ok || o.keyOnly || l.RootFile == "" || !allows12(o.cfg) {
		return commands
	}
	return append(commands, "openssl s_client -dtls -quiet -verify_return_error -CAfile "+
		quoted(l.RootFile)+provesName(name)+" -connect "+hostPort)
}

// allows12 reports whether a server with cfg accepts clients of DTLS 1.2, which releases of OpenSSL
// up to 3.5 are.
func allows12(cfg *sealsock.Config) bool {
	rules, _ := cfg.Profile.Rules()
	return max(cfg.MinVersion, rules.MinVersion) < iana.TLS13
}
