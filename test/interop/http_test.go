package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
)

// body is what a client uploads, and gets back.
var body = strings.Repeat("0123456789abcdef", 64<<10)

// TestHTTP connects curl to net/http on a Listener, with HTTP/1.1 and, with the
// server of golang.org/x/net/http2, with HTTP/2.
func TestHTTP(t *testing.T) {
	need(t, curl)
	write("body", []byte(body))
	for _, c := range []struct{ flag, alpn, version string }{
		{"--http1.1", "http/1.1", "1.1"},
		{"--http2", "h2", "2"},
	} {
		t.Run(c.alpn, func(t *testing.T) {
			address := serveHTTP(t)
			out := curlOutput(t, address, c.flag, "--write-out", "%{http_version}", "https://"+address+"/connection")
			if want := fmt.Sprintf("0304 %s\n%s", c.alpn, c.version); out != want {
				t.Errorf("curl got %q, want %q", out, want)
			}
			if out := curlOutput(t, address, c.flag, "--data-binary", "@"+file("body"), "https://"+address+"/echo"); out != body {
				t.Errorf("%d bytes came back, want the %d that were sent", len(out), len(body))
			}
			// Several requests, over one connection where the protocol has it.
			three := "https://" + address + "/connection?[1-3]"
			if out := curlOutput(t, address, c.flag, "--parallel", three); strings.Count(out, "0304 "+c.alpn+"\n") != 3 {
				t.Errorf("three requests gave %q", out)
			}
		})
	}
}

// TestSealHTTP requests the page of seal listen --http.
func TestSealHTTP(t *testing.T) {
	need(t, curl)
	need(t, seal)
	server := start(t, command{
		args: []string{
			file("seal"), "listen", "--json", "--keep", "--http", "--cert", file("p256.pem"), "--key", file("p256.key"), "127.0.0.1:0",
		},
		chatty: true,
	})
	port, err := server.announced()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("%s:%d", serverName, port)
	page := curlOutput(t, address, "--http1.1", "https://"+address+"/")
	if !strings.Contains(page, "TLS 1.3") {
		t.Errorf("the page tells of no TLS 1.3:\n%s", page)
	}
}

// curlOutput runs curl for address, with verification on.
func curlOutput(t *testing.T, address string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args = append([]string{"--silent", "--show-error", "--fail", "--cacert", file("ca.pem"), "--resolve", address + ":127.0.0.1"}, args...)
	out, err := exec.CommandContext(ctx, "curl", args...).Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Fatalf("curl %s: %v\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	return string(out)
}

// serveHTTP serves both protocols on one listener.
func serveHTTP(t *testing.T) (address string) {
	t.Helper()
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{
		Identities:       []*identity.Identity{identities["p256"]},
		ALPN:             []string{"h2", "http/1.1"},
		OnHandshakeError: func(_ net.Addr, err error) { t.Errorf("handshake: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	old := &queue{conns: make(chan net.Conn), end: t.Context()}
	go serveOld(t, old)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if conn.(*sealsock.Conn).State().ALPN == "h2" {
				go serveNew(t, conn)
				continue
			}
			select {
			case old.conns <- conn:
			case <-t.Context().Done():
			}
		}
	}()
	return fmt.Sprintf("%s:%d", serverName, l.Addr().(*net.TCPAddr).Port)
}

// serveOld serves HTTP/1.1.
func serveOld(t *testing.T, l net.Listener) {
	server := &http.Server{Handler: http.HandlerFunc(answerHTTP)}
	context.AfterFunc(t.Context(), func() { server.Close() })
	server.Serve(l)
}

// serveNew serves HTTP/2 with package http2 itself. Its functions are deprecated in
// favour of net/http, which speaks HTTP/2 over these connections since Go 1.27.
func serveNew(t *testing.T, conn net.Conn) {
	//lint:ignore SA1019 see above
	options := &http2.ServeConnOpts{Handler: http.HandlerFunc(answerHTTP), Context: t.Context()}
	//lint:ignore SA1019 see above
	new(http2.Server).ServeConn(conn, options)
}

// answerHTTP checks that the handler has access to the TLS connection.
func answerHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.TLS == nil || !r.TLS.HandshakeComplete || r.TLS.ServerName != serverName:
		http.Error(w, "the server does not know of TLS", http.StatusInternalServerError)
	case r.URL.Path == "/echo":
		io.Copy(w, r.Body)
	default:
		fmt.Fprintf(w, "%04x %s\n", r.TLS.Version, r.TLS.NegotiatedProtocol)
	}
}

// A queue is a listener that returns connections which were accepted elsewhere.
type queue struct {
	conns chan net.Conn
	end   context.Context
	net.Listener
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.end.Done():
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error { return nil }
