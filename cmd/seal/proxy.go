package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	socks "golang.org/x/net/proxy"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/printable"
)

// A proxy connects to servers on behalf of the command.
type proxy struct{ url *url.URL }

// parseProxy parses --proxy. An empty text is no proxy.
func parseProxy(text string) (*proxy, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "socks5" {
		return nil, usage("--proxy: not a URL of a proxy").
			hinted("as in --proxy http://127.0.0.1:3128 or --proxy socks5://127.0.0.1:1080")
	}
	if u.User != nil {
		return nil, usage("--proxy: the URL must not contain a password, which other users can read").
			hinted("use a proxy without a password")
	}
	if u.Port() == "" {
		u.Host += map[string]string{"http": ":3128", "socks5": ":1080"}[u.Scheme]
	}
	return &proxy{u}, nil
}

// dial connects to a server, without a proxy if p is nil.
func (p *proxy) dial(ctx context.Context, a address.Address, addr string) (net.Conn, error) {
	if p == nil {
		return a.Dial(ctx)
	}
	addr = strings.TrimPrefix(addr, "tcp://")
	if tcpPort(addr) == 0 {
		return nil, usage("--proxy does not support %s", printable.Line(addr)).
			hinted("proxies connect only to HOST:PORT")
	}
	if p.url.Scheme == "socks5" {
		dialer, err := socks.FromURL(p.url, new(net.Dialer))
		if err != nil {
			return nil, err
		}
		conn, err := dialer.(socks.ContextDialer).DialContext(ctx, "tcp", addr)
		return conn, proxyError(p, err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.url.Host)
	if err != nil {
		return nil, proxyError(p, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	tunneled, err := p.tunnel(conn, addr)
	if err != nil {
		conn.Close()
		return nil, proxyError(p, err)
	}
	return tunneled, nil
}

// proxyError names the proxy in an error.
func proxyError(p *proxy, err error) error {
	if err == nil {
		return nil
	}
	return failed(err, "the proxy %s: %v", p.url.Host, err)
}

// tunnel asks an HTTP proxy for a connection. RFC 9110, Section 9.3.6.
func (p *proxy) tunnel(conn net.Conn, addr string) (net.Conn, error) {
	request := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{},
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	// A server that begins to speak, as with STARTTLS, may have sent more than the response.
	buffered := bufio.NewReader(conn)
	response, err := http.ReadResponse(buffered, request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("it answered %s", printable.Line(response.Status))
	}
	return &bufferedConn{conn, buffered}, nil
}

// A bufferedConn reads what a reader has buffered first.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

// Read reads the buffered bytes, and then those of the connection.
func (c *bufferedConn) Read(b []byte) (int, error) { return c.r.Read(b) }
