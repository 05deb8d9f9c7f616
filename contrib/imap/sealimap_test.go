//go:build unix

package sealimap_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sealsock/sealsock"
	sealimap "github.com/sealsock/sealsock/contrib/imap"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/trust"
)

// TestDovecot upgrades a connection to Dovecot, which offers no login before, and logs in. It
// refuses a server of an unknown authority.
func TestDovecot(t *testing.T) {
	servertest.Need(t, "/usr/sbin/dovecot", "/usr/lib/dovecot/imap-login",
		"/usr/lib/dovecot/pop3-login", "/usr/lib/dovecot/lmtp",
		"/usr/lib/dovecot/managesieve-login")
	p := servertest.New(t)
	ports := make([]int, 4)
	for i := range ports {
		ports[i] = freeport.Pick(t)
	}
	servertest.Dovecot(t, p, ports)
	addr := fmt.Sprintf("localhost:%d", ports[0])
	client := await(t, addr, &sealsock.Config{Trust: &trust.Policy{Roots: p.Roots}})
	defer client.Close()
	if caps := client.Caps(); caps.Has(imap.CapStartTLS) || caps.Has(imap.CapLoginDisabled) {
		t.Errorf("the server does not take the connection for encrypted: %v", caps)
	}
	var refusal *imap.Error
	err := client.Login("user", "wrong").Wait()
	if !errors.As(err, &refusal) || refusal.Code != imap.ResponseCodeAuthenticationFailed {
		t.Errorf("a wrong password: %v", err)
	}
	if err := client.Noop().Wait(); err != nil {
		t.Error(err)
	}
	if err := client.Logout().Wait(); err != nil {
		t.Error(err)
	}
	var refused *trust.Error
	if _, err := sealimap.Dial(t.Context(), addr, nil, nil); !errors.As(err, &refused) {
		t.Errorf("a server of an unknown authority: %v", err)
	}
}

// await connects once the server has started.
func await(t *testing.T, addr string, cfg *sealsock.Config) *imapclient.Client {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		client, err := sealimap.Dial(t.Context(), addr, cfg, nil)
		if err == nil {
			return client
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestMisuse(t *testing.T) {
	options := &imapclient.Options{TLSConfig: new(tls.Config)}
	_, err := sealimap.Dial(t.Context(), "localhost:1", nil, options)
	if !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a TLSConfig: %v", err)
	}
}
