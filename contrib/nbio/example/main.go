// Command example is an encrypted echo server on nbio. It takes its address and two PEM files:
//
//	go run ./example 127.0.0.1:4433 cert.pem key.pem
package main

import (
	"log"
	"os"

	"github.com/lesismal/nbio"
	"github.com/sealsock/sealsock"
	sealnbio "github.com/sealsock/sealsock/contrib/nbio"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/loop/adapt"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: example ADDRESS CERTIFICATE KEY")
	}
	id, err := identity.Load(os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	e, err := adapt.NewServer(cfg, echo{})
	if err != nil {
		log.Fatal(err)
	}
	engine := nbio.NewEngine(nbio.Config{Network: "tcp", Addrs: os.Args[1:2]})
	sealnbio.Attach(engine, e)
	if err := engine.Start(); err != nil {
		log.Fatal(err)
	}
	engine.Wait()
}

// echo sends back what comes.
type echo struct{}

func (echo) OnOpen(*adapt.Conn) {}

func (echo) OnData(c *adapt.Conn, data []byte) {
	if _, err := c.Write(data); err != nil {
		c.Close() // the peer takes nothing
	}
}

func (echo) OnClose(_ *adapt.Conn, err error) {
	if err != nil {
		log.Print(err)
	}
}
