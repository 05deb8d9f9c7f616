package adapt_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/loop/adapt"
)

// A pipe is a Transport of a connection that this program reads itself.
type pipe struct {
	adapt.Turns
	net.Conn
}

// Buffered returns 0, because Write waits until the peer has taken everything.
func (*pipe) Buffered() int { return 0 }

// A greeter is a Handler.
type greeter struct{}

func (greeter) OnOpen(c *adapt.Conn) {
	c.Write([]byte("welcome"))
	c.Close()
}

func (greeter) OnData(*adapt.Conn, []byte) {}

func (greeter) OnClose(*adapt.Conn, error) {}

func Example() {
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	e, err := adapt.NewServer(cfg, greeter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	near, far := net.Pipe()
	go func() { // what a library does with one connection
		t := &pipe{Conn: far}
		c, err := e.NewConn(t)
		buf := make([]byte, 4096)
		for n := 0; err == nil; {
			n, err = far.Read(buf)
			t.Wait(func() { c.Receive(buf[:n]) })
		}
		t.Run(func() { c.Closed(err) })
	}()
	client := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
	text, err := io.ReadAll(client)
	fmt.Println(string(text), err)
	// Output: welcome <nil>
}
