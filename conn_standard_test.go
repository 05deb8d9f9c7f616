package sealsock_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/trust"
)

// A standardConn has the methods by which programs find out that a connection is one of
// crypto/tls.
type standardConn interface {
	net.Conn
	Handshake() error
	HandshakeContext(context.Context) error
	ConnectionState() tls.ConnectionState
	NetConn() net.Conn
	VerifyHostname(string) error
	OCSPResponse() []byte
	CloseWrite() error
}

var (
	_ standardConn = (*tls.Conn)(nil)
	_ standardConn = (*sealsock.Conn)(nil)
)

// TestConnectionStateExports: both channel bindings work through the standard library's
// type, or return an error, in both versions and before the handshake.
func TestConnectionStateExports(t *testing.T) {
	for _, version := range []iana.Version{iana.TLS12, iana.TLS13} {
		a, b := socketPair(t, "pipe")
		cc, sc := newConfigs(t)
		cc.MinVersion, cc.MaxVersion = version, version
		unready, err := sealsock.Client(a, cc)
		if err != nil {
			t.Fatal(err)
		}
		early := unready.ConnectionState()
		if _, err := early.ExportKeyingMaterial("label", nil, 32); err == nil {
			t.Error("keying material without a handshake")
		}
		client, server := sealPair(t, a, b, cc, sc)
		cs, ss := client.ConnectionState(), server.ConnectionState()
		own, err := cs.ExportKeyingMaterial("EXPORTER-test", []byte("context"), 32)
		other, err2 := ss.ExportKeyingMaterial("EXPORTER-test", []byte("context"), 32)
		if err := errors.Join(err, err2); err != nil || !bytes.Equal(own, other) || len(own) != 32 {
			t.Errorf("%v: %x and %x: %v", version, own, other, err)
		}
		unique := cs.TLSUnique
		if !bytes.Equal(unique, ss.TLSUnique) || (len(unique) > 0) != (version == iana.TLS12) {
			t.Errorf("%v: tls-unique %x and %x", version, unique, ss.TLSUnique)
		}
		//lint:ignore SA1019 crypto/tls sets it too
		if !cs.NegotiatedProtocolIsMutual || !cs.HandshakeComplete {
			t.Errorf("%v: %+v", version, cs)
		}
	}
}

func TestVerifyHostname(t *testing.T) {
	a, b := socketPair(t, "pipe")
	client, server := newPair(t, a, b)
	if err := errors.Join(client.Handshake(), server.Handshake()); err != nil {
		t.Error(err)
	}
	if err := client.VerifyHostname("localhost"); err != nil {
		t.Error(err)
	}
	var name x509.HostnameError
	if err := client.VerifyHostname("example.com"); !errors.As(err, &name) || name.Host != "example.com" {
		t.Errorf("another name: %v", err)
	}
	if err := server.VerifyHostname("localhost"); err == nil {
		t.Error("a server verified a host name")
	}
	c, err := sealsock.Client(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.VerifyHostname("localhost"); err == nil {
		t.Error("a name is verified before the handshake")
	}
}

// TestStandardErrors: errors.As finds the errors of the standard library in those of a
// connection, and the text does not change.
func TestStandardErrors(t *testing.T) {
	cc, sc := newConfigs(t)
	named := *cc
	named.ServerName = "example.com"
	unknown := *cc
	unknown.Trust = &trust.Policy{Roots: new(trust.Roots)}
	other := testcert.New()
	roots := new(trust.Roots)
	if err := roots.AddDER(other.Cert.Raw); err != nil {
		t.Fatal(err)
	}
	unknown.Trust = &trust.Policy{Roots: roots}
	std, err := sealsock.FromStandard(&tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool()})
	if err != nil {
		t.Fatal(err)
	}
	expired := *cc
	expired.Now = func() time.Time { return time.Now().AddDate(100, 0, 0) }
	for name, test := range map[string]struct {
		cfg *sealsock.Config
		as  func(error) bool
	}{
		"name":      {&named, is[x509.HostnameError]},
		"authority": {&unknown, is[x509.UnknownAuthorityError]},
		"standard":  {std, is[x509.UnknownAuthorityError]},
		"dates":     {&expired, is[x509.CertificateInvalidError]},
	} {
		client, server := handshakeBoth(t, test.cfg, sc)
		var verification *tls.CertificateVerificationError
		if !test.as(client) || !errors.As(client, &verification) {
			t.Errorf("%s: %v", name, client)
			continue
		}
		if len(verification.UnverifiedCertificates) == 0 || verification.Err == nil {
			t.Errorf("%s: %+v", name, verification)
		}
		var alert tls.AlertError
		if !errors.As(server, &alert) || alert == 0 || !errors.Is(server, alert) {
			t.Errorf("%s: the server's error has no alert: %v", name, server)
		}
	}
}

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// TestPlaintextPeer: a peer that does not use TLS is a tls.RecordHeaderError with the
// connection, on which nothing was sent.
func TestPlaintextPeer(t *testing.T) {
	_, sc := newConfigs(t)
	a, b := socketPair(t, "tcp")
	server, err := sealsock.Server(b, sc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var header tls.RecordHeaderError
	err = server.Handshake()
	if !errors.As(err, &header) || string(header.RecordHeader[:]) != "GET /" || header.Conn != b {
		t.Fatalf("%v: %+v", err, header)
	}
	if _, err := header.Conn.Write([]byte("plain")); err != nil {
		t.Fatal(err)
	}
	server.Close()
	if got, err := io.ReadAll(a); err != nil || string(got) != "plain" {
		t.Errorf("the peer received %q and %v", got, err)
	}
}

// TestReadErrorsAreNamed: an error of reading has the operation read.
func TestReadErrorsAreNamed(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		a, b := socketPair(t, network)
		client, _ := newPair(t, a, b)
		client.SetReadDeadline(time.Now())
		_, err := client.Read(make([]byte, 1))
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "read" || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", network, err)
		}
	}
}

