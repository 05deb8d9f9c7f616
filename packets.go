package sealsock

import (
	"context"
	"io"
	"net"
	"runtime"
	"time"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/internal/datagram"
	"github.com/sealsock/sealsock/internal/stream"
)

// ClientPacket is Client over datagrams: DTLS 1.3 (RFC 9147) or 1.2 (RFC 6347) takes the place
// of TLS. raw is connected to the peer and keeps datagrams apart, such as a *net.UDPConn of
// net.Dial.
func ClientPacket(raw net.Conn, cfg *Config) (*Conn, error) {
	if raw == nil {
		return nil, errNoPacketConn
	}
	p, err := prepare(cfg, false)
	if err != nil {
		return nil, err
	}
	// A session of DTLS is not one of TLS with the same server.
	to := &target{name: p.ServerName, address: "datagrams", ech: p.ECHConfigs}
	return p.clientPacket(raw, to, p.bound())
}

// ServerPacket is Server over datagrams: the counterpart of ClientPacket for one client. raw is
// connected to it.
func ServerPacket(raw net.Conn, cfg *Config) (*Conn, error) {
	if raw == nil {
		return nil, errNoPacketConn
	}
	p, err := prepareServer(cfg)
	if err != nil {
		return nil, err
	}
	return p.serverPacket(datagram.New(raw), p.bound())
}

// NewPacketListener returns a Listener over a socket that keeps datagrams apart, which it takes
// over. Its connections share the socket, which is closed with the last of them and the Listener.
// A client whose datagrams come from a new address, such as behind a NAT that has forgotten it, is
// followed if it uses connection IDs (Config.ConnectionIDLength) and has proved by a return
// routability check (RFC 9853) that it receives there; RemoteAddr then returns the new address.
// Another client has to begin again.
//
// A client has to prove that it receives at its address before anything is kept of it. There are
// at most 256 exceptions at a time, and no more than half of Config.MaxHandshakes and of
// MaxHandshakesPerAddress, to which at most three times what they have sent is sent: a
// client whose ClientHello is longer than a datagram, one with Encrypted ClientHello, and, with
// Config.MaxEarlyData, one that sends 0-RTT data.
func NewPacketListener(inner net.PacketConn, cfg *Config) (*Listener, error) {
	if inner == nil {
		return nil, errNoPacketConn
	}
	p, err := prepare(withTickets(cfg), true)
	if err != nil {
		return nil, err
	}
	if p.Prologue != nil {
		return nil, packetUsage("Config.Prologue is for streams",
			"leave it out for an address of datagrams")
	}
	l := &Listener{prepared: p, work: make(chan struct{}, worksPerCPU*runtime.GOMAXPROCS(0))}
	check, err := addressCheck(p.engine)
	if err != nil {
		return nil, err
	}
	mux := datagram.NewMux(inner, check, p.idLength())
	for _, most := range []int{p.MaxHandshakes, p.MaxHandshakesPerAddress} {
		if most > 0 { // otherwise there are more places than exceptions
			mux.BoundUnproved(most)
		}
	}
	l.admitted = admit.New(mux, admit.Options[*Conn]{
		Total: p.MaxHandshakes, PerAddress: p.MaxHandshakesPerAddress,
		Handshake: l.packetHandshake, Refused: p.OnHandshakeError,
	})
	return l, nil
}

// idLength is the length of the connection IDs that a Listener receives.
func (p *prepared) idLength() int {
	if p.ConnectionIDLength == 0 {
		return defaultIDLength
	}
	return max(0, p.ConnectionIDLength)
}

// defaultIDLength is the length in bytes of a connection ID that no one guesses.
const defaultIDLength = 8

// addressCheck returns what makes clients prove their addresses first. There is none behind a
// server that decrypts Encrypted ClientHello: then MaxHandshakes alone bounds what is kept.
func addressCheck(e *engine.Config) (*engine.AddressCheck, error) {
	if e.ECHBackend {
		return nil, nil
	}
	return engine.NewAddressCheck(e)
}

