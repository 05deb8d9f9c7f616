package sealpq_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/sealsock/sealsock"
	sealpq "github.com/sealsock/sealsock/contrib/pq"
)

func Example() {
	ctx, cfg := context.Background(), &sealsock.Config{}
	connector, err := sealpq.NewConnector("postgres://user@db.example.com/app", cfg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sql.OpenDB(connector).PingContext(ctx))
}
