package sealpgx_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/sealsock/sealsock"
	sealpgx "github.com/sealsock/sealsock/contrib/pgx"
)

func Example() {
	ctx, cfg := context.Background(), &sealsock.Config{}
	config, err := pgx.ParseConfig("postgres://user@db.example.com/app")
	if err == nil {
		err = sealpgx.Use(&config.Config, cfg)
	}
	if err != nil {
		log.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	fmt.Println(conn, err)
}

// The same with crypto/tls.
func Example_cryptoTLS() {
	ctx, cfg := context.Background(), &tls.Config{ServerName: "db.example.com"}
	config, err := pgx.ParseConfig("postgres://user@db.example.com/app")
	if err != nil {
		log.Fatal(err)
	}
	config.TLSConfig = cfg
	conn, err := pgx.ConnectConfig(ctx, config)
	fmt.Println(conn, err)
}
