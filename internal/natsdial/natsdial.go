// Package natsdial opens connections to NATS servers through package sealsock. It imports no
// NATS client: a [Dialer] is what the client calls a custom dialer.
package natsdial

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/starttls"
)

// timeout bounds a connection with its handshake.
const timeout = 10 * time.Second

// A Dialer opens encrypted connections to the servers of a cluster.
type Dialer struct {
	sealed *sealsock.Dialer
	first  bool
	hosts  map[string]bool // that were configured
	name   string          // that servers prove which were not
}

// New returns a Dialer for servers, as "nats://host:port". A nil cfg is the zero Config. If
// first is true, TLS begins at once, as servers with handshake_first have it; otherwise the
// server begins with INFO in plaintext.
//
// The others in a cluster are known from what a server sends, and before TLS anyone can have
// sent it. So a server that was not configured must prove the name of the first one that was.
func New(cfg *sealsock.Config, first bool, servers []string) (*Dialer, error) {
	d := &Dialer{first: first, hosts: make(map[string]bool)}
	for _, s := range servers {
		host, err := hostOf(s)
		if err != nil {
			return nil, err
		}
		if d.name == "" {
			d.name = host
		}
		d.hosts[host] = true
	}
	if d.name == "" {
		return nil, fmt.Errorf("natsdial: there is no server to connect to: %w", os.ErrInvalid)
	}
	var err error
	if d.sealed, err = sealsock.NewDialer(cfg); err != nil {
		return nil, err
	}
	return d, nil
}

// hostOf returns the host of a server's URL, which may lack the scheme.
func hostOf(server string) (string, error) {
	server = strings.TrimSpace(server)
	if !strings.Contains(server, "://") {
		server = "nats://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" { // the text may have a password
		return "", fmt.Errorf("natsdial: a server is no URL with a host, such as "+
			"nats://host:4222: %w", os.ErrInvalid)
	}
	if u.Scheme == "ws" || u.Scheme == "wss" {
		return "", fmt.Errorf("natsdial: %s: WebSockets are not supported: use nats:// or tls://",
			u.Hostname())
	}
	return u.Hostname(), nil
}

// SkipTLSHandshake tells the NATS client that the connection is encrypted.
func (*Dialer) SkipTLSHandshake() bool { return true }

// Dial opens a connection to a host and port.
func (d *Dialer) Dial(_, hostPort string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	name := host
	if !d.hosts[host] {
		name = d.name
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var info []byte
	dialer := *d.sealed
	dialer.Connect = func(ctx context.Context, _ address.Address) (net.Conn, error) {
		raw, err := new(net.Dialer).DialContext(ctx, "tcp", hostPort)
		if err != nil || d.first {
			return raw, err
		}
		if info, err = upgrade(ctx, raw, name); err != nil {
			raw.Close()
			return nil, err
		}
		return raw, nil
	}
	c, err := dialer.Dial(ctx, "tcp://"+net.JoinHostPort(name, port))
	if err != nil {
		return nil, err
	}
	if d.first {
		return c, nil
	}
	return &begun{c, bytes.NewReader(info)}, nil
}

// upgrade receives the INFO of a server, which the client needs after the handshake.
func upgrade(ctx context.Context, raw net.Conn, name string) ([]byte, error) {
	r := &recorder{Conn: raw}
	if err := starttls.Client(ctx, r, "nats", name); err != nil {
		return nil, err
	}
	return r.info.Bytes(), nil
}

// A recorder keeps what was read: one line, which package starttls bounds.
type recorder struct {
	net.Conn
	info bytes.Buffer
}

// Read implements net.Conn.
func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.info.Write(p[:n])
	return n, err
}

// begun is a connection whose first bytes came before TLS.
type begun struct {
	*sealsock.Conn
	info *bytes.Reader
}

// Read implements net.Conn.
func (b *begun) Read(p []byte) (int, error) {
	if n, err := b.info.Read(p); err != io.EOF {
		return n, err
	}
	return b.Conn.Read(p)
}
