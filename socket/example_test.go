//go:build linux || darwin || freebsd

package socket_test

import (
	"context"
	"fmt"

	"github.com/sealsock/sealsock/socket"
	"github.com/sealsock/sealsock/socket/unix"
)

func Example() {
	ctx := context.Background()
	a, b, err := socket.SocketPair(unix.Family, socket.SeqPacket, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Close()
	defer b.Close()
	if _, err := a.Send(ctx, []byte("one message"), 0); err != nil {
		fmt.Println(err)
		return
	}
	buf := make([]byte, 100)
	n, err := b.Recv(ctx, buf, 0)
	fmt.Println(string(buf[:n]), err)
	_, err = b.NonBlocking().Recv(buf, 0)
	fmt.Println(err)
	// Output:
	// one message <nil>
	// read unix: recv: resource temporarily unavailable
}
