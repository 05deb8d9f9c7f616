package interop

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/trust"
)

var rawKeys = &capability{
	name:   "raw public keys of both sides (RFC 7250)",
	client: with(clientRawKey, openssl35, gnutls37, gnutls38),
	server: with(serverRawKey, openssl35, gnutls37, gnutls38),
	gaps:   []string{"OpenSSL has them from 3.2 on; the others not at all"},
}

// bare returns an identity with a raw public key, and the pin of the key.
func bare(kind string) (*identity.Identity, trust.Pin) {
	id := *identities[kind]
	id.RawPublicKey = true
	return &id, trust.PinOf(id.Leaf)
}

// publicKeyFile writes a public key as PEM.
func publicKeyFile(t *testing.T, kind string) string {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(identities[kind].Signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/public.pem"
	must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o600))
	return path
}

// rawConfig restricts a configuration to the raw key of one kind and a peer
// with that of another.
func rawConfig(cfg *sealsock.Config, own, peer string) *sealsock.Config {
	id, _ := bare(own)
	_, pin := bare(peer)
	cfg.Identities = []*identity.Identity{id}
	cfg.OnlyRawKeys = true
	cfg.Trust = &trust.Policy{Pins: []trust.Pin{pin}, PinOnly: true}
	return cfg
}

func rawShown(c *sealsock.Conn) error {
	if s := c.State(); len(s.PeerRawKey) == 0 || s.PeerChain != nil {
		return errors.New("the peer did not show a raw key")
	}
	return nil
}

// clientRawKey checks that the key is accepted with its pin and rejected with
// another.
func clientRawKey(t *testing.T, p *program) {
	cfg := rawConfig(serverConfig(), "p256", "p384")
	cfg.ClientAuth = sealsock.RequireClientCert
	port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error {
		if err := echoLine(c); err != nil {
			return err
		}
		if err := rawShown(c); err != nil {
			return err
		}
		return leave(p, c)
	})
	converse(t, rawClientArgs(t, p, port))
	wait()

	cfg = rawConfig(serverConfig(), "p256", "rsa")
	cfg.ClientAuth = sealsock.RequireClientCert
	port, wait = serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error { return wrongPin(c.HandshakeContext(t.Context())) })
	h := hear(t, rawClientArgs(t, p, port))
	wait()
	h.kill()
}

func wrongPin(err error) error {
	var why *trust.Error
	if !errors.As(err, &why) || why.Code != trust.CodePinMismatch {
		return fmt.Errorf("a key without a matching pin: %w", err)
	}
	return nil
}

// rawClientArgs returns options that accept any key, because the programs have
// no option for a pin or an expected key.
func rawClientArgs(t *testing.T, p *program, port int) []string {
	switch p {
	case gnutls37, gnutls38:
		return clientArgs(p, port, "--rawpkkeyfile", file("p384.key"), "--rawpkfile", publicKeyFile(t, "p384"), "--insecure",
			"--priority", gnutlsPriority+":+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK")
	}
	return p.tool("s_client", "-tls1_3", "-connect", fmt.Sprintf("127.0.0.1:%d", port), "-servername", serverName, "-ign_eof",
		"-enable_server_rpk", "-enable_client_rpk", "-cert", file("p384.pem"), "-key", file("p384.key"))
}

func serverRawKey(t *testing.T, p *program) {
	var port int
	switch p {
	case gnutls37, gnutls38:
		_, port = serve(t, p, "--rawpkkeyfile", file("p384.key"), "--rawpkfile", publicKeyFile(t, "p384"), "--require-client-cert",
			"--priority", gnutlsPriority+":+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK")
	default:
		port = freeport.Pick(t)
		hear(t, p.tool("s_server", "-tls1_3", "-accept", fmt.Sprintf("127.0.0.1:%d", port), "-rev", "-verify", "1",
			"-enable_server_rpk", "-enable_client_rpk", "-cert", file("p384.pem"), "-key", file("p384.key")))
	}
	call(t, port, rawConfig(clientConfig(), "p256", "p384"), func(c *sealsock.Conn) error {
		if err := asks(p)(c); err != nil {
			return err
		}
		if err := rawShown(c); err != nil {
			return err
		}
		if len(c.State().OwnChain) > 0 || c.State().OwnScheme == 0 {
			return errors.New("the client was not asked for its key")
		}
		return goodbye(c)
	})
	call(t, port, rawConfig(clientConfig(), "p256", "rsa"), func(c *sealsock.Conn) error {
		err := wrongPin(c.HandshakeContext(t.Context()))
		c.Close()
		return err
	})
}
