package natsfleet

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/sealsock/sealsock/internal/natstest"
)

// TestFull: clients that fill the memory of attempts have further ones refused, and do not keep
// the members from sharing the rest.
func TestFull(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	m := join(t, nc, 1, Options{Interval: time.Hour}) // nothing is looked at meanwhile
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "KV_"+m.name+"-early")
	if err != nil {
		t.Fatal(err)
	}
	cfg := stream.CachedInfo().Config
	cfg.MaxBytes = 1000
	if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for i := range 20 {
		if m.Fresh([]byte{byte(i)}, time.Now()) {
			accepted++
		}
		if s := m.State(); !s.Shared || !s.Early || s.Err != nil {
			t.Fatalf("after %d attempts: %+v", i+1, s)
		}
	}
	if accepted == 0 || accepted == 20 {
		t.Errorf("%d attempts were accepted", accepted)
	}
}
