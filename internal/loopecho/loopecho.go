// Package loopecho is what the programs that "bench loops" measures have in common: the echo
// servers on the event loops of the modules below contrib, each with a plain port and an
// encrypted one.
package loopecho

import (
	"fmt"
	"os"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/loop/adapt"
)

// Main serves with serve until it fails or the process is killed. The arguments of the program are
// the two addresses, HOST:PORT, and the files of a certificate and its key in PEM.
func Main(serve func(plain, sealed string, e *adapt.Endpoint) error) {
	if err := run(os.Args[1:], serve); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, serve func(plain, sealed string, e *adapt.Endpoint) error) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: %s PLAIN SEALED CERTIFICATE KEY", os.Args[0])
	}
	id, err := identity.Load(args[2], args[3])
	if err != nil {
		return err
	}
	e, err := adapt.NewServer(&sealsock.Config{Identities: []*identity.Identity{id}}, echo{})
	if err != nil {
		return err
	}
	return serve(args[0], args[1], e)
}

// echo sends back what comes.
type echo struct{}

func (echo) OnOpen(*adapt.Conn) {}

func (echo) OnData(c *adapt.Conn, data []byte) {
	if _, err := c.Write(data); err != nil {
		c.Close()
	}
}

func (echo) OnClose(*adapt.Conn, error) {}
