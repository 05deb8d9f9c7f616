package natsbus_test

import (
	"context"
	"log"
	"net"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/relay/natsbus"
)

// A relay that shares its rooms with others over a NATS server.
func Example() {
	conn, err := nats.Connect("nats://127.0.0.1:4222",
		nats.MaxReconnects(-1), nats.ReconnectBufSize(-1))
	if err != nil {
		log.Fatal(err)
	}
	bus, err := natsbus.New(conn, natsbus.Options{})
	if err != nil {
		log.Fatal(err)
	}
	server := relay.NewServer(bus, relay.Limits{})
	var listener net.Listener // of sealsock.Listen
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go server.Serve(context.Background(), conn)
	}
}
