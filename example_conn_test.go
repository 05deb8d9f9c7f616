package sealsock_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

// A handshake within a time limit, on a connection whose peer is silent.
func ExampleConn_Handshake() {
	_, server := demo()
	a, b := net.Pipe()
	defer a.Close()
	conn, err := sealsock.Server(b, server)
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		fmt.Println(err)
		conn.GiveUp(err) // another call of Handshake would continue it
	}
	// Output: context deadline exceeded
}

func ExampleConn_CloseWrite() {
	client, server := demo()
	l := listen(server, func(conn *sealsock.Conn) {
		request, err := io.ReadAll(conn) // until the client's close_notify
		check(err)
		fmt.Fprintf(conn, "%d bytes received", len(request))
		conn.Close()
	})
	defer l.Close()
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	fmt.Fprint(conn, "a request")
	check(conn.CloseWrite())
	text, err := io.ReadAll(conn)
	check(err)
	fmt.Println(string(text))
	// Output: 9 bytes received
}

// A deadline interrupts Read and loses nothing.
func ExampleConn_SetReadDeadline() {
	client, server := demo()
	proceed := make(chan bool)
	l := listen(server, func(conn *sealsock.Conn) {
		<-proceed
		greet(conn)
	})
	defer l.Close()
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	check(conn.SetReadDeadline(time.Now()))
	_, err = conn.Read(make([]byte, 1))
	fmt.Println("too early:", errors.Is(err, os.ErrDeadlineExceeded))
	check(conn.SetReadDeadline(time.Time{}))
	proceed <- true
	text, err := io.ReadAll(conn)
	check(err)
	fmt.Print(string(text))
	// Output:
	// too early: true
	// hello over TLS 1.3
}

// A sender that fails half-way: the peer does not take a part for the whole.
func ExampleConn_Abort() {
	client, server := demo()
	l := listen(server, func(conn *sealsock.Conn) {
		fmt.Fprint(conn, "half of a fi")
		check(conn.Abort(iana.AlertInternalError))
	})
	defer l.Close()
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	text, err := io.ReadAll(conn)
	var e *engine.Error
	if errors.As(err, &e) {
		fmt.Printf("%q, and then the alert %v\n", text, e.Alert)
	}
	// Output: "half of a fi", and then the alert internal_error
}

// What was verified of the peer, and what was negotiated.
func ExampleConn_Peer() {
	client, server := demo()
	l := listen(server, greet)
	defer l.Close()
	conn, err := sealsock.Dial(context.Background(), l.Addr().String(), client)
	check(err)
	defer conn.Close()
	fmt.Println(conn.Peer().Name, "has a certificate under", len(conn.Peer().Chains), "authority")
	fmt.Println(conn.State().Version, conn.State().Resumed)
	// Output:
	// localhost has a certificate under 1 authority
	// TLS 1.3 false
}
