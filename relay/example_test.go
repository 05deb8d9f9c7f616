package relay_test

import (
	"context"
	"fmt"
	"net"

	"github.com/sealsock/sealsock/relay"
)

// Two members of a room, each with a connection to the relay: pipes here, and TLS elsewhere.
func Example() {
	server := relay.NewServer(relay.NewMemory(0, 0), relay.Limits{})
	room := relay.RoomID{1} // elsewhere the output of HKDF
	join := func() *relay.Member {
		client, conn := net.Pipe()
		go server.Serve(context.Background(), conn)
		member, err := relay.Join(context.Background(), client, room, relay.NewToken())
		if err != nil {
			panic(err)
		}
		return member
	}
	alice, bob := join(), join()
	defer alice.Close()
	defer bob.Close()
	alice.Send(bob.ID(), []byte("what only bob can decrypt"))
	m, err := bob.Receive()
	fmt.Println(m.Member == alice.ID(), string(m.Payload), err)
	// Output: true what only bob can decrypt <nil>
}
