package interop

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/trust"
)

// A pqChain is a root, and the files of a certificate of localhost under it.
type pqChain struct{ root, cert, key, list string }

// pqChains are chains with ML-DSA: of this project's authority, and of OpenSSL's, which writes
// keys with the seed and the expanded key.
func pqChains(t *testing.T) map[string]pqChain {
	chains := map[string]pqChain{}
	for name, o := range map[string]authority.Options{
		"ML-DSA-65":               {Algorithm: authority.MLDSA65},
		"ML-DSA-44 under 87":      {Algorithm: authority.MLDSA44, RootAlgorithm: authority.MLDSA87},
		"ECDSA under ML-DSA-65":   {Algorithm: authority.ECDSAP256, RootAlgorithm: authority.MLDSA65},
		"ML-DSA-87 under Ed25519": {Algorithm: authority.MLDSA87, RootAlgorithm: authority.Ed25519},
	} {
		dir := t.TempDir()
		ca, err := authority.Create(filepath.Join(dir, "ca"), o)
		if err != nil {
			t.Fatal(err)
		}
		id, _, err := ca.Issue(authority.Request{Names: []string{serverName}, Client: true, Server: true,
			Algorithm: o.Algorithm})
		if err != nil {
			t.Fatal(err)
		}
		c := pqChain{ca.RootFile(), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"),
			filepath.Join(dir, "list.pem")}
		must(authority.SaveFiles(id, c.cert, c.key))
		lists, err := ca.CRL()
		must(err)
		must(os.WriteFile(c.list, lists, 0o600))
		chains[name] = c
	}
	for _, form := range []string{"seed-priv", "priv-only", "seed-only"} {
		chains["OpenSSL "+form] = opensslChain(t, form)
	}
	return chains
}

// opensslChain has OpenSSL make a root and a certificate, with a key in the given form.
func opensslChain(t *testing.T, form string) pqChain {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	run := func(args ...string) { tool(t, newer(), append([]string{"openssl"}, args...)...) }
	c := pqChain{root: path("root.pem"), cert: path("cert.pem"), key: path("key.pem")}
	key := func(algorithm, file string) {
		run("genpkey", "-algorithm", algorithm, "-provparam", "ml-dsa.output_formats="+form, "-out", file)
	}
	key("ML-DSA-87", path("root.key"))
	key("ML-DSA-65", c.key)
	must(os.WriteFile(path("root.cnf"), []byte("[req]\ndistinguished_name=n\n[n]\n[ca]\n"+
		"subjectKeyIdentifier=hash\nbasicConstraints=critical,CA:TRUE\n"+
		"keyUsage=critical,keyCertSign\n"), 0o600))
	run("req", "-x509", "-key", path("root.key"), "-subj", "/CN=root", "-days", "3",
		"-config", path("root.cnf"), "-extensions", "ca", "-out", c.root)
	run("req", "-new", "-key", c.key, "-subj", "/CN=leaf", "-config", path("root.cnf"),
		"-out", path("leaf.csr"))
	must(os.WriteFile(path("leaf.cnf"), []byte("subjectAltName=DNS:localhost\n"+
		"keyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n"+
		"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"), 0o600))
	run("x509", "-req", "-in", path("leaf.csr"), "-CA", c.root, "-CAkey", path("root.key"),
		"-days", "2", "-extfile", path("leaf.cnf"), "-out", c.cert)
	return c
}

// config is this project's configuration for both roles, with the other's certificate required.
func (c pqChain) config(t *testing.T) *sealsock.Config {
	id, err := identity.Load(c.cert, c.key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(c.root)
	must(err)
	accepted := new(trust.Roots)
	if _, err := accepted.AddPEM(pem); err != nil {
		t.Fatal(err)
	}
	return &sealsock.Config{
		Identities: []*identity.Identity{id}, ServerName: serverName, MinVersion: iana.TLS13,
		ClientAuth: sealsock.RequireClientCert,
		Trust:      &trust.Policy{Roots: accepted, Purpose: trust.PurposeAny},
	}
}

// TestPostQuantumChains: chains of ML-DSA are accepted by OpenSSL and crypto/tls, in both roles
// and with client certificates, and theirs by this project; sessions under them are resumed.
func TestPostQuantumChains(t *testing.T) {
	need(t, openssl35)
	for name, c := range pqChains(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := c.config(t)
			if c.list != "" {
				tool(t, newer(), "openssl", "verify", "-x509_strict", "-crl_check_all", "-CAfile", c.root,
					"-CRLfile", c.list, "-untrusted", c.cert, "-purpose", "sslserver", c.cert)
			}
			t.Run("OpenSSL is client", func(t *testing.T) { c.opensslClient(t, cfg) })
			t.Run("OpenSSL is server", func(t *testing.T) { c.opensslServer(t, cfg) })
			t.Run("crypto/tls", func(t *testing.T) { c.standard(t, cfg) })
		})
	}
}

