package natsserve_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/sealsock/sealsock"
	sealnats "github.com/sealsock/sealsock/contrib/nats"
	"github.com/sealsock/sealsock/contrib/nats/natsserve"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

func Example() {
	ctx, cfg := context.Background(), &sealsock.Config{} // with Identities
	ns, err := server.NewServer(&server.Options{DontListen: true, TLSConfig: new(tls.Config)})
	if err != nil {
		log.Fatal(err)
	}
	ns.Start()
	l, err := sealsock.Listen(ctx, ":4222", cfg)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(natsserve.Serve(ctx, l, ns))
}

// TestServe has two clients of a server within this program, one of which requests from the
// other, and ends the server's connections with the context.
func TestServe(t *testing.T) {
	ns, err := server.NewServer(&server.Options{
		DontListen: true, NoSigs: true, NoLog: true, Username: "u", Password: "p",
		TLSConfig: new(tls.Config),
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(ns.Shutdown)
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "127.0.0.1")
	id := &identity.Identity{Chain: leaf.Chain, Signer: identity.NewSigner(leaf.Key)}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0",
		&sealsock.Config{Identities: []*identity.Identity{id}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- natsserve.Serve(ctx, l, ns) }()
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	url := "tls://" + l.Addr().String()
	option, err := sealnats.Client(&sealsock.Config{Trust: &trust.Policy{Roots: roots}}, url,
		sealnats.Options{TLSFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{}, 2)
	connect := func(password string, option nats.Option) (*nats.Conn, error) {
		return nats.Connect(url, option, nats.UserInfo("u", password), nats.NoReconnect(),
			nats.Timeout(time.Minute), nats.ClosedHandler(func(*nats.Conn) { closed <- struct{}{} }))
	}
	if _, err := connect("wrong", option); err == nil {
		t.Error("a wrong password is accepted")
	}
	one, err := connect("p", option)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	two, err := connect("p", func(o *nats.Options) error { // a client of crypto/tls
		o.TLSHandshakeFirst, o.TLSConfig = true, &tls.Config{RootCAs: pool}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	double := func(m *nats.Msg) { m.Respond(append(m.Data, m.Data...)) }
	if _, err := one.Subscribe("double", double); err != nil {
		t.Fatal(err)
	}
	if err := one.Flush(); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		text := fmt.Sprint(i)
		m, err := two.RequestWithContext(t.Context(), "double", []byte(text))
		if err != nil || string(m.Data) != text+text {
			t.Fatalf("%v, %v", m, err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	<-closed
	<-closed
	if err := natsserve.Serve(ctx, nil, ns); err == nil {
		t.Error("a nil listener is served")
	}
}
