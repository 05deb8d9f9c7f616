//go:build unix

// Command bench echoes with netpoll, on a plain port and on an encrypted one. "bench loops" of
// this repository starts and measures it.
package main

import (
	"context"
	"errors"
	"net"

	"github.com/cloudwego/netpoll"
	sealnetpoll "github.com/sealsock/sealsock/contrib/netpoll"
	"github.com/sealsock/sealsock/internal/loopecho"
	"github.com/sealsock/sealsock/loop/adapt"
)

func main() {
	loopecho.Main(func(plain, sealed string, e *adapt.Endpoint) error {
		open, err := netpoll.NewEventLoop(echo)
		if err != nil {
			return err
		}
		encrypted, err := sealnetpoll.NewEventLoop(e)
		if err != nil {
			return err
		}
		ended := make(chan error, 2)
		serve := func(loop netpoll.EventLoop, addr string) {
			l, err := net.Listen("tcp", addr)
			if err == nil {
				err = loop.Serve(l)
			}
			ended <- err
		}
		go serve(open, plain)
		go serve(encrypted, sealed)
		return errors.Join(<-ended, errors.New("netpoll has ended"))
	})
}

// echo sends back what comes, without encryption and without a copy.
func echo(_ context.Context, c netpoll.Connection) error {
	r, w := c.Reader(), c.Writer()
	b, err := r.Next(r.Len())
	if err != nil {
		return c.Close()
	}
	if _, err = w.WriteBinary(b); err == nil {
		err = w.Flush() // returns when the socket has taken all
	}
	return errors.Join(err, r.Release())
}
