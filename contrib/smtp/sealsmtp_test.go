//go:build unix

package sealsmtp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	sealsmtp "github.com/sealsock/sealsock/contrib/smtp"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/starttls"
	"github.com/sealsock/sealsock/trust"
)

// TestPostfix upgrades a connection to Postfix, and sends commands. It refuses a server of an
// unknown authority.
func TestPostfix(t *testing.T) {
	servertest.Need(t, "/usr/sbin/postfix")
	servertest.NeedRoot(t, "the master process of postfix refuses another user")
	p, port := servertest.New(t), freeport.Pick(t)
	servertest.Postfix(t, p, []int{port})
	addr := fmt.Sprintf("localhost:%d", port)
	client := await(t, addr, &sealsock.Config{Trust: &trust.Policy{Roots: p.Roots}})
	defer client.Close()
	if state, ok := client.TLSConnectionState(); !ok || state.Version != 0x304 {
		t.Errorf("the state is %+v", state)
	}
	if ok, _ := client.Extension("STARTTLS"); ok {
		t.Error("the server offers STARTTLS again")
	}
	for _, err := range []error{
		client.Mail("a@localhost"), client.Reset(), client.Noop(), client.Quit(),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	var refused *trust.Error
	if _, err := sealsmtp.Dial(t.Context(), addr, nil); !errors.As(err, &refused) {
		t.Errorf("a server of an unknown authority: %v", err)
	}
}

// await connects once the server has started.
func await(t *testing.T, addr string, cfg *sealsock.Config) *sealsmtp.Client {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		client, err := sealsmtp.Dial(t.Context(), addr, cfg)
		if err == nil {
			return client
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestAuth authenticates with PlainAuth to a server of package starttls.
func TestAuth(t *testing.T) {
	p := servertest.New(t)
	server := p.Server()
	server.Prologue = func(ctx context.Context, raw net.Conn) (net.Conn, error) {
		return raw, starttls.Server(ctx, raw, "smtp", servertest.Host)
	}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go serve(l)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	// A name that net/smtp does not take for this machine.
	cfg := &sealsock.Config{Trust: &trust.Policy{Roots: p.Roots}, ServerName: servertest.Host}
	client, err := sealsmtp.Dial(t.Context(), "127.0.0.1:"+port, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	auth := named{smtp.PlainAuth("", "user", "secret", "mail.example.com")}
	if err := client.Auth(auth); err != nil {
		t.Error(err)
	}
}

// named is an Auth for a server that is not this machine.
type named struct{ smtp.Auth }

func (n named) Start(server *smtp.ServerInfo) (string, []byte, error) {
	own := *server
	own.Name = "mail.example.com"
	return n.Auth.Start(&own)
}

func serve(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	in := bufio.NewScanner(c)
	for in.Scan() {
		switch line := in.Text(); {
		case strings.HasPrefix(line, "EHLO "):
			io.WriteString(c, "250-localhost\r\n250 AUTH PLAIN\r\n")
		case line == "AUTH PLAIN AHVzZXIAc2VjcmV0": // "\0user\0secret"
			io.WriteString(c, "235 authenticated\r\n")
		default:
			io.WriteString(c, "500 wrong\r\n")
		}
	}
}

func TestMisuse(t *testing.T) {
	if err := new(sealsmtp.Client).Auth(nil); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("the zero Client: %v", err)
	}
	if _, ok := (*sealsmtp.Client)(nil).TLSConnectionState(); ok {
		t.Error("a nil Client is encrypted")
	}
}