// listenPackets is ListenAddress for an address of datagrams.
func listenPackets(ctx context.Context, a address.Address, cfg *Config) (*Listener, error) {
	inner, err := a.ListenPacket(ctx)
	if err != nil {
		return nil, err
	}
	l, err := NewPacketListener(inner, cfg)
	if err != nil {
		inner.Close()
	}
	return l, err
}

// packetHandshake proves one client.
func (l *Listener) packetHandshake(ctx context.Context, raw net.Conn) (*Conn, error) {
	ctx, cancel := l.prepared.withTimeout(ctx)
	defer cancel()
	below := raw.(*datagram.Conn)
	c, err := l.prepared.serverPacket(below, stream.Options{Work: l.work})
	if err != nil {
		below.Close()
		return nil, err
	}
	if err := c.HandshakeContext(ctx); err != nil {
		c.GiveUp(err)
		return nil, err
	}
	return c, nil
}

// clientPacket is ClientPacket with a target. It takes over raw only if it succeeds.
func (p *prepared) clientPacket(
	raw net.Conn, to *target, opts stream.Options,
) (c *Conn, err error) {
	defer caught(&c, &err)
	c = &Conn{answers: answers{cfg: p.Config, to: to}}
	c.conn = c
	e, err := engine.DatagramClient(c.traced(p.engine), c.target(), p.datagramOptions())
	if err != nil {
		return nil, err
	}
	c.packets = datagram.New(raw)
	c.startPacket(e, opts)
	return c, nil
}

// serverPacket makes the connection of one client.
func (p *prepared) serverPacket(below *datagram.Conn, opts stream.Options) (c *Conn, err error) {
	defer caught(&c, &err)
	c = &Conn{answers: answers{cfg: p.Config, resumes: p.resumes}, packets: below}
	c.conn = c
	o := p.datagramOptions()
	o.Proof, o.ConnectionIDs = below.Proof(), below.ConnectionIDs()
	e, err := engine.DatagramServer(c.traced(p.engine), o)
	if err != nil {
		return nil, err
	}
	c.startPacket(e, opts)
	return c, nil
}

func (c *Conn) startPacket(e *engine.DatagramConn, opts stream.Options) {
	c.observe()
	opts.Owner = (*owner)(c)
	opts.Checks = c.cfg.VerifyConnection != nil || c.cfg.ForClient != nil
	c.packets.Start(e, opts)
}

func (p *prepared) datagramOptions() engine.DatagramOptions {
	return engine.DatagramOptions{MTU: p.MTU}
}

func packetUsage(reason, hint string) error {
	return &engine.Error{
		Fault: engine.FaultUsage, Alert: iana.AlertInternalError, Reason: reason, Hint: hint,
	}
}

// errNoListener is the error of NewListener without one.
var errNoListener = packetUsage("the listener below is nil", "make one with net.Listen")

// errNoPacketConn is the error of functions that are given a nil connection.
var errNoPacketConn = packetUsage("the connection below is nil", "make one with net.Dial or net.ListenPacket")

// errPackets is the error of methods that only a stream has.
var errPackets = packetUsage("this Conn carries datagrams", "use a stream, such as TCP")

// A transport runs the engine over a stream or over datagrams.
type transport interface {
	Made() bool
	Handshake(context.Context) error
	HandshakeDone() bool
	State() engine.State
	io.ReadWriteCloser
	io.ReaderFrom
	io.WriterTo
	WriteEarly([]byte) (int, error)
	ReadEarly([]byte) (int, error)
	CloseWrite() error
	SetDeadline(time.Time) error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
	NetConn() net.Conn
	Rekey(ctx context.Context, both bool) error
	SendTickets(context.Context, int) error
	RequestClientCertificate(context.Context) error
	Export(label string, context []byte, length int) ([]byte, error)
	ExportEarly(label string, context []byte, length int) ([]byte, error)
	Unwrap(context.Context) (net.Conn, error)
	Abort(iana.Alert) error
	GiveUp(error)
}
