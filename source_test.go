package sealsock_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// prover is an identity.Selector that an authority may ask for proofs.
type prover struct {
	*identity.Identity
	requests chan identity.Request
}

func (p prover) Select(_ context.Context, r *identity.Request) (*identity.Identity, error) {
	p.requests <- *r
	if r.ServerName == "nobody.test" {
		return nil, errors.New("no certificate for that name")
	}
	return p.Identity, nil
}

func (prover) ProofProtocols() []string { return []string{"proof"} }

// TestSource has a Source on both sides. An authority that offers the protocol of proofs
// gets it, also where the server has other protocols or none; a client that offers another
// one beside it does not, and client authentication is required in any case.
func TestSource(t *testing.T) {
	for _, tc := range []struct {
		own, offered []string
		name         string
		want         string // the protocol
		fails        bool
	}{
		{nil, nil, "localhost", "", false},
		{[]string{"h2"}, []string{"h2"}, "localhost", "h2", false},
		{[]string{"h2"}, []string{"proof"}, "localhost", "proof", false},
		{nil, []string{"proof"}, "localhost", "proof", false},
		{[]string{"h2"}, []string{"proof", "x"}, "localhost", "", true},
		{[]string{"h2"}, []string{"h2"}, "nobody.test", "", true},
	} {
		for _, authenticated := range []bool{true, false} {
			cc, sc := newConfigs(t)
			requests := make(chan identity.Request, 4)
			sc.Source, sc.Identities = prover{sc.Identities[0], requests}, nil
			sc.ALPN, sc.ClientAuth = tc.own, sealsock.RequireClientCert
			cc.ALPN, cc.ServerName = tc.offered, tc.name
			if authenticated {
				cc.Source = cc.Identities[0]
			}
			cc.Identities = nil
			protocol, err := bothHandshakes(t, cc, sc)
			fails := tc.fails || !authenticated
			if fails != (err != nil) || protocol != tc.want && !fails {
				t.Errorf("%v, client certificate %v: %q, %v", tc, authenticated, protocol, err)
			}
			if len(requests) == 0 {
				continue // refused before
			}
			r := <-requests
			if r.ServerName != tc.name || !slices.Equal(r.Protocols, tc.offered) || len(r.Schemes) == 0 {
				t.Errorf("%v: asked for %+v", tc, r)
			}
		}
	}
}

// bothHandshakes returns the protocol of a connection, or the error of either side.
func bothHandshakes(t *testing.T, cc, sc *sealsock.Config) (string, error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	client, err := sealsock.Client(near, cc)
	if err != nil {
		t.Fatal(err)
	}
	server, err := sealsock.Server(far, sc)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		err := client.HandshakeContext(t.Context())
		near.Close()
		done <- err
	}()
	err = server.HandshakeContext(t.Context())
	far.Close()
	return server.State().ALPN, errors.Join(err, <-done)
}

// TestManyIdentities holds connections of a server with one certificate and of one with
// 10,000. The latter cost a connection nothing, and each name gets its own. On a busy machine
// some connections rest before the heap is measured and others do not, so there are several tries.
func TestManyIdentities(t *testing.T) {
	for range 5 {
		one, many := heapPerConnection(t, 1), heapPerConnection(t, 10000)
		t.Logf("heap for each connection: %d bytes with one certificate, %d with 10,000", one, many)
		if many <= one+one/10 {
			return
		}
	}
	t.Error("more than 110 % with 10,000 certificates, in each of five tries")
}

// heapPerConnection returns the heap that a pair of connections takes, with n certificates
// at the server.
func heapPerConnection(t *testing.T, n int) int64 {
	_, sc := newConfigs(t)
	base := sc.Identities[0]
	sc.Identities = nil
	for i := range n {
		// Parsing and signing as many certificates would take longer than the test.
		leaf := new(x509.Certificate)
		*leaf = *base.Leaf
		leaf.DNSNames = []string{fmt.Sprintf("site-%d.test", i)}
		id := *base
		id.Leaf = leaf
		sc.Identities = append(sc.Identities, &id)
	}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", sc)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialer, err := sealsock.NewDialer(&sealsock.Config{
		Trust: &trust.Policy{Insecure: true}, ServerName: fmt.Sprintf("site-%d.test", n-1)})
	if err != nil {
		t.Fatal(err)
	}
	var held []*sealsock.Conn
	defer func() {
		for _, c := range held {
			c.Close()
		}
	}()
	accepted := make(chan net.Conn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	pair := func() {
		near, err := dialer.Dial(t.Context(), l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far := <-accepted
		held = append(held, near, far.(*sealsock.Conn))
	}
	for range 20 {
		pair() // what all share is made now
	}
	const pairs = 200
	before := heapInUse()
	for range pairs {
		pair()
	}
	return (heapInUse() - before) / pairs
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
