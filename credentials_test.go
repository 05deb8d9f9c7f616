package sealsock

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// manyOf returns n identities with one key, each for the names of one of the sets.
func manyOf(t testing.TB, n int, sets ...[]string) []*identity.Identity {
	t.Helper()
	ca, key := testcert.New(), testcert.NewKey("p256")
	ids := make([]*identity.Identity, n)
	for i := range ids {
		if i >= len(sets) {
			again := *ids[i%len(sets)]
			ids[i] = &again
			continue
		}
		leaf := ca.Issue(key, nil, sets[i]...)
		id, err := identity.New(leaf.Chain, leaf.Key)
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	return ids
}

// TestChoiceByName compares the choice by index with one that looks at all.
func TestChoiceByName(t *testing.T) {
	sets := [][]string{
		{"a.example"}, {"*.example", "b.example"}, {"b.example"}, {"*.b.example"}, {"A.example", "c.d"},
		{"d.example", "10.0.0.1"}, {"::1"}, {"x.b.example"},
	}
	ids := manyOf(t, 2*len(sets), sets...)
	names := []string{
		"", "a.example", "A.EXAMPLE", "b.example", "y.example", "x.b.example", "y.b.example", "c.d",
		"example", "none", "10.0.0.1", "::1", "z.y.b.example", "a.example.", "d.example", "*.example", "*",
	}
	for range 20 {
		rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		c := credentialsOf(ids)
		for _, name := range names {
			req := &engine.CredentialRequest{
				Version: iana.TLS13, ServerName: name,
				SignatureSchemes: []iana.SignatureScheme{iana.ECDSAWithP256AndSHA256},
			}
			if !req.Fits(c.list[0]) {
				// The engine fills in what this side allows.
				for _, cred := range c.list {
					cred.Schemes = req.SignatureSchemes
				}
			}
			want := -1
			for i := range ids {
				if name != "" && c.list[i].Matches(name) {
					want = i
					break
				}
			}
			if got := c.choose(req); got != c.list[max(want, 0)] {
				t.Errorf("%q: another choice than number %d", name, want)
			}
		}
	}
}

// TestCredentialsAreShared: a list has its credentials made once, a changed list has
// others, and a list that is gone leaves nothing.
func TestCredentialsAreShared(t *testing.T) {
	ids := manyOf(t, 3, []string{"localhost"})
	first := credentialsOf(ids)
	if credentialsOf(ids) != first || credentialsOf(ids[:2]) == first {
		t.Error("the credentials of a list are not its own")
	}
	ids[1] = manyOf(t, 1, []string{"other"})[0]
	if changed := credentialsOf(ids); changed == first || !changed.list[1].Matches("other") {
		t.Error("a list that has changed has its old credentials")
	}
	key := keyOf(ids)
	runtime.KeepAlive(ids)
	ids = nil
	for range 100 {
		runtime.GC()
		if _, ok := made.Load(key); !ok {
			return
		}
		runtime.Gosched()
	}
	t.Error("the credentials of a list outlive it")
}

// TestConnectionCostsNoIdentities: what a connection holds does not depend on how many
// identities its server has. What else runs may change the heap meanwhile: the best try counts.
func TestConnectionCostsNoIdentities(t *testing.T) {
	const many = 10_000
	for range 5 {
		one, all := heapOfConnection(t, 1), heapOfConnection(t, many)
		t.Logf("a connection holds %d bytes, with 10,000 identities %d", one, all)
		if all <= one+one/10 {
			return
		}
	}
	t.Error("that is more than 10 percent apart, in each of five tries")
}

// heapOfConnection returns what both ends of a connection hold in bytes, whose server has n
// identities.
func heapOfConnection(t *testing.T, n int) int {
	const conns = 100
	cfg := &Config{Identities: manyOf(t, n, []string{"localhost"})}
	client := &Config{Trust: unproved{}, ServerName: "localhost"}
	pair(t, client, cfg) // what is made once
	before := heap()
	var kept [conns]*Conn
	for i := range kept {
		kept[i] = pair(t, client, cfg)
	}
	held := (heap() - before) / conns
	runtime.KeepAlive(kept)
	runtime.KeepAlive(cfg)
	return held
}

// unproved accepts any certificate.
type unproved struct{}

func (unproved) Verify(_ context.Context, p *trust.Peer) (*trust.Result, error) {
	leaf, err := x509.ParseCertificate(p.Chain[0])
	if err != nil {
		return nil, fmt.Errorf("the leaf: %w", err)
	}
	return &trust.Result{Leaf: leaf, PublicKey: leaf.PublicKey}, nil
}

// pair returns the server's end of a connection whose handshake is done.
func pair(t *testing.T, cc, sc *Config) *Conn {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	client, err := Client(a, cc)
	if err != nil {
		t.Fatal(err)
	}
	server, err := Server(b, sc)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.HandshakeContext(context.Background()) }()
	if err := client.HandshakeContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return server
}

func heap() int {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
