package sealsmtp_test

import (
	"context"
	"crypto/tls"
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

// The same with crypto/tls.
func Example_cryptoTLS() {
	client, err := smtp.Dial("mail.example.com:587")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	err = client.StartTLS(&tls.Config{ServerName: "mail.example.com"})
	if err == nil {
		err = client.Auth(smtp.PlainAuth("", "user", "password", "mail.example.com"))
	}
	fmt.Println(err, client.Mail("user@example.com"))
}
