package message_test

import (
	"fmt"
	"net"

	"github.com/sealsock/sealsock/message"
)

// Two ends of any connection, such as a [sealsock.Conn], exchange messages.
func Example() {
	a, b := net.Pipe()
	server := message.New(b, message.Options{Limit: 4096})
	go func() {
		question, err := server.Receive(nil)
		if err == nil {
			server.Send(fmt.Appendf(nil, "%d bytes", len(question)))
		}
	}()
	client := message.New(a, message.Options{})
	if err := client.Send([]byte("how long is this?")); err != nil {
		fmt.Println(err)
	}
	answer, err := client.Receive(nil)
	fmt.Println(string(answer), err)
	// Output: 17 bytes <nil>
}
