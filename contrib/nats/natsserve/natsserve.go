// Package natsserve serves NATS over a listener of package sealsock, by a NATS server within the
// program.
//
//	server, err := server.NewServer(&server.Options{
//		DontListen: true,
//		TLSConfig:  new(tls.Config), // announces TLS, on which some clients insist
//	})
//	listener, err := sealsock.Listen(ctx, ":4222", cfg)
//	err = natsserve.Serve(ctx, listener, server)
//
// Clients begin with TLS, as those of handshake_first do.
package natsserve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sealsock/sealsock"
)

// Serve gives the connections of a listener to a NATS server of this process, which need not
// listen itself (DontListen), until the listener or ctx ends, and closes the listener. The NATS
// server does not learn the addresses of clients nor their certificates. Serve waits until all
// connections have ended.
func Serve(ctx context.Context, l *sealsock.Listener, ns *server.Server) error {
	if l == nil || ns == nil {
		return fmt.Errorf("natsserve: a nil value: %w", os.ErrInvalid)
	}
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	defer l.Close()
	for {
		c, err := l.AcceptConn(ctx)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		inner, err := ns.InProcessConn()
		if err != nil {
			c.Close()
			return err
		}
		all.Go(func() { join(ctx, c, inner) })
	}
}

// join carries data between a client and the server until one of them ends, and closes both.
func join(ctx context.Context, c *sealsock.Conn, inner net.Conn) {
	stop := context.AfterFunc(ctx, func() {
		inner.Close()
		c.Close()
	})
	defer stop()
	var both sync.WaitGroup
	both.Go(func() {
		io.Copy(inner, c)
		inner.Close()
	})
	io.Copy(c, inner)
	c.Close()
	both.Wait()
}
