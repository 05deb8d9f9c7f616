package main

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/measure"
	"github.com/sealsock/sealsock/internal/peers"
)

// TestOpenSSL: the helper compiles, and every command gives figures.
func TestOpenSSL(t *testing.T) {
	peers.Need(t, "cc")
	if _, err := os.Stat("/usr/include/openssl/ssl.h"); err != nil {
		if os.Getenv("SEALSOCK_PEERS") == "require" {
			t.Fatal(err)
		}
		t.Skip("OpenSSL's headers are missing: only the comparison needs them")
	}
	o, err := startOpenSSL()
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	const moment = 20 * time.Millisecond
	for _, resume := range []bool{false, true} {
		s, err := o.Handshakes(measure.Handshake{
			Key: "rsa", Chain: 2, Group: iana.X25519, Resume: resume,
		}, moment)
		if err != nil || s.PerSecond <= 0 || s.Client <= 0 || s.Server <= 0 {
			t.Errorf("handshakes: %+v, %v", s, err)
		}
	}
	for what, ask := range map[string]func() (float64, error){
		"bulk in memory": func() (float64, error) { return o.Bulk(measure.Memory, moment) },
		"bulk over TCP":  func() (float64, error) { return o.Bulk(measure.Loopback, moment) },
		"round trips":    func() (float64, error) { return o.Trips(moment) },
		"idle":           func() (float64, error) { return o.Idle(measure.Goroutine, 5) },
	} {
		if v, err := ask(); err != nil || v <= 0 {
			t.Errorf("%s: %v, %v", what, v, err)
		}
	}
	if _, err := o.ask("nonsense"); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an unknown command: %v", err)
	}
}
