package sealredis_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"github.com/sealsock/sealsock"
	sealredis "github.com/sealsock/sealsock/contrib/redis"
)

func Example() {
	ctx, cfg := context.Background(), &sealsock.Config{}
	options, err := redis.ParseURL("rediss://user:password@cache.example.com:6379")
	if err != nil {
		log.Fatal(err)
	}
	if err := sealredis.Use(options, cfg); err != nil {
		log.Fatal(err)
	}
	fmt.Println(redis.NewClient(options).Ping(ctx))
}

// The same with crypto/tls.
func Example_cryptoTLS() {
	ctx, cfg := context.Background(), &tls.Config{}
	options, err := redis.ParseURL("rediss://user:password@cache.example.com:6379")
	if err != nil {
		log.Fatal(err)
	}
	options.TLSConfig = cfg
	fmt.Println(redis.NewClient(options).Ping(ctx))
}
