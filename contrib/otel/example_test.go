package sealotel_test

import (
	"context"
	"log"

	"go.opentelemetry.io/otel"

	"github.com/sealsock/sealsock"
	sealotel "github.com/sealsock/sealsock/contrib/otel"
)

func Example() {
	record, err := sealotel.Record(otel.GetMeterProvider())
	if err != nil {
		log.Fatal(err)
	}
	cfg := &sealsock.Config{OnHandshake: record}
	conn, err := sealsock.Dial(context.Background(), "example.com:443", cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
}
