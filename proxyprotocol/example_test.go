package proxyprotocol_test

import (
	"fmt"
	"net"
	"strings"

	"github.com/sealsock/sealsock/proxyprotocol"
)

func Example() {
	h := &proxyprotocol.Header{
		Version:     1,
		Source:      &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 56324},
		Destination: &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 443},
	}
	b, err := h.Append(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%q\n", b)
	read, err := proxyprotocol.Read(strings.NewReader(string(b)))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(read.Source)
	// Output:
	// "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
	// 192.0.2.1:56324
}
