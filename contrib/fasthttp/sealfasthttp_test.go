//go:build unix

package sealfasthttp_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/sealsock/sealsock"
	sealfasthttp "github.com/sealsock/sealsock/contrib/fasthttp"
	"github.com/sealsock/sealsock/httptransport"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/trust"
)

func listen(t *testing.T, cfg *sealsock.Config) (l *sealsock.Listener, url string) {
	t.Helper()
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return l, "https://localhost:" + port + "/"
}

// TestServer serves clients of fasthttp and of net/http, with certificates, which the handler
// sees.
func TestServer(t *testing.T) {
	p := servertest.New(t)
	server := p.Server()
	server.Trust, server.ClientAuth = p.Client().Trust, sealsock.RequireClientCert
	l, url := listen(t, server)
	fast := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		state := c.TLSConnectionState()
		if state == nil || !c.IsTLS() {
			c.Error("not encrypted", http.StatusInternalServerError)
			return
		}
		name := state.PeerCertificates[0].Subject.CommonName
		fmt.Fprintf(c, "%s sent %d bytes to %s", name, len(c.PostBody()), state.ServerName)
	}}
	go fast.Serve(l)
	cfg := p.Client()
	cfg.ServerName = ""
	cfg.Identities = []*identity.Identity{p.ClientIdentity(t, "app")}
	const want = "app sent 100000 bytes to localhost"
	body := strings.Repeat("x", 100_000)

	dial, err := sealfasthttp.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	client := &fasthttp.Client{Dial: dial}
	for range 3 {
		request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		request.SetRequestURI(url)
		request.Header.SetMethod("POST")
		request.SetBodyString(body)
		err := client.Do(request, response)
		if err != nil || string(response.Body()) != want {
			t.Errorf("fasthttp: %q, %v", response.Body(), err)
		}
		client.CloseIdleConnections()
	}

	transport, err := httptransport.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Post(url, "", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || string(got) != want {
		t.Errorf("net/http: %q, %v", got, err)
	}
}

// TestClient has a server of net/http, and one of an unknown authority.
func TestClient(t *testing.T) {
	p := servertest.New(t)
	l, url := listen(t, p.Server())
	server := &http.Server{Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.TLS.ServerName) })}
	go server.Serve(l)
	defer server.Close()
	dial, err := sealfasthttp.Dial(&sealsock.Config{Trust: &trust.Policy{Roots: p.Roots}})
	if err != nil {
		t.Fatal(err)
	}
	code, body, err := (&fasthttp.Client{Dial: dial}).Get(nil, url)
	if err != nil || code != http.StatusOK || string(body) != "localhost" {
		t.Errorf("%d, %q, %v", code, body, err)
	}
	if dial, err = sealfasthttp.Dial(nil); err != nil {
		t.Fatal(err)
	}
	var refused *trust.Error
	for _, url := range []string{url, strings.Replace(url, "https", "http", 1)} {
		if _, _, err := (&fasthttp.Client{Dial: dial}).Get(nil, url); !errors.As(err, &refused) {
			t.Errorf("%s: a server of an unknown authority: %v", url, err)
		}
	}
	bad := &sealsock.Config{Identities: []*identity.Identity{nil}}
	if _, err := sealfasthttp.Dial(bad); err == nil {
		t.Error("a wrong Config is accepted")
	}
}
