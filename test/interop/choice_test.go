package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
)

var signatures = &capability{
	name:   "choice of signature algorithms",
	client: with(clientSignatures, openssl30, openssl35, gnutls37, gnutls38, java, node, nss),
	server: with(serverSignatures, openssl30, openssl35, gnutls37, gnutls38, java, node, nss),
	gaps:   []string{"Python has no setting for it before 3.15"},
}

var byHello = &capability{
	name:   "decision by ClientHello: another certificate, another application protocol, an alert",
	client: with(clientDecided, openssl30, openssl35, gnutls37, gnutls38),
	gaps:   []string{"it is a server's; two programs stand for all, which send the same messages"},
}

var byAuthority = &capability{
	name:   "certificate by the peer's authorities and algorithms, chosen while the handshake waits",
	client: with(clientAsksWaiting, openssl30, openssl35, gnutls37, gnutls38),
	server: with(serverNamesAuthorities, openssl30, openssl35, gnutls37, gnutls38),
	gaps:   []string{"two programs stand for all, which send the same messages"},
}

var unwrapping = &capability{
	name:   "back to the plain connection",
	client: with(clientUnwraps, python),
	server: with(serverUnwraps, python),
	gaps:   []string{"the command line programs end when TLS does; Java and Node give no plain connection back"},
}

// opensslSchemes and so on are names of the one scheme that a program may use.
var schemeNames = map[*program]string{
	openssl30: "rsa_pss_rsae_sha512", openssl35: "rsa_pss_rsae_sha512", node: "rsa_pss_rsae_sha512", java: "rsa_pss_rsae_sha512",
	nss: "rsa_pss_rsae_sha512", gnutls37: "RSA-PSS-RSAE-SHA512", gnutls38: "RSA-PSS-RSAE-SHA512",
}

// clientSignatures tests a program whose only scheme is not the first choice of
// the library.
func clientSignatures(t *testing.T, p *program) {
	var offered []iana.SignatureScheme
	cfg := serverConfig()
	cfg.Identities = []*identity.Identity{identities["rsa"]}
	cfg.ForClient = func(_ context.Context, hello *engine.ClientHelloInfo) (*sealsock.Config, error) {
		offered = slices.Clone(hello.SignatureSchemes)
		return nil, nil
	}
	port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error {
		if err := answerLine(p, c); err != nil {
			return err
		}
		if got := c.State().OwnScheme; got != iana.RSAPSSRSAEWithSHA512 {
			return fmt.Errorf("it signed with %v", got)
		}
		return nil
	})
	name := schemeNames[p]
	switch p {
	case openssl30, openssl35:
		expectWords(t, converse(t, clientArgs(p, port, "-sigalgs", name)), "Peer signing digest: SHA512")
	case gnutls37, gnutls38:
		expectWords(t, converse(t, clientArgs(p, port, "--priority", gnutlsPriority+":-SIGN-ALL:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-"+name)), "(RSA-PSS-RSAE-SHA512)")
	case nss:
		converse(t, clientArgs(p, port, "-J", name+",ecdsa_secp256r1_sha256"))
	case node:
		runScript(t, p, "signatures", port, "", "SIGALGS="+name+":ecdsa_secp256r1_sha256")
	case java:
		runScript(t, p, "signatures", port, "", "JAVA_TOOL_OPTIONS=-Djdk.tls.client.SignatureSchemes="+name+",ecdsa_secp256r1_sha256")
	}
	wait()
	if !slices.Contains(offered, iana.RSAPSSRSAEWithSHA512) || slices.Contains(offered, iana.RSAPSSRSAEWithSHA256) {
		t.Errorf("the library read that the client offers %v", offered)
	}
}

// serverSignatures offers a custom order of schemes, from which the program
// selects the first that fits its key.
func serverSignatures(t *testing.T, p *program) {
	var port int
	switch p {
	case nss:
		port = freeport.Pick(t)
		hear(t, append(serverArgs(p, port, "-J", "rsa_pss_rsae_sha512,rsa_pss_rsae_sha256"), "-n", "rsa"))
	case node, java:
		h := hear(t, scriptArgs(p, "signatures", "server"), scriptEnv(0, "rsa", "KEY_ALGORITHM=RSA", "SIGALGS="+schemeNames[p])...)
		port = h.port(t)
	default:
		port = freeport.Pick(t)
		args := serverArgs(p, port)
		if p == openssl30 || p == openssl35 {
			args = append(args, "-rev")
		}
		args = withKey(args, "rsa")
		hear(t, args)
	}
	cfg := clientConfig()
	cfg.SignatureSchemes = []iana.SignatureScheme{iana.RSAPSSRSAEWithSHA512, iana.RSAPSSRSAEWithSHA256, iana.ECDSAWithP256AndSHA256}
	call(t, port, cfg, func(c *sealsock.Conn) error {
		if err := asks(p)(c); err != nil {
			return err
		}
		if got := c.State().PeerScheme; got != iana.RSAPSSRSAEWithSHA512 {
			return fmt.Errorf("the server signed with %v", got)
		}
		return goodbye(c)
	})
}

// refuseName is an error that chooses its alert.
type refuseName struct{}

func (refuseName) Error() string     { return "no such name here" }
func (refuseName) Alert() iana.Alert { return iana.AlertUnrecognizedName }

