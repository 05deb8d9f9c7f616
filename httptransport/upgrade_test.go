package httptransport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/httptransport"
)

// echo upgrades the connection to a protocol that repeats what it receives, and describes
// other requests.
func echo(w http.ResponseWriter, r *http.Request) {
	protocol := r.Header.Get("Upgrade")
	if protocol == "" {
		describe(w, r)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n",
		protocol)
	rw.Flush()
	io.Copy(conn, rw)
}

// upgrade sends a request that upgrades its connection, and data over that connection.
func upgrade(t *testing.T, transport http.RoundTripper, page, connection, protocol string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", page, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A list may be in several lines. RFC 9110, Section 5.3.
	r.Header["Connection"] = strings.Split(connection, "\n")
	r.Header.Set("Upgrade", protocol)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Errorf("Connection: %q, Upgrade: %s: %v", connection, protocol, err)
		return
	}
	defer resp.Body.Close()
	conn, ok := resp.Body.(io.ReadWriter)
	if resp.StatusCode != http.StatusSwitchingProtocols || !ok || resp.TLS == nil ||
		resp.TLS.NegotiatedProtocol != "http/1.1" {
		t.Errorf("Connection: %q, Upgrade: %s: %s over %+v", connection, protocol,
			resp.Status, resp.TLS)
		return
	}
	got := make([]byte, 4)
	if _, err := io.WriteString(conn, "data"); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "data" {
		t.Errorf("received %q: %v", got, err)
	}
}

// TestUpgrade: a request that upgrades its connection has one with http/1.1, also while there
// is one with h2 to the same server, which other requests continue to use.
func TestUpgrade(t *testing.T) {
	cc, sc := configs(t)
	page := start(t, &http.Server{Handler: http.HandlerFunc(echo)}, sc)
	for _, scheme := range []string{"", "http", "https", "socks5"} {
		t.Run("proxy "+scheme, func(t *testing.T) {
			transport := newTransport(t, cc)
			if scheme != "" {
				var used atomic.Int32
				transport.Proxy = http.ProxyURL(&url.URL{
					Scheme: scheme, User: url.UserPassword("user", "secret"),
					Host: startProxy(t, scheme, sc, &used),
				})
			}
			_, before := get(t, transport, page)
			for _, connection := range []string{
				"Upgrade", "upgrade", "keep-alive, Upgrade", "keep-alive,\tUPGRADE ", "keep-alive\nUpgrade",
			} {
				upgrade(t, transport, page, connection, "websocket")
				upgrade(t, transport, page, connection, "other")
			}
			_, after := get(t, transport, page)
			if !strings.HasPrefix(after, "HTTP/2.0 0304 h2 ") || before != after {
				t.Errorf("other requests: %q, then %q", before, after)
			}
		})
	}
}

// closes is a body that records whether it was closed.
type closes struct {
	io.Reader
	closed bool
}

func (c *closes) Close() error {
	c.closed = true
	return nil
}

// TestUpgradeWithoutHTTP1: a Config that excludes http/1.1 is obeyed, and the error names the
// remedy.
func TestUpgradeWithoutHTTP1(t *testing.T) {
	cc, _ := configs(t)
	cc.ALPN = []string{"h2"}
	transport, err := httptransport.New(cc)
	if err != nil {
		t.Fatal(err)
	}
	body := &closes{Reader: strings.NewReader("body")}
	r, err := http.NewRequest("POST", "https://127.0.0.1:1", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	_, err = transport.RoundTrip(r)
	if err == nil || !strings.Contains(err.Error(), `hint: add "http/1.1"`) || !body.closed {
		t.Errorf("%v; the body was closed: %v", err, body.closed)
	}
}
