package sealpgx_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"

	"github.com/sealsock/sealsock"
	sealpgx "github.com/sealsock/sealsock/contrib/pgx"
)

func Example() {
	ctx, cfg := context.Background(), &sealsock.Config{}
	config, err := pgx.ParseConfig("postgres://user@db.example.com/app")
	if err != nil {
		log.Fatal(err)
	}
	if err := sealpgx.Use(&config.Config, cfg); err != nil {
		log.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.Ping(ctx))
}
