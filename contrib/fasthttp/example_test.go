package sealfasthttp_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"

	"github.com/valyala/fasthttp"

	"github.com/sealsock/sealsock"
	sealfasthttp "github.com/sealsock/sealsock/contrib/fasthttp"
)

func Example() {
	dial, err := sealfasthttp.Dial(&sealsock.Config{})
	if err != nil {
		log.Fatal(err)
	}
	client := &fasthttp.Client{Dial: dial}
	code, body, err := client.Get(nil, "https://example.com/")
	fmt.Println(code, len(body), err)
}

func Example_server() {
	cfg := &sealsock.Config{} // with Identities
	l, err := sealsock.Listen(context.Background(), ":443", cfg)
	if err != nil {
		log.Fatal(err)
	}
	server := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) { c.WriteString("hello") }}
	log.Fatal(server.Serve(l))
}

// The same with crypto/tls.
func Example_cryptoTLS() {
	client := &fasthttp.Client{TLSConfig: &tls.Config{}}
	code, body, err := client.Get(nil, "https://example.com/")
	fmt.Println(code, len(body), err)
}
