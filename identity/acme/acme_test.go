package acme_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/identity/acme"
	"github.com/sealsock/sealsock/internal/pebbletest"
)

// server is one of this library that gives each client what m has for it, the
// proofs of TLS-ALPN-01 included.
func server(t *testing.T, l net.Listener, m *acme.Manager) {
	t.Helper()
	sealed, err := sealsock.NewListener(l, &sealsock.Config{Source: m, ALPN: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sealed.Close() })
	go func() {
		for {
			c, err := sealed.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
}

func listen(t *testing.T) (net.Listener, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().(*net.TCPAddr).Port
}

func TestACME(t *testing.T) {
	if testing.Short() {
		t.Skip("left out: an authority and its client wait for each other for 20 seconds")
	}
	for _, method := range []string{"TLS-ALPN-01", "HTTP-01"} {
		t.Run(method, func(t *testing.T) {
			web, webPort := listen(t)
			sealed, sealedPort := listen(t)
			authority := pebbletest.Start(t, webPort, sealedPort)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
			defer cancel()
			o := acme.Options{Names: []string{"www.example.test"}, Directory: authority.URL + pebbletest.Directory, Email: "a@example.test",
				CacheDir: t.TempDir(), AcceptTerms: true, HTTPClient: authority.Client()}
			m, err := acme.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if method == "HTTP-01" {
				s := &http.Server{Handler: m.HTTPHandler(http.NotFoundHandler()), ReadHeaderTimeout: time.Minute}
				go s.Serve(web)
				t.Cleanup(func() { s.Close() })
				sealed.Close() // no server answers there
			} else {
				server(t, sealed, m)
			}
			if err := m.Obtain(ctx); err != nil {
				t.Fatal(err)
			}
			id, err := m.Identity(ctx, "www.example.test", []string{"http/1.1"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := m.Identity(ctx, "WWW.example.test", nil, nil); err != nil || again != id {
				t.Errorf("not the same identity again: %v", err)
			}
			checkIssued(t, authority, id)
			// Another process finds it in the folder and asks no server.
			authority.Close()
			other, err := acme.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := other.Identity(ctx, "www.example.test", nil, nil); err != nil || !kept.Leaf.Equal(id.Leaf) {
				t.Errorf("from the folder: %v", err)
			}
			if _, err := other.Identity(ctx, "other.example.test", nil, nil); err == nil {
				t.Error("a name that was not listed was taken")
			}
		})
	}
}

// checkIssued verifies the chain with pebble's root.
func checkIssued(t *testing.T, authority *httptest.Server, id *identity.Identity) {
	t.Helper()
	if len(id.Chain) != 2 || id.Leaf.VerifyHostname("www.example.test") != nil || len(id.Notes) > 0 {
		t.Errorf("%v with %d certificates, notes %q", id, len(id.Chain), id.Notes)
	}
	inter, err := x509.ParseCertificate(id.Chain[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Leaf.CheckSignatureFrom(inter); err != nil || !strings.HasPrefix(inter.Subject.CommonName, "Pebble") {
		t.Errorf("issued by %s: %v", inter.Subject, err)
	}
}

func TestACMEGivesUpInTime(t *testing.T) {
	silent, port := listen(t)
	defer silent.Close()
	m, err := acme.New(acme.Options{Names: []string{"www.example.test"}, Directory: "http://" + silent.Addr().String() + "/dir",
		CacheDir: t.TempDir(), AcceptTerms: true})
	if err != nil {
		t.Fatal(port, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := m.Obtain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// TestACMEWaiters: clients that ask for a name while the authority is silent, and leave, leave
// nothing behind: they wait for one order together.
func TestACMEWaiters(t *testing.T) {
	silent, _ := listen(t)
	m, err := acme.New(acme.Options{Names: []string{"www.example.test"},
		Directory: "http://" + silent.Addr().String() + "/dir", CacheDir: t.TempDir(), AcceptTerms: true})
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	const clients = 200
	for i := range clients {
		name := []string{"www.example.test", "WWW.example.test"}[i%2]
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := m.Identity(ctx, name, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		cancel()
	}
	if left := runtime.NumGoroutine() - before; left > clients/4 {
		t.Errorf("%d clients left %d goroutines", clients, left)
	}
}

func TestACMEOptions(t *testing.T) {
	for name, o := range map[string]acme.Options{
		"no names":  {CacheDir: "x", AcceptTerms: true},
		"no folder": {Names: []string{"a.test"}, AcceptTerms: true},
		"no terms":  {Names: []string{"a.test"}, CacheDir: "x"},
	} {
		if _, err := acme.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// panicking is a RoundTripper of a program's own.
type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("broken") }

// TestPanics: a panic of Options.HTTPClient is an error of who asks for the certificate, and does
// not end the process.
func TestPanics(t *testing.T) {
	m, err := acme.New(acme.Options{Names: []string{"box.test"}, CacheDir: t.TempDir(),
		AcceptTerms: true, HTTPClient: &http.Client{Transport: panicking{}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Identity(t.Context(), "box.test", nil, nil); err == nil ||
		!strings.Contains(err.Error(), "panicked: broken") {
		t.Error(err)
	}
}
