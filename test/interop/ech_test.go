package interop

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// hiddenName must appear only inside Encrypted ClientHello; serverName is the
// public name.
const hiddenName = "hidden.example"

func echKey(t *testing.T, id uint8) (*engine.ECHKey, []byte) {
	t.Helper()
	k, err := engine.NewECHKey(rand.Reader, id, serverName, 32)
	if err != nil {
		t.Fatal(err)
	}
	list, err := engine.ECHConfigList(k)
	if err != nil {
		t.Fatal(err)
	}
	return k, list
}

// echFromNSS tests a client of NSS that requests a hidden name.
func echFromNSS(t *testing.T, _ *program) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), nil, serverName, hiddenName)
	id, err := identity.New(leaf.Chain, leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	db := "sql:" + t.TempDir()
	root := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(root, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-N", "--empty-password", "-d", db}, {"-A", "-n", "ca", "-t", "CT,C,", "-d", db, "-i", root}} {
		if out, err := exec.Command("certutil", args...).CombinedOutput(); err != nil {
			t.Fatalf("certutil: %v: %s", err, out)
		}
	}
	key, configs := echKey(t, 1)
	_, stale := echKey(t, 1)
	for _, test := range []struct {
		name     string
		args     []string
		accepted bool
		retried  bool
		says     string // when it gives up
	}{
		{"accepted", []string{"-N", base64.StdEncoding.EncodeToString(configs)}, true, false, ""},
		{"accepted after a retry", []string{"-I", "P521,x25519", "-N", base64.StdEncoding.EncodeToString(configs)}, true, true, ""},
		{"rejected", []string{"-N", base64.StdEncoding.EncodeToString(stale)}, false, false, "SSL_ERROR_ECH_RETRY_WITH_ECH"},
		{"rejected after a retry", []string{"-I", "P521,x25519", "-N", base64.StdEncoding.EncodeToString(stale)}, false, true, "SSL_ERROR_ECH_RETRY_WITH_ECH"},
		{"GREASE", []string{"-i", "50"}, false, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{
				Identities: []*identity.Identity{id}, ECHKeys: []*engine.ECHKey{key}, Groups: []iana.NamedGroup{iana.X25519},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			states := make(chan engine.State, 1)
			go func() {
				if c, err := l.AcceptConn(context.Background()); err == nil {
					states <- c.State()
					defer c.Close()
					c.Read(make([]byte, 1))
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, port, _ := strings.Cut(l.Addr().String(), ":")
			args := append([]string{"-h", "127.0.0.1", "-a", hiddenName, "-p", port, "-d", db, "-V", "tls1.3:tls1.3", "-Q"}, test.args...)
			out, err := exec.CommandContext(ctx, "tstclnt", args...).CombinedOutput()
			if (err == nil) != (test.says == "") || !strings.Contains(string(out), test.says) {
				t.Errorf("tstclnt: %v: %s", err, out)
			}
			select {
			case s := <-states:
				wantName := hiddenName
				if test.says != "" {
					wantName = serverName
				}
				if s.ECHAccepted != test.accepted || s.Retried != test.retried || s.ServerName != wantName {
					t.Errorf("accepted %v, retried %v, name %q", s.ECHAccepted, s.Retried, s.ServerName)
				}
			case <-time.After(patience):
				t.Error("the server never got through its handshake")
			}
		})
	}
}

// TestECHWithServersThatHaveNone checks servers without ECH. They ignore the
// extension. With GREASE the handshake succeeds, and a real offer ends in an
// error that states that they have no keys.
func TestECHWithServersThatHaveNone(t *testing.T) {
	_, configs := echKey(t, 1)
	for _, p := range programs {
		if p.server == nil {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			need(t, p)
			err := dialWithout(t, p, &sealsock.Config{ServerName: hiddenName, ECHConfigs: configs})
			var rejected *engine.ECHRejectedError
			if !errors.As(err, &rejected) || rejected.RetryConfigs != nil || rejected.PublicName != serverName {
				t.Errorf("with a configuration: %v", err)
			}
			if err := dialWithout(t, p, &sealsock.Config{ServerName: serverName, ECHGREASE: true}); err != nil {
				t.Errorf("with GREASE: %v", err)
			}
		})
	}
}

// dialWithout starts a server and does one handshake with it.
func dialWithout(t *testing.T, p *program, cfg *sealsock.Config) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	port := 0
	c := p.server(new(scenario), 0)
	if !c.announces {
		port = freeport.Pick(t)
		c = p.server(new(scenario), port)
	}
	proc := start(t, c)
	defer proc.kill()
	if c.announces {
		var err error
		if port, err = proc.announced(); err != nil {
			t.Fatal(err)
		}
	}
	waiting, err := connect(ctx, port)
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	cfg.Trust = &trust.Policy{Roots: roots}
	conn, err := sealsock.Client(waiting, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.HandshakeContext(ctx)
}
