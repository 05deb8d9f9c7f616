package sealsock_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// profiledPair runs one handshake over a pipe and returns the client's connection.
func profiledPair(t *testing.T, client, server *sealsock.Config) (*sealsock.Conn, error) {
	t.Helper()
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close() })
	s, err := sealsock.Server(a, server)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealsock.Client(b, client)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.HandshakeContext(context.Background()); _, _ = s.Read(make([]byte, 1)) }()
	if err := c.HandshakeContext(context.Background()); err != nil {
		return c, err
	}
	return c, <-done
}

// TestProfiles: each profile negotiates what it allows, and refuses the rest on either side.
func TestProfiles(t *testing.T) {
	for name, c := range map[string]struct {
		profile   sealsock.Profile
		root, key string
		server    func(*sealsock.Config)
		group     iana.NamedGroup
		suite     iana.CipherSuite
		refused   string // part of the error; empty for none
	}{
		"cnsa2": {profile: sealsock.CNSA2, root: "mldsa87", key: "mldsa87",
			group: iana.MLKEM1024, suite: iana.TLS_AES_256_GCM_SHA384},
		"cnsa2, a hybrid": {profile: sealsock.CNSA2, root: "mldsa87", key: "mldsa87",
			server: func(c *sealsock.Config) { c.Groups = []iana.NamedGroup{iana.SecP384r1MLKEM1024} },
			group:  iana.SecP384r1MLKEM1024, suite: iana.TLS_AES_256_GCM_SHA384},
		"cnsa2, another root": {profile: sealsock.CNSA2, root: "p256", key: "mldsa87",
			refused: "a key that the profile cnsa2 allows"},
		"cnsa2, another set": {profile: sealsock.CNSA2, root: "mldsa87", key: "mldsa65",
			refused: "handshake_failure"},
		"cnsa2, another suite": {profile: sealsock.CNSA2, root: "mldsa87", key: "mldsa87",
			server: func(c *sealsock.Config) {
				c.CipherSuites = []iana.CipherSuite{iana.TLS_AES_128_GCM_SHA256}
			}, refused: "handshake_failure"},
		"quantum-safe": {profile: sealsock.QuantumSafe, root: "p256", key: "p256",
			group: iana.X25519MLKEM768, suite: iana.TLS_AES_128_GCM_SHA256},
		"quantum-safe, another group": {profile: sealsock.QuantumSafe, root: "p256", key: "p256",
			server:  func(c *sealsock.Config) { c.Groups = []iana.NamedGroup{iana.X25519} },
			refused: "handshake_failure"},
		"modern, TLS 1.2": {profile: sealsock.Modern, root: "p256", key: "p256",
			server: func(c *sealsock.Config) { c.MaxVersion = iana.TLS12 }, refused: "protocol_version"},
		"nist": {profile: sealsock.NIST, root: "p256", key: "rsa",
			server: func(c *sealsock.Config) { c.Groups = []iana.NamedGroup{iana.SecP256r1} },
			group:  iana.SecP256r1, suite: iana.TLS_AES_128_GCM_SHA256},
		"nist, another suite": {profile: sealsock.NIST, root: "p256", key: "rsa",
			server: func(c *sealsock.Config) {
				c.CipherSuites = []iana.CipherSuite{iana.TLS_CHACHA20_POLY1305_SHA256}
			}, refused: "handshake_failure"},
	} {
		ca := testcert.NewWithKey("root", testcert.NewKey(c.root))
		roots := new(trust.Roots)
		if err := roots.AddDER(ca.Cert.Raw); err != nil {
			t.Fatal(err)
		}
		server := &sealsock.Config{Identities: identities(t, ca, c.key)}
		if c.server != nil {
			c.server(server)
		} else {
			server.Groups = []iana.NamedGroup{iana.X25519MLKEM768, iana.MLKEM1024}
		}
		client := &sealsock.Config{Profile: c.profile, ServerName: "localhost",
			Trust: &trust.Policy{Roots: roots}}
		conn, err := profiledPair(t, client, server)
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s := conn.State(); s.Group != c.group || s.CipherSuite != c.suite {
			t.Errorf("%s: %v and %v", name, s.Group, s.CipherSuite)
		}
	}
}

// TestProfileMisused: a profile does not go with lists that it would replace.
func TestProfileMisused(t *testing.T) {
	for name, change := range map[string]func(*sealsock.Config){
		"no such":  func(c *sealsock.Config) { c.Profile = "none" },
		"groups":   func(c *sealsock.Config) { c.Groups = []iana.NamedGroup{iana.X25519} },
		"suites":   func(c *sealsock.Config) { c.CipherSuites = []iana.CipherSuite{1} },
		"schemes":  func(c *sealsock.Config) { c.SignatureSchemes = []iana.SignatureScheme{1} },
		"versions": func(c *sealsock.Config) { c.MaxVersion = iana.TLS12 },
		"delegated keys": func(c *sealsock.Config) {
			c.DelegatedSchemes = []iana.SignatureScheme{iana.MLDSA87, iana.ECDSAWithP256AndSHA256}
		},
	} {
		cfg := &sealsock.Config{Profile: sealsock.CNSA2}
		change(cfg)
		a, _ := net.Pipe()
		_, err := sealsock.Client(a, cfg)
		var why *engine.Error
		if !errors.As(err, &why) || why.Fault != engine.FaultUsage ||
			!strings.Contains(err.Error(), "Config.Profile") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestProfileText: each profile explains itself in one line, and has rules of its own.
func TestProfileText(t *testing.T) {
	for _, p := range sealsock.Profiles() {
		text := p.String()
		if !strings.HasPrefix(text, string(p)+": TLS 1.") || strings.Contains(text, "\n") {
			t.Errorf("%q", text)
		}
		rules, ok := p.Rules()
		if !ok {
			t.Errorf("no rules of %q", string(p))
		}
		for i := range rules.Groups {
			rules.Groups[i] = 0
		}
		if again := p.String(); again != text {
			t.Errorf("%q after its rules were changed", again)
		}
	}
	const want = "cnsa2: TLS 1.3 or higher; TLS_AES_256_GCM_SHA384; " +
		"MLKEM1024, SecP384r1MLKEM1024; mldsa87"
	if got := sealsock.CNSA2.String(); got != want {
		t.Errorf("%q", got)
	}
	if got := sealsock.Profile("x").String(); got != `no profile "x"` {
		t.Errorf("%q", got)
	}
}
