//go:build unix

package tunnel_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// TestUpgradeOfAFullSocket moves connections whose client does not read, so that the last
// bytes for it are encrypted and not sent. They arrive once the client reads, although the
// backend sends nothing more.
func TestUpgradeOfAFullSocket(t *testing.T) {
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// The socket holds about 200 KiB; whatever it holds, some of these sizes are just above.
	const clients, step = 40, 12 << 10
	sent := make(chan error, clients)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				size := make([]byte, 1)
				_, err := io.ReadFull(c, size)
				if err == nil {
					_, err = c.Write(make([]byte, int(size[0])*step))
				}
				sent <- err
				io.Copy(io.Discard, c)
				c.Close()
			}()
		}
	}()
	text := `drain = "20s"
[[tunnel]]
name = "t"
listen = ["unix://DIR/t"]
server = { cert = "DIR/server.pem", key = "DIR/server.key" }
backend = [{ address = "` + l.Addr().String() + `" }]
`
	s, end := b.run(text)
	var all []*tls.Conn
	for n := range clients {
		c, err := tls.Dial("unix", b.dir+"/t", b.tls())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte{byte(n)}); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for range clients {
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	_, end = b.upgrade(s, end, text)
	limit := time.Now().Add(20 * time.Second)
	for n, c := range all {
		c.SetReadDeadline(limit)
		if got, err := io.CopyN(io.Discard, c, int64(n*step)); err != nil {
			t.Errorf("%d of %d bytes: %v", got, n*step, err)
		}
	}
	for _, c := range all {
		c.Close()
	}
	end()
}
