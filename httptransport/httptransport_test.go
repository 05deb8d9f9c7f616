package httptransport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/httptransport"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// configs returns the Configs of a client and of a server, which is localhost.
func configs(t *testing.T) (client, server *sealsock.Config) {
	t.Helper()
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, "localhost", "127.0.0.1")
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	roots := new(trust.Roots)
	if err := roots.AddDER(ca.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	return &sealsock.Config{Trust: &trust.Policy{Roots: roots}},
		&sealsock.Config{Identities: []*identity.Identity{id}}
}

// listen listens on loopback.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// start serves HTTP with Serve, and returns the server's URL.
func start(t *testing.T, s *http.Server, cfg *sealsock.Config) string {
	t.Helper()
	if s.ErrorLog == nil {
		s.ErrorLog = log.New(io.Discard, "", 0)
	}
	l := listen(t)
	done := make(chan error, 1)
	go func() { done <- httptransport.Serve(s, l, cfg) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return "https://" + l.Addr().String()
}

// describe answers with what the handler was told of the connection.
func describe(w http.ResponseWriter, r *http.Request) {
	if r.TLS == nil || !r.TLS.HandshakeComplete {
		http.Error(w, "no TLS", http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "%s %04x %s %s", r.Proto, r.TLS.Version, r.TLS.NegotiatedProtocol, r.RemoteAddr)
}

// newTransport returns a Transport without a proxy.
func newTransport(t *testing.T, cfg *sealsock.Config) *httptransport.Transport {
	t.Helper()
	transport, err := httptransport.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	transport.Proxy = nil
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// get requests a page and returns the response, whose body was read, and the body.
func get(t *testing.T, transport http.RoundTripper, page string) (*http.Response, string) {
	t.Helper()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	resp, err := client.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// TestProtocols: both protocols are chosen by either side's list, both sides know of TLS,
// and a second request uses the connection of the first.
func TestProtocols(t *testing.T) {
	for _, test := range []struct {
		client, server []string
		want           string
	}{
		{nil, nil, "HTTP/2.0 0304 h2"},
		{[]string{"http/1.1"}, nil, "HTTP/1.1 0304 http/1.1"},
		{nil, []string{"http/1.1"}, "HTTP/1.1 0304 http/1.1"},
		{[]string{"h2"}, []string{"h2"}, "HTTP/2.0 0304 h2"},
	} {
		cc, sc := configs(t)
		cc.ALPN, sc.ALPN = test.client, test.server
		page := start(t, &http.Server{Handler: http.HandlerFunc(describe)}, sc)
		transport := newTransport(t, cc)
		resp, first := get(t, transport, page)
		_, second := get(t, transport, page)
		if !strings.HasPrefix(first, test.want+" ") || first != second {
			t.Errorf("%q and %q: %q, then %q", test.client, test.server, first, second)
		}
		s := resp.TLS
		if s == nil || !s.HandshakeComplete || len(s.PeerCertificates)*len(s.VerifiedChains) == 0 {
			t.Errorf("%q and %q: Response.TLS is %+v", test.client, test.server, s)
		}
	}
}

// TestPlainListener: http.Server.Serve on a sealsock.Listener serves both protocols.
func TestPlainListener(t *testing.T) {
	for _, alpn := range []string{"h2", "http/1.1"} {
		cc, sc := configs(t)
		cc.ALPN, sc.ALPN = []string{alpn}, []string{"h2", "http/1.1"}
		l, err := sealsock.NewListener(listen(t), sc)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(describe)}
		go s.Serve(l)
		t.Cleanup(func() { s.Close() })
		_, body := get(t, newTransport(t, cc), "https://"+l.Addr().String())
		if !strings.Contains(body, " 0304 "+alpn+" ") {
			t.Errorf("%s: %q", alpn, body)
		}
	}
}

// TestUntrusted: the Transport uses the Trust of its Config, by the name of the URL.
func TestUntrusted(t *testing.T) {
	cc, sc := configs(t)
	page := start(t, &http.Server{Handler: http.HandlerFunc(describe)}, sc)
	other, _ := configs(t)
	var refused *trust.Error
	_, err := (&http.Client{Transport: newTransport(t, other)}).Get(page)
	if !errors.As(err, &refused) || refused.Code != trust.CodeUnknownAuthority {
		t.Errorf("another authority: %v", err)
	}
	page = strings.Replace(page, "127.0.0.1", "127.0.0.2", 1)
	transport := newTransport(t, cc)
	transport.Connect = func(ctx context.Context, network, addr string) (net.Conn, error) {
		addr = strings.Replace(addr, "127.0.0.2", "127.0.0.1", 1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	_, err = (&http.Client{Transport: transport}).Get(page)
	if !errors.As(err, &refused) || refused.Code != trust.CodeNameMismatch {
		t.Errorf("another name: %v", err)
	}
}

// TestShutdownDrains: Shutdown waits for the requests under way, of both protocols, whose
// clients receive the whole response.
func TestShutdownDrains(t *testing.T) {
	for _, alpn := range []string{"h2", "http/1.1"} {
		cc, sc := configs(t)
		cc.ALPN = []string{alpn}
		begun, proceed := make(chan bool), make(chan bool)
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "first ")
			w.(http.Flusher).Flush()
			begun <- true
			<-proceed
			io.WriteString(w, "last")
		})}
		page := start(t, s, sc)
		type result struct {
			body []byte
			err  error
		}
		got := make(chan result, 1)
		transport := newTransport(t, cc)
		go func() {
			resp, err := (&http.Client{Transport: transport}).Get(page)
			if err != nil {
				got <- result{nil, err}
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			got <- result{body, err}
		}()
		<-begun
		down := make(chan error, 1)
		go func() { down <- s.Shutdown(t.Context()) }()
		select {
		case err := <-down:
			t.Errorf("%s: Shutdown returned during a request: %v", alpn, err)
		case <-time.After(200 * time.Millisecond):
		}
		close(proceed)
		if r := <-got; r.err != nil || string(r.body) != "first last" {
			t.Errorf("%s: received %q: %v", alpn, r.body, r.err)
		}
		if err := <-down; err != nil {
			t.Errorf("%s: Shutdown: %v", alpn, err)
		}
	}
}

// TestPlaintextRequest: a request in plaintext is answered as net/http answers it.
func TestPlaintextRequest(t *testing.T) {
	_, sc := configs(t)
	page := start(t, &http.Server{Handler: http.HandlerFunc(describe)}, sc)
	resp, err := http.Get(strings.Replace(page, "https", "http", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	const want = "Client sent an HTTP request to an HTTPS server.\n"
	if resp.StatusCode != 400 || string(body) != want {
		t.Errorf("%s: %q: %v", resp.Status, body, err)
	}
}

// TestServeRefusesProtocols: a server is not started with a protocol that it would answer
// with another one.
func TestServeRefusesProtocols(t *testing.T) {
	_, sc := configs(t)
	sc.ALPN = []string{"h2", "http/1.1"}
	http1, http2 := new(http.Protocols), new(http.Protocols)
	http1.SetHTTP1(true)
	http2.SetHTTP2(true)
	for name, test := range map[string]struct {
		server  *http.Server
		refused string
	}{
		"HTTP/1 only": {&http.Server{Protocols: http1}, `"h2"`},
		"HTTP/2 only": {&http.Server{Protocols: http2}, `"http/1.1"`},
		"empty":       {&http.Server{Protocols: new(http.Protocols)}, `"h2"`},
	} {
		test.server.Close() // it returns at once if it is started
		err := httptransport.Serve(test.server, listen(t), sc)
		if err == nil || !strings.Contains(err.Error(), test.refused) {
			t.Errorf("%s: %v", name, err)
		}
		err = httptransport.ListenAndServe(test.server, sc)
		if err == nil || !strings.Contains(err.Error(), test.refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := httptransport.New(&sealsock.Config{}); err != nil {
		t.Error(err)
	}
	bad := new(sealsock.Config)
	bad.ALPN = []string{"smtp"}
	if _, err := httptransport.New(bad); err == nil {
		t.Error("a client of SMTP")
	}
}

// TestTruncatedBody: a body that ends with the connection is cut short by an attacker, or
// by a server that sends no close_notify: AllowTruncation decides.
func TestTruncatedBody(t *testing.T) {
	for _, allow := range []bool{false, true} {
		cc, sc := configs(t)
		cc.AllowTruncation = allow
		l, err := sealsock.NewListener(listen(t), sc)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\nbody")
			conn.(*sealsock.Conn).NetConn().Close()
		}()
		cc.ALPN = []string{"http/1.1"}
		resp, err := (&http.Client{Transport: newTransport(t, cc)}).Get("https://" + l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "body" || (err == nil) != allow {
			t.Errorf("allowed %v: %q: %v", allow, body, err)
		}
	}
}

// TestProxies: requests reach a server through each kind of proxy, with the same trust, and
// each proxy has connections of its own.
func TestProxies(t *testing.T) {
	cc, sc := configs(t)
	page := start(t, &http.Server{Handler: http.HandlerFunc(describe)}, sc)
	for _, scheme := range []string{"http", "https", "socks5", "socks5h"} {
		for _, alpn := range []string{"h2", "http/1.1"} {
			t.Run(scheme+" "+alpn, func(t *testing.T) {
				var used atomic.Int32
				cfg := *cc
				cfg.ALPN = []string{alpn}
				transport := newTransport(t, &cfg)
				u, err := url.Parse(scheme + "://user:secret@" + startProxy(t, scheme, sc, &used))
				if err != nil {
					t.Fatal(err)
				}
				transport.Proxy = http.ProxyURL(u)
				for range 2 {
					resp, body := get(t, transport, page)
					if resp.StatusCode != 200 || !strings.Contains(body, alpn) || resp.TLS == nil {
						t.Errorf("%s: %q", resp.Status, body)
					}
				}
				if n := used.Load(); n != 1 {
					t.Errorf("the proxy was asked %d times", n)
				}
				other, _ := configs(t)
				other.ALPN = cfg.ALPN
				distrusts := newTransport(t, other)
				distrusts.Proxy = transport.Proxy
				var refused *trust.Error
				if _, err := (&http.Client{Transport: distrusts}).Get(page); !errors.As(err, &refused) {
					t.Errorf("an unknown authority behind the proxy: %v", err)
				}
				u.User = url.User("other")
				if _, err := (&http.Client{Transport: transport}).Get(page); err == nil {
					t.Error("the proxy accepted another user")
				}
			})
		}
	}
}

// startProxy starts a proxy that accepts the user of TestProxies.
func startProxy(t *testing.T, scheme string, sc *sealsock.Config, used *atomic.Int32) string {
	l := listen(t)
	if scheme == "https" {
		cfg := *sc
		cfg.ALPN = []string{"http/1.1"}
		sealed, err := sealsock.NewListener(l, &cfg)
		if err != nil {
			t.Fatal(err)
		}
		l = sealed
	}
	serve := serveConnect
	if strings.HasPrefix(scheme, "socks") {
		serve = serveSOCKS
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if target := serve(c); target != nil {
					used.Add(1)
					defer target.Close()
					go io.Copy(target, c)
					io.Copy(c, target)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// serveConnect reads a CONNECT request, and returns the connection to its target.
func serveConnect(c net.Conn) net.Conn {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return nil
	}
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	if user, password, _ := r.BasicAuth(); user != "user" || password != "secret" {
		io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
		return nil
	}
	target, err := net.Dial("tcp", r.Host)
	if err != nil {
		return nil
	}
	io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	return target
}

// serveSOCKS is serveConnect for SOCKS 5 with an IPv4 address as the target. RFC 1928.
func serveSOCKS(c net.Conn) net.Conn {
	read := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(c, b)
		return b
	}
	read(int(read(2)[1]))
	c.Write([]byte{5, 2})
	user := read(int(read(2)[1]))
	password := read(int(read(1)[0]))
	if !bytes.Equal(user, []byte("user")) || !bytes.Equal(password, []byte("secret")) {
		c.Write([]byte{1, 1})
		return nil
	}
	c.Write([]byte{1, 0})
	head := read(10)
	addr := &net.TCPAddr{IP: head[4:8], Port: int(head[8])<<8 | int(head[9])}
	target, err := net.DialTCP("tcp", nil, addr)
	if err != nil {
		return nil
	}
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return target
}

// TestMisuse: nothing panics, and no error shows the password of a proxy.
func TestMisuse(t *testing.T) {
	var none *httptransport.Transport
	none.CloseIdleConnections()
	request, _ := http.NewRequest("GET", "https://example.com", nil)
	for _, transport := range []*httptransport.Transport{nil, {}} {
		if _, err := transport.RoundTrip(request); err == nil {
			t.Error("a Transport that New did not make sent a request")
		}
	}
	transport := newTransport(t, nil)
	if _, err := transport.RoundTrip(nil); err == nil {
		t.Error("no request was sent")
	}
	other, _ := http.NewRequest("GET", "gopher://example.com", nil)
	if _, err := transport.RoundTrip(other); err == nil || !strings.Contains(err.Error(), `"gopher"`) {
		t.Errorf("a request of another scheme: %v", err)
	}
	for _, bad := range []string{"ftp://user:secret@example.com", "http://user:secret@"} {
		u, err := url.Parse(bad)
		if err != nil {
			t.Fatal(err)
		}
		transport.Proxy = http.ProxyURL(u)
		_, err = transport.RoundTrip(request)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
