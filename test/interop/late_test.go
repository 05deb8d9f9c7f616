package interop

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
)

var lateAuthentication = &capability{
	name:   "client certificate after the handshake",
	client: with(clientLate, openssl30, openssl35, gnutls37, gnutls38, python, nss),
	server: with(serverLate, openssl30, openssl35, gnutls37, gnutls38, python, nss),
	gaps:   []string{"Java and Node have nothing for it"},
}

var lateDeclined = &capability{
	name:   "client certificate after the handshake, declined",
	client: with(clientDeclines, openssl30, openssl35, gnutls37, gnutls38, python),
	server: with(serverDeclined, openssl30, openssl35, python, nss),
	gaps: []string{
		"tstclnt of NSS offers it only with a certificate to show",
		"GnuTLS as a server breaks off with certificate_required when the client declines",
	},
}

// clientLate tests a server of the library that requests a certificate twice
// between a line and its echo.
func clientLate(t *testing.T, p *program) {
	cfg := serverConfig()
	port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error {
		line, err := readLine(c)
		if err != nil {
			return err
		}
		if c.Peer() != nil {
			return errors.New("the client is known before it was asked")
		}
		for range 2 {
			if err := c.RequestClientCertificate(t.Context()); err != nil {
				return err
			}
		}
		if err := showed(c, "p256"); err != nil {
			return err
		}
		if _, err := io.WriteString(c, line); err != nil {
			return err
		}
		return leave(p, c)
	})
	lateClient(t, p, port, "p256")
	wait()
}

func clientDeclines(t *testing.T, p *program) {
	port, wait := serveEach(t, serverConfig(), 1, func(_ int, c *sealsock.Conn) error {
		line, err := readLine(c)
		if err != nil {
			return err
		}
		if err := c.RequestClientCertificate(t.Context()); err != nil {
			return err
		}
		if c.Peer() != nil {
			return errors.New("the client has declined, and is known")
		}
		if _, err := io.WriteString(c, line); err != nil {
			return err
		}
		return leave(p, c)
	})
	lateClient(t, p, port, "")
	wait()
}

// lateClient runs a program that supports post-handshake authentication.
func lateClient(t *testing.T, p *program, port int, key string) {
	t.Helper()
	if p == python {
		runScript(t, p, "late", port, key)
		return
	}
	extra := map[*program][]string{nss: {"-E"}, gnutls37: {"--post-handshake-auth"}, gnutls38: {"--post-handshake-auth"}}[p]
	if extra == nil {
		extra = []string{"-enable_pha"}
	}
	if key != "" {
		extra = append(extra, certArgs(p, key)...)
	}
	converse(t, clientArgs(p, port, extra...))
}

// certArgs are a client's options for a certificate.
func certArgs(p *program, key string) []string {
	switch p {
	case nss:
		return []string{"-n", key}
	case gnutls37, gnutls38:
		return []string{"--x509certfile", file(key + ".pem"), "--x509keyfile", file(key + ".key")}
	}
	return []string{"-cert", file(key + ".pem"), "-key", file(key + ".key")}
}

// showed reports whether the peer authenticated with the certificate of a kind.
func showed(c *sealsock.Conn, kind string) error {
	if p := c.Peer(); p == nil || p.Leaf.Subject.CommonName != kind {
		return fmt.Errorf("the peer is %v, want the certificate %s", p, kind)
	}
	return nil
}

func serverLate(t *testing.T, p *program) {
	cfg := clientConfig()
	cfg.PostHandshakeAuth, cfg.Identities = true, []*identity.Identity{identities["p384"]}
	h := lateServer(t, p, cfg)
	if want := lateWords[p]; want != "" {
		h.hears(t, want)
	}
}

func serverDeclined(t *testing.T, p *program) {
	cfg := clientConfig()
	cfg.PostHandshakeAuth = true
	h := lateServer(t, p, cfg)
	if p == python {
		h.hears(t, "after: None")
	}
}

// lateWords are the messages of a program about the requested certificate.
var lateWords = map[*program]string{
	openssl30: "CN = p384", openssl35: "CN=p384", python: "(('commonName', 'p384'),)",
}

// lateServer tests the library with a program that requests a certificate
// during the connection.
func lateServer(t *testing.T, p *program, cfg *sealsock.Config) (h *heard) {
	t.Helper()
	var port int
	switch p {
	case python:
		h, port = serveScript(t, p, "late")
	case nss:
		h, port = serveOwn(t, p, "-E", "-r", "-r", "-r")
	case openssl30, openssl35:
		h, port = serveOwn(t, p, "-naccept", "1")
	default:
		h, port = serveOwn(t, p, "--disable-client-cert")
	}
	call(t, port, cfg, func(c *sealsock.Conn) error {
		switch p {
		case nss:
			return askWeb(c)
		case openssl30, openssl35:
			return lateOpenSSL(h, c)
		case gnutls37, gnutls38:
			return lateGnuTLS(c)
		default:
			if err := askEcho(c); err != nil {
				return err
			}
		}
		if err := askEcho(c); err != nil {
			return err
		}
		return goodbye(c)
	})
	return h
}

// lateGnuTLS sends the command that makes gnutls-serv request a certificate. It
// sends nothing else until gnutls-serv reports the result, because other data
// makes it fail.
func lateGnuTLS(c *sealsock.Conn) error {
	if _, err := io.WriteString(c, "**REAUTH**\n"); err != nil {
		return err
	}
	if line, err := readLine(c); err != nil || line != "Successfully executed command\n" {
		return fmt.Errorf("%q came, %w", line, err)
	}
	if s := c.State(); s.OwnScheme == 0 {
		return errors.New("the library was not asked")
	}
	if err := askEcho(c); err != nil {
		return err
	}
	return goodbye(c)
}

// lateOpenSSL enters the command that makes s_server request a certificate.
func lateOpenSSL(h *heard, c *sealsock.Conn) error {
	if _, err := io.WriteString(c, hello); err != nil {
		return err
	}
	if err := h.waitFor(hello); err != nil {
		return err
	}
	came := make(chan error, 1)
	go func() { // a reader answers
		line, err := readLine(c)
		if err == nil && line != hello {
			err = fmt.Errorf("%q came", line)
		}
		came <- err
	}()
	if _, err := io.WriteString(h.stdin, "c\n"); err != nil {
		return err
	}
	if err := h.waitFor("SSL_do_handshake -> 1"); err != nil {
		return err
	}
	if _, err := io.WriteString(h.stdin, hello); err != nil {
		return err
	}
	if err := <-came; err != nil {
		return err
	}
	if _, err := io.WriteString(c, "after it\n"); err != nil {
		return err
	}
	if err := h.waitFor("after it\n"); err != nil {
		return err
	}
	return goodbye(c)
}
