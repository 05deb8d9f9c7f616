package measure

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/loop"
	"github.com/sealsock/sealsock/trust"
)

// Sealsock returns this module.
func Sealsock() Side {
	return &stack{name: "sealsock", ready: readySealsock, loops: idleInLoop,
		alone: engineAlone}
}

// configs returns the Configs of both ends.
func configs(h Handshake) (client, server *sealsock.Config, err error) {
	m, err := MaterialFor(h.Key, h.Chain)
	if err != nil {
		return nil, nil, err
	}
	client = &sealsock.Config{Trust: &trust.Policy{Roots: m.roots}, ServerName: Host}
	server = &sealsock.Config{Identities: []*identity.Identity{m.identity}}
	client.Groups = []iana.NamedGroup{h.Group}
	server.Groups, server.NumTickets = client.Groups, -1
	if h.Resume {
		client.Sessions, server.NumTickets = sealsock.NewMemoryCache(1), 1
	}
	if h.Early {
		client.EarlyData, server.MaxEarlyData = true, 1024
	}
	return client, server, nil
}

func readySealsock(h Handshake) (*ends, error) {
	client, server, err := configs(h)
	if err != nil {
		return nil, err
	}
	listening := *server
	if h.Resume {
		server.Tickets = sealsock.SealTickets(new(sealsock.RotatingKeys), nil)
	}
	return &ends{
		client: func(raw net.Conn) (conn, func() error, error) {
			return ready(sealsock.Client(raw, client))
		},
		server: func(raw net.Conn) (conn, func() error, error) {
			return ready(sealsock.Server(raw, server))
		},
		listen: func(l net.Listener) (net.Listener, error) {
			return sealsock.NewListener(l, &listening)
		},
		dial: dialWith(client),
		read: func(c net.Conn, p []byte) (int, error) {
			if h.Early {
				if n, err := c.(*sealsock.Conn).ReadEarly(p); n > 0 {
					return n, err
				}
			}
			return c.Read(p)
		},
	}, nil
}

func ready(c *sealsock.Conn, err error) (conn, func() error, error) {
	return c, func() error { return c.HandshakeContext(context.Background()) }, err
}

// dialWith returns a function that dials and sends a request, early if that is possible.
func dialWith(cfg *sealsock.Config) func(addr string, request []byte) (net.Conn, error) {
	d, unusable := sealsock.NewDialer(cfg)
	return func(addr string, request []byte) (net.Conn, error) {
		if unusable != nil {
			return nil, unusable
		}
		own := *d
		sent := 0
		if cfg.EarlyData {
			own.BeforeHandshake = func(_ context.Context, c *sealsock.Conn) (err error) {
				if sent, err = c.WriteEarly(request); errors.Is(err, sealsock.ErrNoEarlyData) {
					return nil
				}
				return err
			}
		}
		c, err := own.Dial(context.Background(), addr)
		if err != nil {
			return nil, err
		}
		_, err = c.Write(request[sent:])
		return c, err
	}
}

// quiet is a Handler of connections on which nothing happens.
type quiet struct{ opened chan struct{} }

func (q quiet) OnOpen(*loop.Conn)       { q.opened <- struct{}{} }
func (quiet) OnData(*loop.Conn, []byte) {}
func (quiet) OnClose(*loop.Conn, error) {}

// quietTime is how long a loop takes until its connections rest.
const quietTime = 7 * time.Second

// idleInLoop is Idle with both ends in one loop.
func idleInLoop(connections int) (float64, error) {
	client, server, err := configs(usual)
	if err != nil {
		return 0, err
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	l, err := sealsock.NewListener(inner, server)
	if err != nil {
		inner.Close()
		return 0, err
	}
	defer l.Close()
	g, err := loop.New(loop.Options{Loops: 1})
	if err != nil {
		return 0, err
	}
	defer g.Close()
	d, err := sealsock.NewDialer(client)
	if err != nil {
		return 0, err
	}
	h := quiet{make(chan struct{}, 2)}
	go g.Serve(context.Background(), l, h)
	var before float64
	for i := range connections + warm {
		if i == warm {
			time.Sleep(quietTime)
			before = heap()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		c, err := d.Dial(ctx, inner.Addr().String())
		cancel()
		if err != nil {
			return 0, err
		}
		if _, err := g.Add(c, h); err != nil {
			return 0, err
		}
		<-h.opened
		<-h.opened
	}
	time.Sleep(quietTime)
	return (heap() - before) / float64(2*connections), nil
}

// Pair returns both ends of a connection over loopback TCP. The cipher suite and the group are
// those that the measurements of bulk data use.
func Pair(ctx context.Context) (client, server *sealsock.Conn, err error) {
	c, s, err := configs(Handshake{Group: iana.X25519})
	if err != nil {
		return nil, nil, err
	}
	near, far, err := tcpPipe()
	if err != nil {
		return nil, nil, err
	}
	if client, err = sealsock.Client(near, c); err != nil {
		return nil, nil, err
	}
	if server, err = sealsock.Server(far, s); err != nil {
		return nil, nil, err
	}
	accepted := make(chan error, 1)
	go func() { accepted <- server.HandshakeContext(ctx) }()
	err = errors.Join(client.HandshakeContext(ctx), <-accepted)
	if err != nil {
		return nil, nil, errors.Join(err, client.Close(), server.Close())
	}
	return client, server, nil
}
