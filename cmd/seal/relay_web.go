package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/admit"
	"github.com/sealsock/sealsock/internal/chatpage"
	"github.com/sealsock/sealsock/internal/websocket"
	rooms "github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/talk"
)

// Bounds of the requests of browsers and of members behind a web server.
const (
	webHead    = 10 * time.Second // for the head of a request
	webAnswer  = 5 * time.Minute  // for the page, over a slow network
	webIdle    = 30 * time.Second // between two requests
	webMaxHead = 16 << 10
)

// A relayWeb serves the page of a relay, and the members that reach it by WebSocket, on
// connections of the relay's own port.
type relayWeb struct {
	relay  *rooms.Server
	http   *http.Server
	conns  chan net.Conn
	once   sync.Once
	places admit.Places
}

// webPerAddress is how many connections of an address are served without --max-per-address.
const webPerAddress = 100

func newRelayWeb(relay *rooms.Server, perAddress int) *relayWeb {
	w := &relayWeb{relay: relay, conns: make(chan net.Conn)}
	w.places.Total, w.places.PerAddress = math.MaxInt, cmp.Or(perAddress, webPerAddress)
	pages := chatpage.Handler()
	w.http = &http.Server{
		ReadHeaderTimeout: webHead, ReadTimeout: webHead, WriteTimeout: webAnswer,
		IdleTimeout: webIdle, MaxHeaderBytes: webMaxHead, ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/"+talk.LinkResource {
				w.member(out, r)
				return
			}
			pages.ServeHTTP(out, r)
		}),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, webConnKey{}, c)
		},
	}
	return w
}

// webConnKey is the key of the *webConn in the context of a request.
type webConnKey struct{}

// A webConn is a connection that http.Server serves.
type webConn struct {
	net.Conn
	served context.Context // of serve
	ended  chan struct{}
	ending sync.Once
	result error // of a member; valid when ended is closed
}

// Close implements net.Conn.
func (c *webConn) Close() error {
	defer c.ending.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

// serve serves the requests of a connection until its end.
func (w *relayWeb) serve(ctx context.Context, conn net.Conn) error {
	if why := placeFor(&w.places, conn.RemoteAddr()); why != nil {
		conn.Close()
		return why
	}
	defer w.places.Leave(conn.RemoteAddr())
	w.once.Do(func() { go w.http.Serve(webListener{w, conn.LocalAddr()}) })
	c := &webConn{Conn: conn, served: ctx, ended: make(chan struct{})}
	select {
	case w.conns <- c:
	case <-ctx.Done():
		return conn.Close()
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	<-c.ended
	return c.result
}

// member serves a member that connects by WebSocket.
func (w *relayWeb) member(out http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(webConnKey{}).(*webConn)
	hijacker, ok := out.(http.Hijacker)
	if !ok || c == nil {
		http.Error(out, "a WebSocket needs HTTP/1.1", http.StatusUpgradeRequired)
		return
	}
	_, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	// The WebSocket reads the request itself, and checks it.
	head := new(bytes.Buffer)
	fmt.Fprintf(head, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.RequestURI, r.Host)
	r.Header.Write(head)
	head.WriteString("\r\n")
	early, err := buffered.Reader.Peek(buffered.Reader.Buffered())
	if err != nil {
		return
	}
	c.SetDeadline(time.Now().Add(webHead))
	ws := websocket.Server(replayed{c, io.MultiReader(head, bytes.NewReader(early), c)},
		"/"+talk.LinkResource)
	if c.result = ws.Handshake(); c.result != nil {
		return
	}
	c.SetDeadline(time.Time{})
	c.result = w.relay.Serve(c.served, ws)
}

// A replayed is a connection of which something was read that is read again.
type replayed struct {
	*webConn
	from io.Reader
}

// Read implements net.Conn.
func (r replayed) Read(p []byte) (int, error) { return r.from.Read(p) }

// A webListener accepts what is given to serve.
type webListener struct {
	web  *relayWeb
	addr net.Addr
}

// Accept implements net.Listener. The process ends before the listener.
func (l webListener) Accept() (net.Conn, error) {
	return <-l.web.conns, nil
}

// Close implements net.Listener.
func (l webListener) Close() error { return nil }

// Addr implements net.Listener.
func (l webListener) Addr() net.Addr { return l.addr }

// beginsHTTP reports whether a client sends a request of HTTP. The first byte tells it: that of
// the relay's own protocol is 0, because its messages are short.
func beginsHTTP(ctx context.Context, conn *serverConn) (bool, error) {
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	conn.SetReadDeadline(time.Now().Add(webHead))
	first := make([]byte, 1)
	_, err := io.ReadFull(conn, first)
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return false, &rooms.Error{Code: rooms.CodeClosing}
	case errors.As(err, &timeout) && timeout.Timeout():
		return false, &rooms.Error{Code: rooms.CodeIdle}
	case err == io.EOF:
		return false, nil // which the relay reads again
	case err != nil:
		return false, err
	}
	conn.SetReadDeadline(time.Time{})
	conn.early = append(first, conn.early...)
	return 'A' <= first[0] && first[0] <= 'Z', nil
}
