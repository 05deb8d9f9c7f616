//go:build unix

package tunnel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/tunnel"
)

// A tunnel that decrypts for a plaintext server, from a file.
func ExampleLoad() {
	run := func(ctx context.Context, file string) error {
		cfg, err := tunnel.Load(file)
		if err != nil {
			return err // all mistakes in the file, each with its line
		}
		s, err := tunnel.New(cfg, tunnel.Options{Log: slog.Default()})
		if err != nil {
			return err
		}
		if err := s.Listen(ctx); err != nil {
			return err
		}
		return s.Serve(ctx)
	}
	_ = run
}

// Mistakes have a line and a column.
func ExampleParse() {
	_, err := tunnel.Parse("seal.toml", []byte(`
[[tunnel]]
name = "web"
listen = [":443"]
server = { cert = "web.pem", min_version = "1.1" }
backend = [{ address = "127.0.0.1:8080" }]
`))
	fmt.Println(err)
	// Output:
	// seal.toml:5:30: tunnel[0].server.min_version: "1.1" is not valid (write one of 1.2, 1.3)
}

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
