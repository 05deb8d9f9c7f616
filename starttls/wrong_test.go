package starttls_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/starttls"
)

// injected is plaintext that an attacker puts behind the last message before TLS.
const injected = "MAIL FROM:<mallory@example.com>\r\n"

// upgrade runs both sides of a protocol over TCP. Each function returns an error.
func upgrade(t *testing.T, client, server func(net.Conn) error) (fromClient, fromServer error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Minute))
		done <- server(conn)
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	fromClient = client(conn)
	conn.Close()
	return fromClient, <-done
}

// Plaintext behind the upgrade ends the handshake in each protocol and role, and is not
// taken for data that came over TLS (CVE-2011-0411).
func TestInjected(t *testing.T) {
	leaf := testcert.New().Issue(testcert.NewKey("p256"), nil, "localhost")
	own, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &sealsock.Config{ServerName: "localhost", Identities: []*identity.Identity{own}}
	for _, name := range starttls.Protocols() {
		begin := func(conn net.Conn) error {
			return starttls.Client(t.Context(), conn, name, "localhost")
		}
		accept := func(conn net.Conn) error {
			return starttls.Server(t.Context(), conn, name, "localhost")
		}
		inject := func(first func(net.Conn) error) func(net.Conn) error {
			return func(conn net.Conn) error {
				err := first(conn)
				if err == nil {
					_, err = conn.Write([]byte(injected))
					conn.Read(make([]byte, 1<<10)) // until the other side has judged it
				}
				return err
			}
		}
		client := func(conn net.Conn) error {
			err := begin(conn)
			if err == nil {
				c, _ := sealsock.Client(conn, cfg)
				err = c.HandshakeContext(t.Context())
			}
			return err
		}
		server := func(conn net.Conn) error {
			err := accept(conn)
			if err == nil {
				c, _ := sealsock.Server(conn, cfg)
				err = c.HandshakeContext(t.Context())
			}
			return err
		}
		refused, injects := upgrade(t, client, inject(accept))
		checkInjected(t, name+", client", refused, injects)
		injects, refused = upgrade(t, inject(begin), server)
		checkInjected(t, name+", server", refused, injects)
	}
}

func checkInjected(t *testing.T, name string, refused, injects error) {
	t.Helper()
	var fault *engine.Error
	if injects != nil || !errors.As(refused, &fault) ||
		!strings.Contains(refused.Error(), "does not use TLS") {
		t.Errorf("%s: plaintext behind the upgrade: %v (injected: %v)", name, refused, injects)
	}
}

// A peer that is silent ends in an error that names it, in each protocol and role. Time is that of
// a bubble: it passes when each role waits for its peer.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, name := range starttls.Protocols() {
			client, server := net.Pipe()
			go server.Read(make([]byte, 1<<10)) // what the client sends first
			checkSilent(t, name, "the server", starttls.Client, client)
			client, server = net.Pipe()
			go client.Read(make([]byte, 1<<10))
			if name != "nats" { // its client sends nothing before TLS
				checkSilent(t, name, "the client", starttls.Server, server)
			}
			server.Close()
		}
	})
}

func checkSilent(t *testing.T, name, peer string,
	role func(context.Context, net.Conn, string, string) error, conn net.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := role(ctx, conn, name, "localhost")
	conn.Close()
	var own *starttls.Error
	if !errors.As(err, &own) || !errors.Is(err, context.DeadlineExceeded) ||
		own.Reason != peer+" did not answer in time" {
		t.Errorf("%s: %s is silent: %v", name, peer, err)
	}
}
