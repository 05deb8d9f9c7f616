//go:build unix

package tunnel_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
)

// idlePeers are a backend that sends back what it receives, whose address it prints, and the
// clients of a tunnel. A line of in has the address of a tunnel and a number of connections,
// which exchange a message and stay. idlePeers prints a line then, and returns at the end of in.
func idlePeers(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	fmt.Fprintln(out, l.Addr())
	var all []net.Conn
	for {
		var addr string
		var n int
		if _, err := fmt.Fscan(in, &addr, &n); err != nil {
			return nil
		}
		for range n {
			c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) // a test of sizes
			if err != nil {
				return err
			}
			message := make([]byte, 1024)
			if _, err := c.Write(message); err != nil {
				return err
			}
			if _, err := io.ReadFull(c, message); err != nil {
				return err
			}
			all = append(all, c)
		}
		fmt.Fprintln(out, len(all))
	}
}
