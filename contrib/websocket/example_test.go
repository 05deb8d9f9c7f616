package sealwebsocket_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net/http"

	coder "github.com/coder/websocket"

	"github.com/gorilla/websocket"

	"github.com/sealsock/sealsock"
	sealwebsocket "github.com/sealsock/sealsock/contrib/websocket"
)

func ExampleGorilla() {
	dialer, err := sealwebsocket.Gorilla(&sealsock.Config{})
	if err != nil {
		log.Fatal(err)
	}
	conn, _, err := dialer.DialContext(context.Background(), "wss://example.com/", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.ReadMessage())
}

func ExampleCoder() {
	options, err := sealwebsocket.Coder(&sealsock.Config{})
	if err != nil {
		log.Fatal(err)
	}
	conn, _, err := coder.Dial(context.Background(), "wss://example.com/", options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.Read(context.Background()))
}

func Example_server() {
	cfg := &sealsock.Config{} // with Identities
	l, err := sealsock.Listen(context.Background(), ":443", cfg)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := coder.Accept(w, r, nil)
		fmt.Println(conn, err)
	})))
}

// The same with crypto/tls.
func ExampleGorilla_cryptoTLS() {
	dialer := &websocket.Dialer{TLSClientConfig: &tls.Config{}}
	conn, _, err := dialer.DialContext(context.Background(), "wss://example.com/", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.ReadMessage())
}
