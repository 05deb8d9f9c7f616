package transfer_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/transfer"
)

// A sender makes a code, and a receiver uses it. The connections to the relay are pipes here,
// and TLS elsewhere.
func Example() {
	ctx := context.Background()
	server := relay.NewServer(relay.NewMemory(0, 0), relay.Limits{})
	dial := func(context.Context) (net.Conn, error) {
		client, conn := net.Pipe()
		go server.Serve(context.Background(), conn)
		return client, nil
	}
	dir, err := os.MkdirTemp("", "")
	check(err)
	defer os.RemoveAll(dir)
	check(os.WriteFile(filepath.Join(dir, "hello.txt"), []byte("hello"), 0o600))
	check(os.Mkdir(filepath.Join(dir, "in"), 0o700))

	files, err := transfer.Scan(ctx, filepath.Join(dir, "hello.txt"))
	check(err)
	sender, err := transfer.NewSender(ctx, transfer.SendOptions{Dial: dial, Files: files})
	check(err)
	sent := make(chan error, 1)
	go func() { sent <- sender.Run(ctx) }()

	code, err := transfer.ParseCode(sender.Code().Text()) // as a person types it
	check(err)
	received, err := transfer.Receive(ctx, transfer.ReceiveOptions{
		Dial: dial, Code: code, Dir: filepath.Join(dir, "in")})
	check(err)
	check(<-sent)
	fmt.Printf("%d file, %d bytes: %v\n", received.Files, received.Bytes, received.Names)
	// Output: 1 file, 5 bytes: [hello.txt]
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
