package sealnats_test

import (
	"crypto/tls"
	"log"

	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock"
	sealnats "github.com/sealsock/sealsock/contrib/nats"
)

func Example() {
	const servers = "tls://nats.example:4222"
	option, err := sealnats.Client(&sealsock.Config{}, servers, sealnats.Options{})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := nats.Connect(servers, option)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
}

// The same with crypto/tls.
func Example_cryptoTLS() {
	const servers = "tls://nats.example:4222"
	conn, err := nats.Connect(servers, nats.Secure(&tls.Config{}))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
}
