package loop_test

import (
	"context"
	"fmt"
	"io"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/loop"
)

// upper answers each message in capitals.
type upper struct{}

func (upper) OnOpen(*loop.Conn)         {}
func (upper) OnClose(*loop.Conn, error) {}

func (upper) OnData(c *loop.Conn, data []byte) {
	answer := make([]byte, len(data))
	for i, b := range data {
		if 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		answer[i] = b
	}
	if _, err := c.Write(answer); err != nil {
		c.Close()
	}
}

// A server whose connections share a few goroutines.
func Example() {
	ctx := context.Background()
	key := engine.NewPSK([]byte("example"), []byte("a key that both sides have"))
	find := func(context.Context, []byte) (*engine.PSK, error) { return key, nil }
	server := &sealsock.Config{FindPSK: find}
	client := &sealsock.Config{PSKOnly: true, PSKs: []*engine.PSK{key}}
	l, err := sealsock.Listen(ctx, "127.0.0.1:0", server)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	g, err := loop.New(loop.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	go g.Serve(ctx, l, upper{})

	c, err := sealsock.Dial(ctx, l.Addr().String(), client)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	io.WriteString(c, "hello from a goroutine")
	answer := make([]byte, len("hello from a goroutine"))
	if _, err := io.ReadFull(c, answer); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", answer)
	// Output: HELLO FROM A GOROUTINE
}
