package sealsock_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/engine"
)

// TestDialerHooks: a second attempt for another configuration of Encrypted ClientHello
// goes through the same functions, after OnECHRetry.
func TestDialerHooks(t *testing.T) {
	w := newECHWorld(t)
	addr := serve(t, w.server(), echo)
	cfg := w.client()
	var err error
	if cfg.ECHConfigs, err = engine.ECHConfigList(newECHKey(t)); err != nil {
		t.Fatal(err)
	}
	d, err := sealsock.NewDialer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	d.Connect = func(ctx context.Context, a address.Address) (net.Conn, error) {
		calls = append(calls, "connect to "+a.Network())
		return a.Dial(ctx)
	}
	d.BeforeHandshake = func(_ context.Context, c *sealsock.Conn) error {
		if c.HandshakeDone() {
			t.Error("BeforeHandshake is called after the handshake")
		}
		calls = append(calls, "before")
		return nil
	}
	d.OnECHRetry = func(rejected *engine.ECHRejectedError) {
		calls = append(calls, "retry with "+rejected.PublicName)
	}
	c, err := d.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exchange(t, c, "hello")
	if !c.State().ECHAccepted {
		t.Error("ECH was not accepted")
	}
	want := []string{
		"connect to tcp", "before", "retry with public.example", "connect to tcp", "before",
	}
	if !slices.Equal(calls, want) {
		t.Errorf("calls: %q, want %q", calls, want)
	}
}

// TestDialerHookFails: the error of a function of a Dialer is that of Dial, and leaves no
// connection open.
func TestDialerHookFails(t *testing.T) {
	d, err := sealsock.NewDialer(nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	failure := errors.New("no")
	d.Connect = func(context.Context, address.Address) (net.Conn, error) { return nil, failure }
	if _, err := d.Dial(t.Context(), "localhost:1"); err != failure {
		t.Errorf("Connect failed: %v", err)
	}
	d.Connect = func(context.Context, address.Address) (net.Conn, error) { return a, nil }
	d.BeforeHandshake = func(context.Context, *sealsock.Conn) error { return failure }
	if _, err := d.Dial(t.Context(), "localhost:1"); err != failure {
		t.Errorf("BeforeHandshake failed: %v", err)
	}
	b.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection below: %d bytes, %v, want it closed", n, err)
	}
}

// TestAddresses: an address that was parsed serves as its text does, also for the name that
// the server must prove.
func TestAddresses(t *testing.T) {
	cc, sc := newConfigs(t)
	cc.ServerName = ""
	l, err := sealsock.ListenAddress(t.Context(), address.MustParse("localhost:0"), sc)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.AcceptConn(context.Background())
			if err != nil {
				return
			}
			go echo(c)
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a := address.MustParse("localhost:" + port)
	d, err := sealsock.NewDialer(cc)
	if err != nil {
		t.Fatal(err)
	}
	for name, dial := range map[string]func() (*sealsock.Conn, error){
		"DialAddress":        func() (*sealsock.Conn, error) { return sealsock.DialAddress(t.Context(), a, cc) },
		"Dialer.DialAddress": func() (*sealsock.Conn, error) { return d.DialAddress(t.Context(), a) },
	} {
		c, err := dial()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		exchange(t, c, "hello")
		c.Close()
	}
	if _, err := sealsock.DialAddress(t.Context(), address.Address{}, cc); err == nil {
		t.Error("the zero Address was dialed")
	}
	if _, err := sealsock.ListenAddress(t.Context(), address.Address{}, sc); err == nil {
		t.Error("the zero Address was listened on")
	}
}

// TestDialContext: the networks of package net are dialed, and no address is taken for
// another scheme's.
func TestDialContext(t *testing.T) {
	cc, sc := newConfigs(t)
	l := newListener(t, sc)
	path := filepath.Join(t.TempDir(), "s")
	local, err := sealsock.Listen(t.Context(), "unix://"+path, sc)
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	go local.Accept()
	d, err := sealsock.NewDialer(cc)
	if err != nil {
		t.Fatal(err)
	}
	for network, addr := range map[string]string{
		"tcp": l.Addr().String(), "tcp4": l.Addr().String(), "unix": path,
	} {
		c, err := d.DialContext(t.Context(), network, addr)
		if err != nil {
			t.Errorf("%s: %v", network, err)
			continue
		}
		c.Close()
	}
	for network, addr := range map[string]string{"udp": "localhost:1", "fd": "0", "tcp": "stdio:"} {
		if c, err := d.DialContext(t.Context(), network, addr); err == nil || c != nil {
			t.Errorf("%s %s: %v, %v", network, addr, c, err)
		}
	}
}
