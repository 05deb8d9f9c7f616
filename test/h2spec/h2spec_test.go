package h2spec

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// TestSameAsStandard: each case has the same result over both Listeners. What net/http answers
// is not judged here. A case that fails with one is run again with both, so that a machine that
// is busy for longer than h2spec waits decides nothing; twenty times in all.
func TestSameAsStandard(t *testing.T) {
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	ours, standard := serveOurs(t, leaf), serveStandard(t, leaf)
	got, want := run(t, ours), run(t, standard)
	if len(got) < 140 || len(got) != len(want) {
		t.Fatalf("%d results, and %d over crypto/tls", len(got), len(want))
	}
	passed, tries := 0, 0
	for name, result := range got {
		for ; result != want[name] && tries < 20; tries++ {
			result = run(t, ours, name)[name]
			want[name] = run(t, standard, name)[name]
		}
		if result != want[name] {
			t.Errorf("%s: %s, over crypto/tls %s", name, result, want[name])
		}
		if result == "passed" {
			passed++
		}
	}
	t.Logf("%d of %d cases pass over both", passed, len(got))
}

// run runs the cases, or those that are named, and returns the results by name.
func run(t *testing.T, port int, names ...string) map[string]string {
	t.Helper()
	c := &config.Config{
		Host: "localhost", Port: port, Path: "/", Timeout: 2 * time.Second, MaxHeaderLen: 4000,
		TLS: true, Insecure: true, Sections: names,
	}
	results := map[string]string{}
	for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		group.Test(c)
		collect(group, results)
	}
	return results
}

func collect(group *spec.TestGroup, to map[string]string) {
	for _, test := range group.Tests {
		if test.Result == nil {
			continue
		}
		result := "passed"
		switch {
		case test.Result.Skipped:
			result = "skipped"
		case test.Result.Failed:
			result = "failed"
		}
		to[fmt.Sprintf("%s/%d", group.ID(), test.Result.Sequence)] = result
	}
	for _, g := range group.Groups {
		collect(g, to)
	}
}

func serveOurs(t *testing.T, leaf *testcert.Leaf) int {
	id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{
		Identities: []*identity.Identity{id}, Options: engine.Options{ALPN: []string{"h2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l)
}

func serveStandard(t *testing.T, leaf *testcert.Leaf) int {
	pair, err := tls.X509KeyPair(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, l)
}

// serve answers with net/http and returns the port.
func serve(t *testing.T, l net.Listener) int {
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(make([]byte, 1000))
	}
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(answer)}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().(*net.TCPAddr).Port
}
