package sealmysql_test

import (
	"context"
	"crypto/tls"
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

// The same with crypto/tls.
func Example_cryptoTLS() {
	ctx, cfg := context.Background(), &tls.Config{ServerName: "db.example.com"}
	config, err := mysql.ParseDSN("user:password@tcp(db.example.com:3306)/app")
	if err != nil {
		log.Fatal(err)
	}
	config.TLS = cfg
	connector, err := mysql.NewConnector(config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sql.OpenDB(connector).PingContext(ctx))
}
