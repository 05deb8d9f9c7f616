package httptransport_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
)

// TestHTTPSProxyForPlainRequests: a request without TLS is sent to an https proxy over a
// connection that has this package's trust.
func TestHTTPSProxyForPlainRequests(t *testing.T) {
	cc, sc := configs(t)
	answer := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "for ", r.RequestURI) }
	proxy := start(t, &http.Server{Handler: http.HandlerFunc(answer)}, sc)
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	transport := newTransport(t, cc)
	transport.Proxy = http.ProxyURL(u)
	_, body := get(t, transport, "http://example.com/page")
	if body != "for http://example.com/page" {
		t.Errorf("%q", body)
	}
}

// TestHTTPSProxyKeepsToVersions: the connection to an https proxy has no version or algorithm that
// the Config or its Profile excludes.
func TestHTTPSProxyKeepsToVersions(t *testing.T) {
	cc, sc := configs(t)
	sc.MaxVersion = iana.TLS12
	proxy := start(t, &http.Server{Handler: http.NotFoundHandler()}, sc)
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*sealsock.Config){
		"":        func(*sealsock.Config) {},
		"version": func(c *sealsock.Config) { c.MinVersion = iana.TLS13 },
		"profile": func(c *sealsock.Config) { c.Profile = sealsock.Modern },
		"suites": func(c *sealsock.Config) {
			c.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
		},
	} {
		own := *cc
		change(&own)
		transport := newTransport(t, &own)
		transport.Proxy = http.ProxyURL(u)
		resp, err := (&http.Client{Transport: transport}).Get("http://example.com/page")
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != (name == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
