package main

import (
	"context"
	"net"
	"time"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/admit"
)

// backend returns the address of listen --to.
func backend(to string) (address.Address, error) {
	a, err := address.Parse(to)
	if err == nil && a.Scheme() == "stdio" {
		return a, usage("--to needs a plaintext address; without --to standard input and output are used").
			hinted("leave out --to")
	}
	return a, err
}

// A forwardService joins each connection that was accepted to a plain one that it makes:
// listen --to.
type forwardService struct {
	to      address.Address
	timeout time.Duration // for connecting
	header  int           // version of the PROXY protocol header that is sent; 0 for none
}

func (s forwardService) serve(ctx context.Context, conn *serverConn) error {
	within, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	plain, err := s.to.Dial(within)
	if err == nil {
		if err = sendHeader(plain, s.header, conn); err != nil {
			plain.Close()
		}
	}
	if err != nil {
		cut(conn)
		return backendError(ctx, "--to "+s.to.String(), err)
	}
	r := newRelay(relayEnd{name: "the client", conn: conn},
		relayEnd{name: "the server of --to", conn: plain})
	return r.run(ctx)
}

// backendError is the error of a connection that could not be made for a client.
func backendError(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p := explainHandshake(err)
	p.text = "nothing was forwarded to " + name + ": " + p.text
	return p
}

// forwardFlags are the flags of connect --listen.
type forwardFlags struct {
	listen string
	limitFlags
	drain time.Duration
}

func (flags *forwardFlags) register(f *pflag.FlagSet) {
	f.StringVar(&flags.listen, "listen", "",
		"listen on this plaintext `address`, and forward each connection over an encrypted one")
	flags.limitFlags.register(f)
	f.Lookup("clients").Usage = "`number` of connections served at once; further clients are refused"
	f.DurationVar(&flags.drain, "drain", 10*time.Second,
		"`time` that connections have to end after SIGTERM, with --listen")
}

// check finds flags that contradict each other.
func (flags *forwardFlags) check(single map[string]bool) error {
	switch {
	case flags.listen == "":
		return nil
	case flags.drain < 0:
		return usage("--drain %v is negative", flags.drain).hinted("as in --drain 10s, or --drain 0")
	}
	for _, flag := range []string{"--early-data", "--framed", "--session"} {
		if single[flag] {
			return usage("%s is for one connection, and excludes --listen", flag).
				hinted("leave out one of them; --listen resumes sessions itself")
		}
	}
	return nil
}

// forward serves the clients of --listen.
func (flags *connectFlags) forward(ctx context.Context, out *output, c *dialer) error {
	a, err := address.Parse(flags.forwardFlags.listen)
	if err != nil {
		return err
	}
	inner, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	c.cfg.Sessions = sealsock.NewMemoryCache(0)
	if err := c.share(); err != nil {
		inner.Close()
		return err
	}
	gate, err := flags.limitFlags.prepare(a.Scheme())
	if err != nil {
		inner.Close()
		return err
	}
	if gate != nil {
		gate.plain, gate.Listener = true, inner
		gate.refused = func(peer net.Addr, err error) { out.print(refusedOf(out, peer, err)) }
		inner = gate
	}
	l := newPlainListener(inner)
	defer l.Close()
	out.print(forwarding{displayAddress(a, l.Addr()), c.addr.String()})
	s := &server{out: out, listener: l, drain: flags.drain, idle: flags.idle,
		service: sealService{flags, c}}
	s.places.Total, s.places.PerAddress = flags.clients, flags.perAddress
	return s.run(ctx, true)
}

// forwarding reports that plaintext connections are served.
type forwarding struct {
	Address string `json:"address"`
	To      string `json:"to"`
}

func (forwarding) event() string { return "forwarding" }

func (f forwarding) text() string {
	return "seal: listening on " + f.Address + " without encryption, for encrypted connections to " + f.To
}

// A sealService makes an encrypted connection for each plain one: connect --listen.
type sealService struct {
	flags  *connectFlags
	dialer *dialer
}

func (s sealService) serve(ctx context.Context, plain *serverConn) error {
	d := *s.dialer
	d.route.client = plain
	conn, f, err := s.flags.dial(ctx, &d)
	if err != nil {
		cut(plain)
		return backendError(ctx, s.dialer.addr.String(), err)
	}
	s.flags.report(s.dialer.out, f, plain.id)
	r := newRelay(relayEnd{name: "the client", conn: plain}, relayEnd{name: "the server", conn: conn})
	return r.run(ctx)
}

// A plainListener accepts connections without encryption.
type plainListener struct{ *admit.Listener[*serverConn] }

func newPlainListener(inner net.Listener) plainListener {
	return plainListener{admit.New(inner, admit.Options[*serverConn]{
		Handshake: func(_ context.Context, raw net.Conn) (*serverConn, error) {
			return newServerConn(plainConn{raw}, nil), nil
		},
	})}
}

func (l plainListener) accept(ctx context.Context) (*serverConn, error) { return l.AcceptConn(ctx) }

// A plainConn is a connection without encryption in the place of an encrypted one.
type plainConn struct{ net.Conn }

func (c plainConn) CloseWrite() error { return closeWrite(c.Conn) }
func (c plainConn) NetConn() net.Conn { return c.Conn }
