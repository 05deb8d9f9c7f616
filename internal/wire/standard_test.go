package wire_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/wire"
)

// A tap keeps what is written through it.
type tap struct {
	net.Conn
	sent bytes.Buffer
}

func (c *tap) Write(b []byte) (int, error) {
	c.sent.Write(b)
	return c.Conn.Write(b)
}

// clearMessages puts the handshake messages of the records together, up to the
// first record that is not a handshake in the clear.
func clearMessages(t *testing.T, records []byte) [][]byte {
	t.Helper()
	var stream []byte
	for len(records) >= 5 && records[0] == byte(iana.ContentHandshake) {
		n := 5 + int(binary.BigEndian.Uint16(records[3:]))
		stream = append(stream, records[5:n]...)
		records = records[n:]
	}
	var messages [][]byte
	for len(stream) > 0 {
		_, n, _ := wire.ParseHeader(stream)
		if n += wire.HeaderLen; n > len(stream) {
			t.Fatal("half a message in the clear")
		}
		messages = append(messages, stream[:n])
		stream = stream[n:]
	}
	return messages
}

// handshake connects two ends of crypto/tls and returns the messages of both.
func handshake(t *testing.T, client, server *tls.Config) (fromClient, fromServer [][]byte) {
	t.Helper()
	// A pipe would block: both sides write at once after a HelloRetryRequest.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	a, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c, s := &tap{Conn: a}, &tap{Conn: b}
	for _, conn := range []net.Conn{a, b} {
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	served := make(chan error, 1)
	go func() {
		conn := tls.Server(s, server)
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		served <- err
	}()
	conn := tls.Client(c, client)
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal("client:", err)
	}
	if err := <-served; err != nil {
		t.Fatal("server:", err)
	}
	return clearMessages(t, c.sent.Bytes()), clearMessages(t, s.sent.Bytes())
}

// configs returns settings for a server with a certificate and a client that
// has one too and knows the server's.
func configs(t *testing.T) (client, server *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"secret.test", "public.test"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	cert.Leaf, _ = x509.ParseCertificate(der)
	cert.OCSPStaple = []byte("an OCSP response")
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	client = &tls.Config{ServerName: "secret.test", RootCAs: roots, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	server = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: roots, NextProtos: []string{"h2"}}
	return client, server
}

func TestStandardLibrary12(t *testing.T) {
	client, server := configs(t)
	client.MaxVersion = tls.VersionTLS12
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	fromClient, fromServer := handshake(t, client, server)
	check := func(messages [][]byte, names ...string) {
		t.Helper()
		for i, name := range names {
			if i >= len(messages) {
				t.Errorf("no %s", name)
				return
			}
			typ, _, _ := wire.ParseHeader(messages[i])
			if name == "ServerHelloDone" {
				if err := wire.ParseEmpty(typ, messages[i][wire.HeaderLen:]); err != nil {
					t.Error(err)
				}
				continue
			}
			m, err := forms[name].parse(messages[i][wire.HeaderLen:])
			if err != nil || typ != forms[name].typ {
				t.Errorf("%s: %s, %v", name, typ, err)
				continue
			}
			// The order of extensions in hellos is each implementation's own.
			if got := appended(t, m); len(got) != len(messages[i]) || i > 0 && !bytes.Equal(got, messages[i]) {
				t.Errorf("%s\nappended %x\nwant     %x", name, got, messages[i])
			}
		}
	}
	check(fromClient, "ClientHello", "Certificate12", "ClientKeyExchange12", "CertificateVerify")
	check(fromServer, "ServerHello", "Certificate12", "CertificateStatus12", "ServerKeyExchange12", "CertificateRequest12", "ServerHelloDone", "NewSessionTicket12")
}

func TestStandardLibraryRetry(t *testing.T) {
	client, server := configs(t)
	server.CurvePreferences = []tls.CurveID{tls.CurveP384}
	fromClient, fromServer := handshake(t, client, server)
	hello, err := wire.ParseClientHello(fromClient[0][wire.HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	if hello.ServerName != "secret.test" || len(hello.ALPN) != 2 || hello.ALPN[0] != "h2" || hello.KeyShares[0].Group != iana.X25519MLKEM768 ||
		hello.SupportedVersions[0] != iana.TLS13 || !hello.StatusRequest || !hello.SCT || len(hello.Unknown) != 0 {
		t.Errorf("%+v", hello)
	}
	if got := appended(t, hello); len(got) != len(fromClient[0]) {
		t.Errorf("appended %x\nwant     %x", got, fromClient[0])
	}
	retry, err := wire.ParseServerHello(fromServer[0][wire.HeaderLen:])
	if err != nil || !retry.IsHelloRetryRequest() || retry.KeyShare.Group != iana.SecP384r1 {
		t.Errorf("%+v, %v", retry, err)
	}
}

// TestStandardLibraryECH opens what crypto/tls sealed into its hello: its
// encoding of the inner one must come out as a hello again.
func TestStandardLibraryECH(t *testing.T) {
	client, server := configs(t)
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	config, err := wire.AppendECHConfig(nil, &wire.ECHConfig{
		ConfigID: 9, KEM: hpke.DHKEM(ecdh.X25519()).ID(), PublicKey: key.PublicKey().Bytes(), MaxNameLen: 64, PublicName: "public.test",
		Suites: []wire.ECHSuite{{KDF: hpke.HKDFSHA256().ID(), AEAD: hpke.AES128GCM().ID()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	client.EncryptedClientHelloConfigList = append([]byte{0, byte(len(config))}, config...)
	server.EncryptedClientHelloKeys = []tls.EncryptedClientHelloKey{{Config: config, PrivateKey: key.Bytes()}}
	client.MinVersion = tls.VersionTLS13
	fromClient, _ := handshake(t, client, server)

	body := fromClient[0][wire.HeaderLen:]
	outer, err := wire.ParseClientHello(body)
	if err != nil || outer.ServerName != "public.test" || outer.ECH == nil || outer.ECH.ConfigID != 9 {
		t.Fatalf("%v, %+v", err, outer)
	}
	private, err := hpke.NewDHKEMPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	open, err := hpke.NewRecipient(outer.ECH.Enc, private, hpke.HKDFSHA256(), hpke.AES128GCM(), append([]byte("tls ech\x00"), config...))
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := open.Open(bytes.Replace(body, outer.ECH.Payload, make([]byte, len(outer.ECH.Payload)), 1), outer.ECH.Payload)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := wire.DecodeInner(encoded, body, false)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := wire.ParseClientHello(msg[wire.HeaderLen:])
	if err != nil || inner.ServerName != "secret.test" || !inner.ECH.Inner || !bytes.Equal(inner.SessionID, outer.SessionID) ||
		!bytes.Equal(inner.KeyShares[0].Data, outer.KeyShares[0].Data) {
		t.Errorf("%v, %+v", err, inner)
	}
}
