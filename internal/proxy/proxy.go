// Package proxy connects to servers through HTTP proxies, with CONNECT, and through
// SOCKS 5 proxies.
package proxy

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	socks "golang.org/x/net/proxy"

	"github.com/sealsock/sealsock/internal/printable"
)

// Ports has the default port of each scheme of a proxy.
var Ports = map[string]string{"http": "3128", "https": "443", "socks5": "1080"}

// A Proxy connects to servers.
type Proxy struct {
	Scheme string        // of Ports
	Addr   string        // host:port
	User   *url.Userinfo // nil for none
	// Connect opens the connection to an http or socks5 proxy; nil means a net.Dialer.
	Connect func(ctx context.Context, network, addr string) (net.Conn, error)
	// Secure opens the encrypted connection to an https proxy, with HTTP/1.1.
	Secure func(ctx context.Context, addr string) (net.Conn, error)
}

// Dial connects to the proxy and asks it for a connection to addr, a host:port. If ctx ends first,
// the error is the cause of its end.
func (p *Proxy) Dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := p.dial(ctx, addr)
	if err != nil && over(ctx, err) {
		return nil, context.Cause(ctx)
	}
	return conn, err
}

// over reports whether ctx has ended. The deadline of a connection may pass a moment before that
// of ctx, from which it was set: then over waits for ctx.
func over(ctx context.Context, err error) bool {
	end, bounded := ctx.Deadline()
	late, ok := errors.AsType[net.Error](err)
	if ok && late.Timeout() && bounded && !time.Now().Before(end) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

func (p *Proxy) dial(ctx context.Context, addr string) (net.Conn, error) {
	if p.Scheme == "socks5" {
		dialer, err := socks.SOCKS5("tcp", p.Addr, p.socksUser(), forward(p.connect))
		if err != nil {
			return nil, err
		}
		return dialer.(socks.ContextDialer).DialContext(ctx, "tcp", addr)
	}
	conn, err := p.dialHTTP(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	err = p.tunnel(conn, addr)
	if !stop() {
		err = cmp.Or(err, context.Cause(ctx))
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// forward makes a function the dialer of package proxy.
type forward func(ctx context.Context, network, addr string) (net.Conn, error)

// Dial implements proxy.Dialer.
func (f forward) Dial(network, addr string) (net.Conn, error) {
	return f(context.Background(), network, addr)
}

// DialContext implements proxy.ContextDialer.
func (f forward) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return f(ctx, network, addr)
}

func (p *Proxy) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	if p.Connect != nil {
		return p.Connect(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

func (p *Proxy) socksUser() *socks.Auth {
	if p.User == nil {
		return nil
	}
	password, _ := p.User.Password()
	return &socks.Auth{User: p.User.Username(), Password: password}
}

// dialHTTP connects to an HTTP proxy, with TLS if its scheme is https.
func (p *Proxy) dialHTTP(ctx context.Context) (net.Conn, error) {
	if p.Scheme == "https" {
		return p.Secure(ctx, p.Addr)
	}
	return p.connect(ctx, "tcp", p.Addr)
}

// maxHead is the size of the response of a proxy, in bytes.
const maxHead = 16 << 10

// tunnel asks an HTTP proxy for a connection, and reads nothing behind its response: a
// server that begins to speak may have sent more. RFC 9110, Section 9.3.6.
func (p *Proxy) tunnel(conn net.Conn, addr string) error {
	request := &http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: http.Header{},
	}
	if p.User != nil {
		password, _ := p.User.Password()
		basic := http.Request{Header: http.Header{}}
		basic.SetBasicAuth(p.User.Username(), password)
		request.Header.Set("Proxy-Authorization", basic.Header.Get("Authorization"))
	}
	if strings.ContainsAny(addr, " \t\r\n") { // would end the target of the request
		return errors.New("the name of the server contains white space")
	}
	if err := request.Write(conn); err != nil {
		return err
	}
	response, err := readResponse(conn, request)
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusProxyAuthRequired:
		return ErrUser
	case response.StatusCode/100 != 2:
		return fmt.Errorf("it answered %s", printable.Line(response.Status))
	}
	return nil
}

// readResponse reads the head of the final response, and nothing behind it. Interim ones may
// come before: RFC 9110, Section 15.2.
func readResponse(conn net.Conn, request *http.Request) (*http.Response, error) {
	for left := maxHead; ; {
		head, err := readHead(conn, left)
		if err != nil {
			return nil, err
		}
		response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), request)
		if err != nil {
			return nil, errors.New("its response is not HTTP")
		}
		if response.StatusCode/100 != 1 || response.StatusCode == http.StatusSwitchingProtocols {
			return response, nil
		}
		left -= len(head)
	}
}

// ErrUser is the error of a proxy that requires a user name and a password, or others.
var ErrUser = errors.New("it asks for a user name and password")

// readHead reads the head of an HTTP message, and nothing behind it.
func readHead(r io.Reader, limit int) ([]byte, error) {
	var head []byte
	// RFC 9112, Section 2.2: a single LF may end a line.
	for !bytes.HasSuffix(head, []byte("\n\r\n")) && !bytes.HasSuffix(head, []byte("\n\n")) {
		if len(head) >= limit {
			return nil, fmt.Errorf("its response has a head of more than %d bytes", maxHead)
		}
		head = append(head, 0)
		if _, err := io.ReadFull(r, head[len(head)-1:]); err != nil {
			return nil, err
		}
	}
	return head, nil
}
