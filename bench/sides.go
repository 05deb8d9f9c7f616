package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// An implementation makes both ends of a connection.
type implementation struct {
	name string
	pair func(client, server net.Conn, group iana.NamedGroup) (c, s sealedConn, err error)
}

// A sealedConn is what both implementations' connections can do.
type sealedConn interface {
	net.Conn
	CloseWrite() error
}

const host = "bench.example"

// material is one root, one leaf, and both implementations' view of them.
var material = makeMaterial()

type certificates struct {
	roots    *trust.Roots
	identity *identity.Identity
	pool     *x509.CertPool
	cert     tls.Certificate
}

func makeMaterial() certificates {
	rootKey, leafKey := newKey(), newKey()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	rootDER := must(x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey))
	root = must(x509.ParseCertificate(rootDER))
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: root.NotBefore, NotAfter: root.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafDER := must(x509.CreateCertificate(rand.Reader, leaf, root, leafKey.Public(), rootKey))
	m := certificates{roots: new(trust.Roots), pool: x509.NewCertPool()}
	if err := m.roots.AddDER(rootDER); err != nil {
		panic(err)
	}
	m.pool.AddCert(root)
	m.identity = must(identity.New([][]byte{leafDER}, leafKey))
	m.cert = tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}
	return m
}

func newKey() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var sealed = implementation{"sealsock", func(client, server net.Conn, group iana.NamedGroup) (sealedConn, sealedConn, error) {
	cfg := sealedConfigs[group]
	c, err := sealsock.Client(client, cfg.client)
	if err != nil {
		return nil, nil, err
	}
	s, err := sealsock.Server(server, cfg.server)
	if err != nil {
		return nil, nil, err
	}
	return c, s, both(func() error { return c.Handshake(context.Background()) }, func() error { return s.Handshake(context.Background()) })
}}

var standard = implementation{"crypto/tls", func(client, server net.Conn, group iana.NamedGroup) (sealedConn, sealedConn, error) {
	cfg := standardConfigs[group]
	c, s := tls.Client(client, cfg.client), tls.Server(server, cfg.server)
	return c, s, both(c.Handshake, s.Handshake)
}}

// both runs the two halves of a handshake concurrently.
func both(a, b func() error) error {
	done := make(chan error, 1)
	go func() { done <- b() }()
	err := a()
	if other := <-done; err == nil {
		err = other
	}
	return err
}

type sealedPair struct{ client, server *sealsock.Config }

var sealedConfigs = func() map[iana.NamedGroup]sealedPair {
	m := map[iana.NamedGroup]sealedPair{}
	for _, g := range []iana.NamedGroup{iana.X25519, iana.X25519MLKEM768} {
		groups := []iana.NamedGroup{g}
		m[g] = sealedPair{
			client: &sealsock.Config{Trust: &trust.Policy{Roots: material.roots}, ServerName: host, Groups: groups},
			server: &sealsock.Config{Identities: []*identity.Identity{material.identity}, Groups: groups},
		}
	}
	return m
}()

type standardPair struct{ client, server *tls.Config }

var standardConfigs = func() map[iana.NamedGroup]standardPair {
	m := map[iana.NamedGroup]standardPair{}
	for _, g := range []iana.NamedGroup{iana.X25519, iana.X25519MLKEM768} {
		groups := []tls.CurveID{tls.CurveID(g)}
		m[g] = standardPair{
			client: &tls.Config{RootCAs: material.pool, ServerName: host, CurvePreferences: groups, MinVersion: tls.VersionTLS13},
			server: &tls.Config{Certificates: []tls.Certificate{material.cert}, CurvePreferences: groups, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS13},
		}
	}
	return m
}()
