package websocket

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxHead is the size of the head of a request or response, in bytes.
const maxHead = 16 << 10

// acceptGUID is the text of RFC 6455, Section 1.3.
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + acceptGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// An opener is what a side does with the head that it has read.
type opener interface {
	// start sends what comes before the head of the peer.
	start(conn net.Conn) error
	// finish checks the head, and answers it.
	finish(conn net.Conn, head []byte) error
}

// Client returns the client's side of a WebSocket over conn, after the handshake for host,
// as in "example.com:8080", and resource, as in "/room?x=1". The end of ctx interrupts it.
// After an error the caller closes conn.
func Client(ctx context.Context, conn net.Conn, host, resource string) (*Conn, error) {
	var key [16]byte
	rand.Read(key[:])
	o := &clientOpener{host, resource, base64.StdEncoding.EncodeToString(key[:])}
	c := newConn(conn, true, o)
	return c, c.HandshakeContext(ctx)
}

// Server returns the server's side of a WebSocket over conn, for a resource. The handshake
// runs with Handshake or the first Read.
func Server(conn net.Conn, resource string) *Conn {
	return newConn(conn, false, &serverOpener{resource})
}

// HandshakeContext is Handshake, which the end of ctx interrupts.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.conn.SetDeadline(time.Unix(1, 0))
		close(done)
	})
	err := c.Handshake()
	if !stop() {
		<-done
		c.conn.SetDeadline(time.Time{})
		if err != nil {
			return context.Cause(ctx)
		}
	}
	return err
}

// Handshake runs the handshake, unless it is done. After a deadline it may be called again.
func (c *Conn) Handshake() error {
	if c.open.Load() {
		return nil
	}
	c.handshake.Lock()
	defer c.handshake.Unlock()
	if c.open.Load() || c.failed != nil {
		return c.failed
	}
	if c.head == nil {
		c.head = []byte{}
		if c.failed = c.opener.start(c.conn); c.failed != nil {
			return c.failed
		}
	}
	for !endOfHead(c.head) {
		b, err := c.r.ReadByte()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if len(c.head) == maxHead {
			reason := fmt.Sprintf("the head of the peer has more than %d bytes", maxHead)
			c.failed = &Error{Reason: reason}
			return c.failed
		}
		c.head = append(c.head, b)
	}
	if c.failed = c.opener.finish(c.conn, c.head); c.failed != nil {
		return c.failed
	}
	c.head = nil
	c.open.Store(true)
	return nil
}

type clientOpener struct{ host, resource, key string }

func (o *clientOpener) start(conn net.Conn) error {
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
		o.resource, o.host, o.key)
	return err
}

// finish checks the response. RFC 6455, Section 4.1.
func (o *clientOpener) finish(_ net.Conn, head []byte) error {
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		return &Error{Reason: "the response of the server is not HTTP"}
	}
	switch {
	case r.StatusCode != http.StatusSwitchingProtocols:
		reason := fmt.Sprintf("the server answered %q, and does not upgrade", r.Status)
		return &Error{Reason: reason, Status: r.StatusCode}
	case !hasToken(r.Header, "Upgrade", "websocket") || !hasToken(r.Header, "Connection", "upgrade"):
		return &Error{Reason: "the response of the server upgrades to another protocol"}
	case r.Header.Get("Sec-WebSocket-Accept") != acceptOf(o.key):
		return &Error{Reason: "the response of the server does not belong to the request"}
	case r.Header.Get("Sec-WebSocket-Extensions")+r.Header.Get("Sec-WebSocket-Protocol") != "":
		return &Error{Reason: "the server chose an extension or protocol that was not offered"}
	}
	return nil
}

type serverOpener struct{ resource string }

func (*serverOpener) start(net.Conn) error { return nil }

// finish checks the request and answers it. RFC 6455, Section 4.2.
func (o *serverOpener) finish(conn net.Conn, head []byte) error {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return refuse(conn, http.StatusBadRequest, "the request of the client is not HTTP")
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	raw, err := base64.StdEncoding.DecodeString(key)
	switch {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1):
		return refuse(conn, http.StatusBadRequest, "the request of the client is no GET of HTTP/1.1")
	case r.URL.RequestURI() != o.resource:
		return refuse(conn, http.StatusNotFound, "the client asks for another path")
	case !hasToken(r.Header, "Upgrade", "websocket") || !hasToken(r.Header, "Connection", "upgrade"):
		return refuse(conn, http.StatusUpgradeRequired, "the client does not ask for an upgrade")
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return refuse(conn, http.StatusUpgradeRequired, "the client uses another version than 13")
	case err != nil || len(raw) != 16:
		return refuse(conn, http.StatusBadRequest, "the key of the client is malformed")
	case !sameOrigin(r):
		return refuse(conn, http.StatusForbidden, "the page in the client's browser is of another site")
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", acceptOf(key))
	return err
}

// refuse answers a request that cannot be served.
func refuse(conn net.Conn, status int, reason string) error {
	text := http.StatusText(status)
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nConnection: close\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n", status, text)
	return errors.Join(&Error{Reason: reason}, err)
}

// sameOrigin reports whether a request is from no browser, or from a page of this server.
// Without that, each page that a user visits could connect to a server that only this
// machine reaches. RFC 6455, Section 10.2.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// hasToken reports whether a header has a token in its list.
func hasToken(h http.Header, name, token string) bool {
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(word), token) {
				return true
			}
		}
	}
	return false
}