// clientDecided tests a server that decides by the server name of the program.
func clientDecided(t *testing.T, p *program) {
	named := serverConfig()
	named.Identities = []*identity.Identity{identities["p384"]}
	named.ALPN = []string{"second"}
	cfg := serverConfig()
	cfg.ALPN = []string{"first", "second"}
	cfg.ForClient = func(ctx context.Context, hello *engine.ClientHelloInfo) (*sealsock.Config, error) {
		select { // it may take its time
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
		switch {
		case len(hello.Raw) == 0 || len(hello.Extensions) == 0 || len(hello.CipherSuites) == 0 || len(hello.Groups) == 0:
			return nil, errors.New("the ClientHello is not told")
		case hello.ServerName == serverName:
			return named, nil
		}
		return nil, refuseName{}
	}
	port, wait := serveEach(t, cfg, 2, func(i int, c *sealsock.Conn) error {
		if i == 1 {
			err := c.HandshakeContext(t.Context())
			if !errors.As(err, new(refuseName)) {
				return fmt.Errorf("the wrong name: %w", err)
			}
			c.Close()
			return nil
		}
		if err := answerLine(p, c); err != nil {
			return err
		}
		if s := c.State(); s.ALPN != "second" || s.OwnScheme != iana.ECDSAWithP384AndSHA384 {
			return fmt.Errorf("ALPN %q, signed with %v", s.ALPN, s.OwnScheme)
		}
		return nil
	})
	alpn := func(args []string) []string {
		if p == openssl30 || p == openssl35 {
			return append(args, "-alpn", "first,second")
		}
		return append(args, "--alpn", "first", "--alpn", "second")
	}
	converse(t, alpn(clientArgs(p, port)))
	args := clientArgs(p, port)
	for i, a := range args {
		if a == serverName {
			args[i] = "other.example"
		}
	}
	h := hear(t, alpn(args))
	<-h.drained
	if said := strings.ToLower(h.said.String()); !strings.Contains(said, "unrecognized name") && !strings.Contains(said, "name sent was not recognized") {
		t.Error("the client does not say that the name was not recognized")
	}
	wait()
}

// clientAsksWaiting tests a server whose certificate and whose verification of
// the client are asynchronous.
func clientAsksWaiting(t *testing.T, p *program) {
	cfg := serverConfig()
	cfg.Identities = nil
	cfg.ClientAuth, cfg.ClientAuthorities = sealsock.RequireClientCert, [][]byte{rootCA.Cert.RawSubject}
	cfg.SelectIdentity = func(ctx context.Context, q *engine.CredentialRequest) (*identity.Identity, error) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
		if q.ServerName != serverName || !slices.Contains(q.SignatureSchemes, iana.ECDSAWithP521AndSHA512) {
			return nil, fmt.Errorf("asked for %q, with %v", q.ServerName, q.SignatureSchemes)
		}
		return identities["p521"], nil
	}
	port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error {
		if err := answerLine(p, c); err != nil {
			return err
		}
		if got := c.State().OwnScheme; got != iana.ECDSAWithP521AndSHA512 {
			return fmt.Errorf("it signed with %v", got)
		}
		return showed(c, "rsa")
	})
	said := converse(t, clientArgs(p, port, certArgs(p, "rsa")...))
	wait()
	if p == openssl30 || p == openssl35 {
		expectWords(t, said, "Acceptable client certificate CA names")
	}
}

// serverNamesAuthorities tests a client that selects its certificate by the
// server's request.
func serverNamesAuthorities(t *testing.T, p *program) {
	extra := []string{"--require-client-cert", "--verify-client-cert"}
	if p == openssl30 || p == openssl35 {
		extra = []string{"-Verify", "1"}
	}
	_, port := serve(t, p, extra...)
	cfg := clientConfig()
	cfg.SelectIdentity = func(_ context.Context, q *engine.CredentialRequest) (*identity.Identity, error) {
		for _, name := range q.Authorities {
			if bytes.Equal(name, rootCA.Cert.RawSubject) {
				return identities["p384"], nil
			}
		}
		return nil, fmt.Errorf("the server names %d authorities, not ours", len(q.Authorities))
	}
	call(t, port, cfg, func(c *sealsock.Conn) error {
		if err := asks(p)(c); err != nil {
			return err
		}
		if got := c.State().OwnScheme; got != iana.ECDSAWithP384AndSHA384 {
			return fmt.Errorf("it signed with %v", got)
		}
		return goodbye(c)
	})
}

const plainWords = "plain from sealsock\n"

// talkPlain continues without encryption and then starts TLS again.
func talkPlain(c *sealsock.Conn, ctx context.Context) error {
	plain, err := c.Unwrap(ctx)
	if err != nil {
		return err
	}
	defer plain.Close()
	if _, err := io.WriteString(plain, plainWords); err != nil {
		return err
	}
	line, err := readLine(plain)
	if err != nil || line != "plain from Python\n" {
		return fmt.Errorf("%q came in the clear, %w", line, err)
	}
	return nil
}

func clientUnwraps(t *testing.T, p *program) {
	port, wait := serveEach(t, serverConfig(), 1, func(_ int, c *sealsock.Conn) error {
		if err := echoLine(c); err != nil {
			return err
		}
		return talkPlain(c, t.Context())
	})
	expectWords(t, runScript(t, p, "unwrap", port, ""), fmt.Sprintf("plain: b'%s", strings.TrimSpace(plainWords)))
	wait()
}

func serverUnwraps(t *testing.T, p *program) {
	h, port := serveScript(t, p, "unwrap")
	call(t, port, clientConfig(), func(c *sealsock.Conn) error {
		if err := askEcho(c); err != nil {
			return err
		}
		return talkPlain(c, t.Context())
	})
	h.hears(t, fmt.Sprintf("plain: b'%s", strings.TrimSpace(plainWords)))
}
