package sealmysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/go-sql-driver/mysql"

	"github.com/sealsock/sealsock"
	sealmysql "github.com/sealsock/sealsock/contrib/mysql"
)

func Example() {
	ctx, cfg := context.Background(), &sealsock.Config{}
	config, err := mysql.ParseDSN("user:password@tcp(db.example.com:3306)/app")
	if err != nil {
		log.Fatal(err)
	}
	connector, err := sealmysql.NewConnector(config, cfg)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sql.OpenDB(connector).PingContext(ctx))
}
