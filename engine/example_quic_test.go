package engine_test

import (
	"fmt"
	"log"

	"github.com/sealsock/sealsock/engine"
)

// Two sides of the handshake of a QUIC connection. A program sends the data in CRYPTO frames,
// and protects its packets with the secrets.
func ExampleQUICClient() {
	key := engine.NewPSK([]byte("example"), []byte("a key that both sides have"))
	options := engine.Options{ALPN: []string{"h3"}, PSKs: []*engine.PSK{key}}
	client, err := engine.QUICClient(&engine.Config{Options: options}, engine.Target{},
		engine.QUICOptions{TransportParameters: []byte("encoded")})
	if err != nil {
		log.Fatal(err)
	}
	server, err := engine.QUICServer(&engine.Config{
		Options: options,
		FindPSK: func([]byte) (*engine.PSK, error) { return key, nil },
	}, engine.QUICOptions{TransportParameters: []byte("encoded")})
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	for !server.State().HandshakeDone {
		exchange(client, server)
		exchange(server, client)
	}
	fmt.Println(client.State().Version, client.State().ALPN)
	// Output:
	// TLS 1.3 h3
}

// exchange acts on the events of one side.
func exchange(from, to *engine.QUICConn) {
	for ev := from.NextEvent(); ev.Kind != engine.QUICNoEvent; ev = from.NextEvent() {
		switch ev.Kind {
		case engine.QUICSetReadSecret, engine.QUICSetWriteSecret:
			_ = ev.Secret() // for the packets of ev.Level, with ev.Suite
		case engine.QUICWriteData:
			if err := to.HandleData(ev.Level, ev.Data); err != nil {
				log.Fatal(engine.QUICErrorCode(err), err)
			}
		}
	}
}
