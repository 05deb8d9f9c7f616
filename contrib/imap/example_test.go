package sealimap_test

import (
	"context"
	"fmt"
	"log"

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
