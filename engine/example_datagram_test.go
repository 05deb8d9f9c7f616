package engine_test

import (
	"fmt"
	"log"
	"time"

	"github.com/sealsock/sealsock/engine"
)

// Two sides of a connection of DTLS. A program sends each datagram over its socket, and calls
// Expire when the time that Timeout returns has come.
func ExampleDatagramClient() {
	key := engine.NewPSK([]byte("example"), []byte("a key that both sides have"))
	find := func([]byte) (*engine.PSK, error) { return key, nil }
	client, err := engine.DatagramClient(&engine.Config{PSKs: []*engine.PSK{key}},
		engine.Target{}, engine.DatagramOptions{})
	if err != nil {
		log.Fatal(err)
	}
	server, err := engine.DatagramServer(&engine.Config{FindPSK: find}, engine.DatagramOptions{})
	if err != nil {
		log.Fatal(err)
	}

	now := time.Now()
	if _, err := client.Start(now); err != nil {
		log.Fatal(err)
	}
	for !client.Ready() || !server.State().HandshakeDone {
		for d := client.NextDatagram(); d != nil; d = client.NextDatagram() {
			if _, err := server.Receive(now, d); err != nil {
				log.Fatal(err)
			}
		}
		for d := server.NextDatagram(); d != nil; d = server.NextDatagram() {
			if _, err := client.Receive(now, d); err != nil {
				log.Fatal(err)
			}
		}
	}
	d, err := client.Send(nil, []byte("hello"))
	if err != nil {
		log.Fatal(err)
	}
	events, err := server.Receive(now, d)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v, %q\n", server.State().CipherSuite, events[0].Data)
	// Output: TLS_AES_128_GCM_SHA256, "hello"
}
