package natsfleet_test

import (
	"context"
	"log"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/fleet/natsfleet"
)

// One of the servers behind an address, whose sessions resume at each of them.
func Example() {
	conn, err := nats.Connect("nats://127.0.0.1:4222",
		nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true))
	if err != nil {
		log.Fatal(err)
	}
	secret, err := fleet.ReadSecret("/etc/seal/fleet.secret")
	if err != nil {
		log.Fatal(err)
	}
	member, err := natsfleet.Join(conn, secret, natsfleet.Options{})
	if err != nil {
		log.Fatal(err)
	}
	cfg := &sealsock.Config{} // with Identities
	cfg.Tickets = sealsock.SealTickets(member, nil)
	cfg.AntiReplay, cfg.MaxEarlyData = member, 16<<10
	listener, err := sealsock.Listen(context.Background(), ":4433", cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
}
