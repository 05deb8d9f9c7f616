package address_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/sockettest"
)

func TestDatagrams(t *testing.T) {
	ctx := sockettest.Context(t)
	for _, text := range []string{"udp://127.0.0.1:0", "udp6://[::1]:0", "udplite://127.0.0.1:0", "udplite://[::1]:0"} {
		a := address.MustParse(text)
		l, err := a.ListenPacket(ctx)
		if err != nil {
			if errors.Is(err, errors.ErrUnsupported) {
				continue
			}
			t.Fatal(err)
		}
		defer l.Close()
		c, err := address.MustParse(a.Scheme() + "://" + l.LocalAddr().String()).DialPacket(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		n, from, err := l.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "ping" {
			t.Fatalf("%s: %q, %v", text, buf[:n], err)
		}
		if _, err := l.WriteTo([]byte("pong"), from); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(buf); err != nil || string(buf[:n]) != "pong" {
			t.Errorf("%s: %q, %v", text, buf[:n], err)
		}
	}
}

// TestStreamsAndDatagramsStayApart checks that TLS cannot run over an address
// that may lose data.
func TestStreamsAndDatagramsStayApart(t *testing.T) {
	ctx := context.Background()
	for _, text := range []string{"udp://127.0.0.1:1", "udplite://127.0.0.1:1", "unixgram:///x"} {
		a := address.MustParse(text)
		if !a.Packets() {
			t.Errorf("%s does not carry datagrams", text)
		}
		_, derr := a.Dial(ctx)
		_, lerr := a.Listen(ctx)
		for _, err := range []error{derr, lerr} {
			var op *net.OpError
			if !errors.As(err, &op) || !strings.Contains(err.Error(), "datagrams") {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	for _, text := range []string{"127.0.0.1:1", "unix:///x", "vsock://host:1", "ws://a/"} {
		a := address.MustParse(text)
		_, derr := a.DialPacket(ctx)
		_, lerr := a.ListenPacket(ctx)
		if derr == nil || lerr == nil || a.Packets() {
			t.Errorf("%s carries datagrams", text)
		}
	}
}
