package httptransport_test

import (
	"fmt"
	"log"
	"net/http"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/httptransport"
	"github.com/sealsock/sealsock/identity"
)

func ExampleNew() {
	transport, err := httptransport.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	resp, err := client.Get("https://example.com/")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status, resp.TLS.NegotiatedProtocol)
}

func ExampleListenAndServe() {
	id, err := identity.Load("server.pem", "server.key")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: ":443"}
	cfg := &sealsock.Config{Identities: []*identity.Identity{id}}
	log.Fatal(httptransport.ListenAndServe(server, cfg))
}
