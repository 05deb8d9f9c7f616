package sealgrpc_test

import (
	"crypto/tls"
	"fmt"
	"log"

	"google.golang.org/grpc"

	"google.golang.org/grpc/credentials"

	"github.com/sealsock/sealsock"
	sealgrpc "github.com/sealsock/sealsock/contrib/grpc"
)

func Example() {
	creds, err := sealgrpc.NewClient(&sealsock.Config{})
	if err != nil {
		log.Fatal(err)
	}
	conn, err := grpc.NewClient("example.com:443", grpc.WithTransportCredentials(creds))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.GetState())
}

// The same with crypto/tls.
func Example_cryptoTLS() {
	creds := credentials.NewTLS(&tls.Config{})
	conn, err := grpc.NewClient("example.com:443", grpc.WithTransportCredentials(creds))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Println(conn.GetState())
}