// TestHandshakeTimeout: a Conn of Client or Server ends a handshake with a silent peer,
// also one that Read began, and for good.
func TestHandshakeTimeout(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		t.Run(role, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cc, sc := newConfigs(t)
				a, b := net.Pipe()
				defer a.Close()
				go io.Copy(io.Discard, a)
				make, cfg := sealsock.Client, cc
				if role == "server" {
					make, cfg = sealsock.Server, sc
				}
				c, err := make(b, cfg)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err = c.Read([]byte{0})
				took := time.Since(start)
				if !errors.Is(err, context.DeadlineExceeded) || took != 10*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
				var timeout net.Error
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("no timeout: %v", err)
				}
				start = time.Now()
				err = c.Handshake()
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 0 {
					t.Errorf("the second call: %v", err)
				}
				c.Close()
			})
		})
	}
}

// TestAllowTruncation: a connection that is cut between two records ends in io.EOF only
// where the Config allows it, and inside a record never.
func TestAllowTruncation(t *testing.T) {
	for _, test := range []struct {
		allow bool
		more  string // what comes behind the last whole record
		want  error
	}{
		{false, "", io.ErrUnexpectedEOF},
		{true, "", nil},
		{true, "\x17\x03\x03", io.ErrUnexpectedEOF},
	} {
		cc, sc := newConfigs(t)
		cc.AllowTruncation = test.allow
		a, b := socketPair(t, "tcp")
		client, server := sealPair(t, a, b, cc, sc)
		if _, err := server.Write([]byte("whole")); err != nil {
			t.Fatal(err)
		}
		io.WriteString(b, test.more)
		b.Close()
		got, err := io.ReadAll(client)
		if string(got) != "whole" || !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%+v: read %q: %v", test, got, err)
		}
	}
}

// TestPlaintextIsAnsweredForHTTP: a Listener without HTTP in its ALPN list sends nothing to
// a client that sends a request in plaintext.
func TestPlaintextIsAnsweredForHTTP(t *testing.T) {
	for _, alpn := range [][]string{nil, {"http/1.1"}} {
		_, sc := newConfigs(t)
		sc.ALPN = alpn
		l := newListener(t, sc)
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		got, err := io.ReadAll(c)
		if err != nil || (len(got) > 0) != (alpn != nil) {
			t.Errorf("%q: received %q: %v", alpn, got, err)
		}
		c.Close()
	}
}