// opensslClient has OpenSSL connect, and then resume its session.
func (c pqChain) opensslClient(t *testing.T, cfg *sealsock.Config) {
	l, err := sealsock.Listen(context.Background(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	session := filepath.Join(t.TempDir(), "session")
	for _, flags := range [][]string{{"-sess_out", session}, {"-sess_in", session}} {
		args := []string{newer(), "openssl", "s_client", "-connect", "127.0.0.1:" + strconv.Itoa(port),
			"-CAfile", c.root, "-verify_return_error", "-verify_hostname", serverName,
			"-servername", serverName, "-cert", c.cert, "-cert_chain", c.cert, "-key", c.key,
			"-quiet", "-no_ign_eof"}
		done := make(chan error, 1)
		go func() { done <- serveOne(l, flags[0] == "-sess_in") }()
		run := command{args: append(args, flags...)}
		if err := start(t, run).converse(run); err != nil {
			t.Errorf("OpenSSL: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("sealsock: %v", err)
		}
	}
}

// serveOne echoes one line to each client until one is served to the end.
func serveOne(l *sealsock.Listener, resumed bool) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	own := conn.(*sealsock.Conn)
	if got := own.State().Resumed; got != resumed {
		return fmt.Errorf("resumed: %v", got)
	}
	if _, err := io.Copy(conn, conn); err != nil {
		return err
	}
	return own.CloseWrite()
}

func (c pqChain) opensslServer(t *testing.T, cfg *sealsock.Config) {
	port := freeport.Pick(t)
	run := command{loop: true, args: []string{newer(), "openssl", "s_server",
		"-accept", "127.0.0.1:" + strconv.Itoa(port), "-tls1_3", "-CAfile", c.root, "-Verify", "3",
		"-verify_return_error", "-cert", c.cert, "-cert_chain", c.cert, "-key", c.key,
		"-quiet", "-naccept", "1"}}
	p := start(t, run)
	go func() { _, _ = io.Copy(p.stdin, p.stdout) }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := dialWhenUp(ctx, port, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := echoed(conn); err != nil {
		t.Error(err)
	}
}

// dialWhenUp connects to a server that may not listen yet.
func dialWhenUp(ctx context.Context, port int, cfg *sealsock.Config) (*sealsock.Conn, error) {
	for {
		raw, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			conn, err := sealsock.Client(raw, cfg)
			if err != nil {
				return nil, err
			}
			return conn, conn.HandshakeContext(ctx)
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// standard runs crypto/tls in both roles.
func (c pqChain) standard(t *testing.T, cfg *sealsock.Config) {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil { // a form that it does not read: the chain goes with our signer
		own := cfg.Identities[0]
		pair = tls.Certificate{Certificate: own.Chain, PrivateKey: own.Signer}
	}
	pem, err := os.ReadFile(c.root)
	must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	theirs := &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool,
		ServerName: serverName, ClientAuth: tls.RequireAndVerifyClientCert}
	for _, role := range []string{"client", "server"} {
		a, b := tcpPair(t)
		var ours *sealsock.Conn
		var peer *tls.Conn
		if role == "client" {
			ours, err = sealsock.Server(a, cfg)
			peer = tls.Client(b, theirs)
		} else {
			ours, err = sealsock.Client(a, cfg)
			peer = tls.Server(b, theirs)
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = a.SetDeadline(time.Now().Add(patience))
		go func() { _, _ = io.Copy(peer, peer) }() // ends with a
		if err := echoed(ours); err != nil {
			t.Errorf("crypto/tls is %s: %v", role, err)
		}
		a.Close()
	}
}

// tcpPair returns the two ends of a connection.
func tcpPair(t *testing.T) (a, b net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
