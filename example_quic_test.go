package sealsock_test

import (
	"context"
	"fmt"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
)

// Both sides of the handshake of a QUIC connection. A program carries the data in CRYPTO frames,
// and protects its packets with the secrets. The Configs verify the peers.
func ExampleEngine_NewQUIC() {
	clientConfig, serverConfig := demo()
	clientConfig.ALPN, serverConfig.ALPN = []string{"h3"}, []string{"h3"}
	clients, err := sealsock.ClientEngine(clientConfig)
	check(err)
	servers, err := sealsock.ServerEngine(serverConfig)
	check(err)
	parameters := engine.QUICOptions{TransportParameters: []byte("encoded")}
	client, err := clients.NewQUIC("localhost", "", parameters)
	check(err)
	server, err := servers.NewQUIC("", "", parameters)
	check(err)
	check(client.Start())
	for !server.State().HandshakeDone {
		carry(client, server)
		carry(server, client)
	}
	fmt.Println(client.State().ALPN, client.Peer().Leaf.DNSNames)
	// Output:
	// h3 [localhost]
}

// carry acts on the events of one side.
func carry(from, to *sealsock.QUICConn) {
	for ev := from.NextEvent(); ev.Kind != engine.QUICNoEvent; ev = from.NextEvent() {
		switch ev.Kind {
		case engine.QUICSetReadSecret, engine.QUICSetWriteSecret:
			_ = ev.Secret() // for the packets of ev.Level, with ev.Suite
		case engine.QUICWriteData:
			check(to.HandleData(ev.Level, ev.Data))
		case engine.QUICStoreSession:
			from.StoreSession(ev.Session)
		case engine.QUICWaiting:
			check(from.Answer(context.Background(), ev.Question))
		}
	}
}
