package fleet_test

import (
	"context"
	"log"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/fleet"
)

// A server whose sessions resume at each server that has the same file.
func ExampleKeyFile() {
	keys, err := fleet.OpenKeyFile("/etc/seal/ticket.keys", func(err error) { log.Print(err) })
	if err != nil {
		log.Fatal(err)
	}
	cfg := &sealsock.Config{} // with Identities
	cfg.Tickets = sealsock.SealTickets(keys, nil)
	listener, err := sealsock.Listen(context.Background(), ":4433", cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
}
