package sealimap_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sealsock/sealsock"
	sealimap "github.com/sealsock/sealsock/contrib/imap"
)

func Example() {
	ctx, cfg := context.Background(), &sealsock.Config{}
	client, err := sealimap.Dial(ctx, "mail.example.com:143", cfg, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Login("user", "password").Wait())
}

// The same with crypto/tls.
func Example_cryptoTLS() {
	options := &imapclient.Options{TLSConfig: &tls.Config{}}
	client, err := imapclient.DialStartTLS("mail.example.com:143", options)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Login("user", "password").Wait())
}
