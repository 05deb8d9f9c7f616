//go:build unix

package tunnel_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/tunnel"
)

// The new process of a service asks the old one for its connections and continues with them.
func ExampleReceive() {
	takeOver := func(
		ctx context.Context, path string, cfg *sealsock.Config, serve func(*sealsock.Conn),
	) error {
		u, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		defer u.Close()
		for {
			o, err := tunnel.Receive(ctx, u)
			if errors.Is(err, io.EOF) {
				return nil // that was the last one
			} else if err != nil {
				return err
			}
			conn, err := o.Conn(ctx, cfg)
			if err != nil {
				log.Print(err)
				o.Close() // this connection is cut
				continue
			}
			go serve(conn)
		}
	}
	_ = takeOver
}

// The old process hands over its connections, one after the other.
func ExampleSend() {
	handOver := func(ctx context.Context, u *net.UnixConn, conns []*sealsock.Conn) {
		defer u.Close()
		for _, conn := range conns {
			if err := tunnel.Send(ctx, u, conn, nil); err != nil {
				log.Print(err)
			}
		}
	}
	_ = handOver
}
