package sealsmtp_test

import (
	"context"
	"fmt"
	"log"
	"net/smtp"

	"github.com/sealsock/sealsock"
	sealsmtp "github.com/sealsock/sealsock/contrib/smtp"
)

func Example() {
	ctx, cfg := context.Background(), &sealsock.Config{}
	client, err := sealsmtp.Dial(ctx, "mail.example.com:587", cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = client.Auth(smtp.PlainAuth("", "user", "password", "mail.example.com"))
	fmt.Println(err, client.Mail("user@example.com"))
}
