package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestProxyResponses: what a proxy answers to CONNECT, and what is left of it for the
// connection. Nothing behind the response is read.
func TestProxyResponses(t *testing.T) {
	const behind = "220 the server speaks first\r\n"
	ok := "HTTP/1.1 200 OK\r\n\r\n"
	for name, test := range map[string]struct{ response, reason string }{
		"final":            {ok, ""},
		"other 2xx":        {"HTTP/1.1 204 No Content\r\n\r\n", ""},
		"with a length":    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ""},
		"chunked":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
		"single LF":        {"HTTP/1.1 200 OK\nVia: x\n\n", ""},
		"LF, then CR LF":   {"HTTP/1.1 200 OK\nVia: x\n\r\n", ""},
		"interim":          {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + ok, ""},
		"upgrade":          {"HTTP/1.1 101 Switching Protocols\r\n\r\n" + ok, "it answered 101"},
		"refused":          {"HTTP/1.1 403 Forbidden\r\n\r\n", "it answered 403 Forbidden"},
		"control text":     {"HTTP/1.1 502 \x1b[2J\r\n\r\n", "it answered 502 �[2J"},
		"password":         {"HTTP/1.1 407 No\r\n\r\n", "it asks for a user name and password"},
		"not HTTP":         {"SSH-2.0-x\r\n\r\n", "its response is not HTTP"},
		"endless":          {strings.Repeat("x", maxHead+1), "more than 16384 bytes"},
		"endless interim":  {strings.Repeat("HTTP/1.1 100 A\r\n\r\n", 1000), "more than 16384 bytes"},
		"closed too early": {"HTTP/1.1 200 OK\r\n", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			response := test.response
			if test.reason == "" {
				response += behind
			}
			go func() {
				defer server.Close()
				request := make([]byte, 1<<10)
				if _, err := server.Read(request); err != nil {
					return
				}
				io.WriteString(server, response)
			}()
			p := &Proxy{Scheme: "http", Addr: "proxy:1"}
			err := p.tunnel(client, "example.com:443")
			if test.reason != "" {
				if err == nil || !strings.Contains(err.Error(), test.reason) {
					t.Errorf("%v, want %q", err, test.reason)
				}
				return
			}
			left, _ := io.ReadAll(client)
			if err != nil || string(left) != behind {
				t.Errorf("%v, and %q is left", err, left)
			}
		})
	}
}

// TestProxyRequest: the address is the target and the host of the request, and no text of it
// begins a line.
func TestProxyRequest(t *testing.T) {
	p := &Proxy{Scheme: "http", Addr: "proxy:1"}
	for addr, want := range map[string]string{
		"example.com:443":        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n",
		"a\r\nX-Injected: b:443": "",
		"a b:443":                "",
	} {
		client, server := net.Pipe()
		sent := make(chan string, 1)
		go func() {
			request := make([]byte, 1<<10)
			n, _ := server.Read(request)
			sent <- string(request[:n])
			server.Close()
		}()
		err := p.tunnel(client, addr)
		client.Close()
		if got := <-sent; !strings.HasPrefix(got, want) || want == "" && got != "" || err == nil {
			t.Errorf("%q: sent %q, %v", addr, got, err)
		}
	}
}

// TestDialEnds: the error of a Dial whose context ends while the proxy is silent is the cause of
// that end.
func TestDialEnds(t *testing.T) {
	for scheme := range Ports {
		client, server := net.Pipe()
		defer server.Close()
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			server.Read(make([]byte, 1)) // the request has begun
			cancel(errEnded)
			io.Copy(io.Discard, server)
		}()
		connect := func(context.Context, string, string) (net.Conn, error) { return client, nil }
		p := &Proxy{
			Scheme: scheme, Addr: "proxy:1", Connect: connect,
			Secure: func(ctx context.Context, addr string) (net.Conn, error) {
				return connect(ctx, "tcp", addr)
			},
		}
		if _, err := p.Dial(ctx, "example.com:443"); !errors.Is(err, errEnded) {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

// lateContext is a context that ends some time after its deadline, as one does on a busy machine.
type lateContext struct {
	context.Context
	deadline time.Time
}

func (c lateContext) Deadline() (time.Time, bool) { return c.deadline, true }

// TestDialEndsLate: the deadline of the connection passes before the context has ended; the error
// of Dial is the cause of its end all the same.
func TestDialEndsLate(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	go io.Copy(io.Discard, server)
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, errEnded)
	defer cancel()
	late := lateContext{ctx, time.Now().Add(20 * time.Millisecond)}
	p := &Proxy{Scheme: "socks5", Addr: "proxy:1",
		Connect: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
	if _, err := p.Dial(late, "example.com:443"); !errors.Is(err, errEnded) {
		t.Error(err)
	}
}

var errEnded = errors.New("ended by the test")
