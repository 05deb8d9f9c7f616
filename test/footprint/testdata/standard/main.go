// Command standard is the smallest client of package crypto/tls.
package main

import (
	"crypto/tls"
	"io"
	"os"
)

func main() {
	conn, err := tls.Dial("tcp", os.Args[1], nil)
	if err != nil {
		os.Exit(1)
	}
	defer conn.Close()
	io.WriteString(conn, "hello\n")
}
