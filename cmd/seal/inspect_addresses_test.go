package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealsock/sealsock/address"
)

// A remoteConn has the remote address of its choice.
type remoteConn struct {
	net.Conn
	remote net.Addr
}

func (c remoteConn) RemoteAddr() net.Addr { return c.remote }
func (remoteConn) Close() error           { return nil }

// The connections of a scan have one address, which is that of the first one that is there.
func TestFixedServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused := errors.New("refused")
	calls := 0
	f := &fixedServer{named: true, turn: make(chan struct{}, 1)}
	f.first = func(context.Context) (net.Conn, error) {
		if calls++; calls == 1 {
			return nil, refused
		}
		return remoteConn{remote: l.Addr()}, nil
	}
	if _, err := f.dial(t.Context()); err != refused || f.ip() != "" {
		t.Errorf("%v, fixed to %q", err, f.ip())
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c, err := f.dial(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			c.Close()
		})
	}
	all.Wait()
	if calls != 2 || f.ip() != "127.0.0.1" {
		t.Errorf("%d connections to any address, fixed to %q", calls, f.ip())
	}
	// A proxy chooses the address for each connection.
	f = &fixedServer{named: true, turn: make(chan struct{}, 1)}
	f.first = func(context.Context) (net.Conn, error) {
		calls++
		return remoteConn{remote: remoteName("a.test:443")}, nil
	}
	for range 2 {
		if _, err := f.dial(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if calls != 4 || f.ip() != "" {
		t.Errorf("%d connections through a proxy, fixed to %q", calls, f.ip())
	}
	// A connection that waits for the first one ends with its context, as one that is dialed.
	f.first = func(ctx context.Context) (net.Conn, error) { return nil, context.Cause(ctx) }
	over, cancel := context.WithCancelCause(t.Context())
	cancel(refused)
	f.turn <- struct{}{}
	if _, err := f.dial(over); err != refused {
		t.Errorf("%v", err)
	}
}

// TestProxyServesAll: connections through a proxy do not wait for each other.
func TestProxyServesAll(t *testing.T) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetDeadline(time.Now().Add(testTimeout))
	s := namedServers()
	s.proxy = &proxies{fixed: &proxy{url: &url.URL{Scheme: "http", Host: l.Addr().String()}}}
	f, err := s.fixed(target{addr: address.MustParse("many.test:443")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for range 2 {
		all.Go(func() {
			if _, err := f.dial(ctx); err == nil {
				t.Error("a silent proxy has connected")
			}
		})
	}
	for range 2 {
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
}

// namedServers has a name with some addresses.
func namedServers(list ...string) *servers {
	s := &servers{
		flags: &inspectFlags{timeout: time.Minute, parallel: 8, dns: "off"},
		out:   &output{w: io.Discard},
		proxy: &proxies{none: true},
	}
	s.lookup = func(_ context.Context, network, host string) ([]netip.Addr, error) {
		if host != "many.test" {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		var found []netip.Addr
		for _, text := range list {
			ip := netip.MustParseAddr(text)
			if network == "ip" || network == "ip4" && ip.Unmap().Is4() {
				found = append(found, ip)
			}
		}
		return found, nil
	}
	return s
}

func TestAllAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1<<14))
			c.Write([]byte("SSH-2.0-x\r\n"))
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := namedServers("127.0.0.1", "::ffff:127.0.0.1", "::1")
	s.flags.allAddresses = true
	of := func(text string) target { return target{text: text, addr: address.MustParse(text)} }
	var where []string
	for _, text := range []string{"many.test:", "tcp4://many.test:", "127.0.0.1:"} {
		for _, i := range s.inspect(t.Context(), of(text+port)) {
			where = append(where, strings.ReplaceAll(i.Where(), port, "P"))
			if !strings.Contains(i.Where(), "::1") && !strings.Contains(i.Error, "SSH-2") {
				t.Errorf("%s: %q", i.Where(), i.Error)
			}
		}
	}
	want := []string{
		"many.test:P (127.0.0.1)", "many.test:P (::1)", "tcp4://many.test:P (127.0.0.1)", "127.0.0.1:P",
	}
	if !slices.Equal(where, want) {
		t.Errorf("%q, want %q", where, want)
	}
	if got := s.inspect(t.Context(), of("none.test:443")); len(got) != 1 || got[0].err == nil ||
		!strings.Contains(got[0].Error, "none.test") {
		t.Errorf("a name that does not exist: %+v", got)
	}
	through := namedServers("192.0.2.1")
	through.proxy = &proxies{fixed: new(proxy)}
	for _, test := range []struct {
		servers *servers
		want    string
	}{
		{namedServers(manyAddresses()...), "has 65 addresses"},
		{through, "a proxy looks up"},
	} {
		list, err := test.servers.targetAddresses(t.Context(), of("many.test:443"))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, %v, want %q", list, err, test.want)
		}
	}
}

func manyAddresses() (list []string) {
	ip := netip.MustParseAddr("192.0.2.1")
	for range maxAddresses + 1 {
		list = append(list, ip.String())
		ip = ip.Next()
	}
	return list
}

// A report tells which address of a name it is about, and which others there are.
func TestAddressOfReport(t *testing.T) {
	s := namedServers("192.0.2.1", "192.0.2.2")
	list, err := s.addresses(t.Context(), target{addr: address.MustParse("many.test:443")})
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for want, i := range map[string]inspection{
		"192.0.2.1, one of 3 (--all-addresses)": {IP: "192.0.2.1", OtherIPs: []string{"a", "b"}},
		"192.0.2.1":                             {IP: "192.0.2.1"},
		"":                                      {},
	} {
		if got := i.AddressText(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for text, want := range map[string]bool{
		"a.test:443": true, "tcp6://a.test:443": true, "https://a.test": true, "wss://a.test/x": true,
		"192.0.2.1:443": false, "[::1]:443": false, ":443": false, "unix:///a": false,
		"ws://a.test/x": false,
	} {
		if got := (&target{addr: address.MustParse(text)}).named(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
