package sealsock_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
)

func TestResumption12(t *testing.T) {
	for _, c := range []struct {
		name string
		with func(client, server *sealsock.Config)
	}{
		{"sealed tickets", func(_, _ *sealsock.Config) {}},
		{"kept tickets", func(_, s *sealsock.Config) { s.Tickets = sealsock.KeepTickets(10) }},
		{"session IDs", func(c, s *sealsock.Config) { s.SessionIDs, c.NoTickets = sealsock.KeepSessionIDs(10), true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cc, sc := newConfigs(t)
			cc.MaxVersion, cc.Sessions = iana.TLS12, sealsock.NewMemoryCache(8)
			c.with(cc, sc)
			addr := serve(t, sc, echo)
			for i := range 4 {
				conn, err := sealsock.Dial(t.Context(), addr, cc)
				if err != nil {
					t.Fatal(err)
				}
				exchange(t, conn, "hello")
				got := conn.ConnectionState()
				if got.Version != tls.VersionTLS12 || got.DidResume != (i > 0) || len(got.PeerCertificates) != 1 || len(got.TLSUnique) != 12 {
					t.Errorf("connection %d: %+v", i, got)
				}
				conn.Close()
			}
		})
	}
}

func TestSessionIDsAreBounded(t *testing.T) {
	ids := sealsock.KeepSessionIDs(2)
	for _, id := range []string{"a", "b", "c"} {
		if err := ids.Store([]byte(id), new(engine.Session)); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]bool{"a": false, "b": true, "c": true, "d": false} {
		if s, err := ids.Load([]byte(id)); (s != nil) != want || err != nil {
			t.Errorf("session %q is there: %v, %v", id, s != nil, err)
		}
	}
}

func TestPSKHint12(t *testing.T) {
	key := engine.NewPSK([]byte("device 7"), bytes.Repeat([]byte{7}, 32))
	asked := make(chan string, 1)
	cc := &sealsock.Config{MaxVersion: iana.TLS12, PSKOnly: true, SelectPSK: func(_ context.Context, hint []byte) (*engine.PSK, error) {
		asked <- string(hint)
		return key, nil
	}}
	sc := &sealsock.Config{PSKHint: []byte("plant 3"), FindPSK: func(context.Context, []byte) (*engine.PSK, error) { return key, nil }}
	addr := serve(t, sc, func(c *sealsock.Conn) {
		state := c.State()
		c.Write(state.PSKIdentity)
		c.Close()
	})
	c, err := sealsock.Dial(t.Context(), addr, cc)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.ReadAll(c); string(got) != "device 7" || err != nil {
		t.Errorf("the server knows %q, %v", got, err)
	}
	if hint := <-asked; hint != "plant 3" {
		t.Errorf("the hint is %q", hint)
	}
}

func TestStandardSuites(t *testing.T) {
	c, err := sealsock.FromStandard(&tls.Config{CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, SessionTicketsDisabled: true})
	if err != nil || len(c.CipherSuites) != 4 || !c.NoTickets || c.NumTickets >= 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := sealsock.FromStandard(&tls.Config{CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}); err == nil {
		t.Error("a suite that is not implemented is taken over")
	}
}

func TestUnwrap12(t *testing.T) {
	cc, sc := newConfigs(t)
	cc.MaxVersion = iana.TLS12
	addr := serve(t, sc, func(c *sealsock.Conn) {
		io.Copy(io.Discard, c)
		raw, err := c.Unwrap(context.Background())
		if err != nil {
			return
		}
		io.WriteString(raw, "in the clear")
		raw.Close()
	})
	c, err := sealsock.Dial(t.Context(), addr, cc)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.Unwrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if got, err := io.ReadAll(raw); string(got) != "in the clear" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestOnly13 checks that TLS 1.2 has no late authentication and no key updates.
func TestOnly13(t *testing.T) {
	cc, sc := newConfigs(t)
	cc.MaxVersion, cc.PostHandshakeAuth = iana.TLS12, true
	failed := make(chan error, 1)
	addr := serve(t, sc, func(c *sealsock.Conn) {
		failed <- c.RequestClientCertificate(context.Background())
		echo(c)
	})
	c, err := sealsock.Dial(t.Context(), addr, cc)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-failed; err == nil {
		t.Error("a certificate can be asked for late")
	}
	if err := c.Rekey(t.Context(), true); err == nil {
		t.Error("keys can be updated only on an open TLS 1.3 connection")
	}
	exchange(t, c, "all the same")
}
