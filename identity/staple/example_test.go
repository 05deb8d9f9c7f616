package staple_test

import (
	"log"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/identity/staple"
)

func Example() {
	reloader, err := identity.Watch("server.pem", "server.key")
	if err != nil {
		log.Fatal(err)
	}
	stapler, err := staple.New(reloader, staple.Options{})
	if err != nil {
		log.Fatal(err)
	}
	_ = &sealsock.Config{Source: stapler}
}
