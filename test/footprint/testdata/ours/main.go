// Command ours is the smallest client of package sealsock.
package main

import (
	"context"
	"io"
	"os"

	"github.com/sealsock/sealsock"
)

func main() {
	conn, err := sealsock.Dial(context.Background(), os.Args[1], nil)
	if err != nil {
		os.Exit(1)
	}
	defer conn.Close()
	io.WriteString(conn, "hello\n")
}
