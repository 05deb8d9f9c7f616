package httptransport_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealsock/sealsock/httptransport"
)

// A tracked counts itself as open.
type tracked struct {
	net.Conn
	open *atomic.Int32
	once sync.Once
}

func (c *tracked) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// throughProxies returns a Transport whose requests go through the proxy with the number in their
// query, each of which has an address of its own and is one server, and the number of connections
// that are open. The page /wait is answered when wait is closed.
func throughProxies(t *testing.T, wait chan struct{}) (*httptransport.Transport, *atomic.Int32) {
	l := listen(t)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if w.(http.Flusher).Flush(); r.URL.Path == "/wait" {
			<-wait
		}
		io.WriteString(w, "body")
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	transport, open := newTransport(t, nil), new(atomic.Int32)
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		return url.Parse("http://proxy-" + r.URL.RawQuery + ".example:80")
	}
	transport.Connect = func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, l.Addr().String())
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &tracked{Conn: c, open: open}, nil
	}
	return transport, open
}

// TestProxiesAreBounded: a Transport whose proxy is another one for each request keeps the
// connections of some of them. A proxy that is used again and again is among these, and a
// request under way ends as it should, after which its connection is closed, too.
func TestProxiesAreBounded(t *testing.T) {
	const most = 64
	wait := make(chan struct{})
	transport, open := throughProxies(t, wait)
	var made atomic.Int32
	transport.Configure = func(*http.Transport) { made.Add(1) }
	long, err := (&http.Client{Transport: transport}).Get("http://server.example/wait?long")
	if err != nil {
		t.Fatal(err)
	}
	defer long.Body.Close()
	for i := range 2 * most {
		get(t, transport, fmt.Sprint("http://server.example/?", i))
		get(t, transport, "http://server.example/?often")
	}
	if n := made.Load(); n != 2*most+2 {
		t.Errorf("%d pools were made: that of a proxy in use was given up", n)
	}
	settle(t, "idle connections", open, most+1)
	close(wait)
	if body, err := io.ReadAll(long.Body); err != nil || string(body) != "body" {
		t.Errorf("a request whose pool was given up: %q: %v", body, err)
	}
	settle(t, "the connection of a pool that was given up", open, most)
	transport.CloseIdleConnections()
	settle(t, "after CloseIdleConnections", open, 0)
}

// settle waits until n connections are open.
func settle(t *testing.T, what string, open *atomic.Int32, n int32) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); open.Load() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: %d connections are open, want %d", what, open.Load(), n)
		}
	}
}
