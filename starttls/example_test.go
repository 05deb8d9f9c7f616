package starttls_test

import (
	"context"
	"fmt"
	"net"

	"github.com/sealsock/sealsock/starttls"
)

func Example() {
	client, server := net.Pipe()
	go starttls.Server(context.Background(), server, "postgres", "")

	if err := starttls.Client(context.Background(), client, "postgres", "db.example.com"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the server awaits a ClientHello")
	// Output: the server awaits a ClientHello
}
