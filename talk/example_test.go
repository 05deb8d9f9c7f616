package talk_test

import (
	"context"
	"fmt"
	"net"

	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/talk"
)

// Two members meet in a room and talk. The connections to the relay are pipes here, and TLS
// elsewhere.
func Example() {
	ctx := context.Background()
	server := relay.NewServer(relay.NewMemory(0, 0), relay.Limits{})
	dial := func(context.Context) (net.Conn, error) {
		client, conn := net.Pipe()
		go server.Serve(context.Background(), conn)
		return client, nil
	}
	invitation, err := talk.NewInvitation("relay.example:4433", "")
	check(err)
	join := func(name string) *talk.Room {
		room, err := talk.Join(ctx, talk.Options{Invitation: invitation, Dial: dial, Name: name})
		check(err)
		return room
	}
	alice, bob := join("alice"), join("bob")
	for e := new(talk.Event); e.Kind != talk.Joined || e.Member.Name == ""; {
		e, err = alice.Receive(ctx)
		check(err)
	}
	_, err = alice.Send(ctx, "hello")
	check(err)
	for {
		e, err := bob.Receive(ctx)
		check(err)
		if e.Kind == talk.Text {
			fmt.Printf("%s: %s\n", e.Member.Name, e.Text)
			break
		}
	}
	check(alice.Close(ctx))
	check(bob.Close(ctx))
	// Output: alice: hello
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
