package engine

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/fipstest"
	"github.com/sealsock/sealsock/internal/testcert"
)

// A wire drives a side over a connection.
type wireConn struct {
	*side
	conn net.Conn
}

// until steps until ready reports true.
func (w *wireConn) until(ready func() bool) error {
	buf := make([]byte, 32<<10)
	for {
		out, err := w.step()
		if len(out) > 0 {
			if _, werr := w.conn.Write(out); err == nil {
				err = werr
			}
		}
		if err != nil || ready() {
			return err
		}
		n, err := w.conn.Read(buf)
		w.in = append(w.in, buf[:n]...)
		if err != nil && n == 0 {
			return err
		}
	}
}

// exchange finishes the handshake, reads "ping" and answers "pong".
func (w *wireConn) exchange() error {
	if err := w.until(func() bool { return w.done }); err != nil {
		return err
	}
	if err := w.until(func() bool { return len(w.data) >= 4 }); err != nil {
		return err
	}
	out, err := w.s.Seal(nil, []byte("pong"))
	if err == nil {
		_, err = w.conn.Write(out)
	}
	return err
}

// standard runs one exchange of a side with crypto/tls, which speaks first.
func standard(t *testing.T, own *side, peer func(net.Conn) *tls.Conn) (tls.ConnectionState, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	deadline := time.Now().Add(20 * time.Second)
	a.SetDeadline(deadline)
	b.SetDeadline(deadline)
	conn := peer(b)
	result := make(chan error, 1)
	go func() {
		result <- func() error {
			if _, err := conn.Write([]byte("ping")); err != nil {
				return err
			}
			got := make([]byte, 4)
			if _, err := io.ReadFull(conn, got); err != nil || string(got) != "pong" {
				return fmt.Errorf("read %q: %w", got, err)
			}
			return nil
		}()
	}()
	w := &wireConn{side: own, conn: a}
	err := w.exchange()
	if err != nil {
		a.Close()
	}
	return conn.ConnectionState(), errors.Join(err, <-result)
}

func TestStandardServer12(t *testing.T) {
	ca := testcert.New()
	for _, kind := range keyKinds {
		leaf := ca.Issue(testcert.NewKey(kind), nil, "example.com")
		cert := tls.Certificate{Certificate: leaf.Chain, PrivateKey: leaf.Key, OCSPStaple: []byte("staple"), SignedCertificateTimestamps: [][]byte{[]byte("sct")}}
		for _, auth := range []tls.ClientAuthType{tls.NoClientCert, tls.RequireAnyClientCert} {
			client, _ := pair12(t)
			client.MaxVersion = 0
			client.Credentials = []*Credential{{Chain: leaf.Chain, Signer: NewSigner(leaf.Key)}}
			config := &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12, ClientAuth: auth, NextProtos: []string{"b"}}
			for round := range 2 {
				r, s, err := startClient(client)
				if err != nil {
					t.Fatal(err)
				}
				own := &side{r: r, s: s}
				state, err := standard(t, own, func(c net.Conn) *tls.Conn { return tls.Server(c, config) })
				if err != nil {
					t.Fatalf("%s, auth %v, round %d: %v", kind, auth, round, err)
				}
				got := r.State()
				if got.Version != iana.TLS12 || got.ALPN != "b" || got.Resumed != (round == 1) || state.DidResume != got.Resumed {
					t.Errorf("%s, round %d: %+v", kind, round, got)
				}
				if string(got.PeerOCSP) != "staple" || len(got.PeerSCTs) != 1 {
					t.Errorf("%s: staple %q, SCTs %q", kind, got.PeerOCSP, got.PeerSCTs)
				}
				if (auth == tls.RequireAnyClientCert) != (len(state.PeerCertificates) == 1) {
					t.Errorf("%s: the server has %d client certificates", kind, len(state.PeerCertificates))
				}
				compare(t, &got, &state)
				if len(own.sessions) != 1 {
					t.Fatalf("%d sessions came", len(own.sessions))
				}
				client.Session = own.sessions[0]
			}
		}
	}
}

// compare compares what both sides export.
func compare(t *testing.T, own *State, peer *tls.ConnectionState) {
	t.Helper()
	for _, context := range [][]byte{nil, {}, []byte("context")} {
		a, err := own.Export("EXPORTER-test", context, 30)
		b, err2 := peer.ExportKeyingMaterial("EXPORTER-test", context, 30)
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("exporters differ: %x %x %v %v", a, b, err, err2)
		}
	}
	unique, err := own.Unique()
	if err != nil || !bytes.Equal(unique, peer.TLSUnique) {
		t.Errorf("tls-unique differs: %x %x %v", unique, peer.TLSUnique, err)
	}
}

func TestStandardClient12(t *testing.T) {
	ca := testcert.New()
	roots := x509.NewCertPool()
	roots.AddCert(ca.Cert)
	for _, kind := range keyKinds {
		leaf := ca.Issue(testcert.NewKey(kind), nil, "example.com")
		for _, auth := range []ClientAuth{NoClientCert, RequestClientCert, RequireClientCert} {
			_, server := pair12(t)
			server.Tickets, server.ClientAuth = newMemory(), auth
			server.Credentials = []*Credential{{Chain: leaf.Chain, Signer: NewSigner(leaf.Key), OCSPStaple: []byte("staple"), SCTs: [][]byte{[]byte("sct")}}}
			config := &tls.Config{RootCAs: roots, ServerName: "example.com", MaxVersion: tls.VersionTLS12, NextProtos: []string{"b"}, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			if auth != NoClientCert {
				config.Certificates = []tls.Certificate{{Certificate: leaf.Chain, PrivateKey: leaf.Key}}
			}
			for round := range 2 {
				r, s, err := startServer(server)
				if err != nil {
					t.Fatal(err)
				}
				state, err := standard(t, &side{r: r, s: s}, func(c net.Conn) *tls.Conn { return tls.Client(c, config) })
				if err != nil {
					t.Fatalf("%s, auth %v, round %d: %v", kind, auth, round, err)
				}
				got := r.State()
				if got.Version != iana.TLS12 || got.ALPN != "b" || got.Resumed != (round == 1) || state.DidResume != got.Resumed {
					t.Errorf("%s, round %d: %+v", kind, round, got)
				}
				if round == 0 && (string(state.OCSPResponse) != "staple" || len(state.SignedCertificateTimestamps) != 1) {
					t.Errorf("%s: staple %q, SCTs %q", kind, state.OCSPResponse, state.SignedCertificateTimestamps)
				}
				if (auth != NoClientCert) != (len(got.PeerChain) == 1) {
					t.Errorf("%s: the server has %d client certificates", kind, len(got.PeerChain))
				}
				compare(t, &got, &state)
			}
		}
	}
}

func TestStandardSuites12(t *testing.T) {
	fipstest.Skip(t, standardLacks)
	ca := testcert.New()
	for _, suite := range tls.CipherSuites() {
		id := iana.CipherSuite(suite.ID)
		if !suiteFor(id, iana.TLS12) {
			continue
		}
		for _, group := range []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521} {
			kind := "rsa"
			if bytes.Contains([]byte(suite.Name), []byte("ECDSA")) {
				kind = "p256"
			}
			leaf := ca.Issue(testcert.NewKey(kind), nil, "example.com")
			cert := tls.Certificate{Certificate: leaf.Chain, PrivateKey: leaf.Key}
			config := &tls.Config{
				Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID},
				CurvePreferences: []tls.CurveID{group}, InsecureSkipVerify: true,
			}
			client, server := pair12(t)
			client.ALPN, server.ALPN = nil, nil
			server.Groups = []iana.NamedGroup{iana.NamedGroup(group)}
			peer := config.Clone()
			peer.CurvePreferences = append(peer.CurvePreferences, tls.CurveP256) // for the certificate
			server.Credentials = []*Credential{{Chain: leaf.Chain, Signer: NewSigner(leaf.Key)}}
			cr, cs, err := startClient(client)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := standard(t, &side{r: cr, s: cs}, func(c net.Conn) *tls.Conn { return tls.Server(c, config) }); err != nil {
				t.Errorf("client, %s, %v: %v", suite.Name, group, err)
			}
			sr, ss, err := startServer(server)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := standard(t, &side{r: sr, s: ss}, func(c net.Conn) *tls.Conn { return tls.Client(c, peer) }); err != nil {
				t.Errorf("server, %s, %v: %v", suite.Name, group, err)
			}
			for _, got := range []State{cr.State(), sr.State()} {
				if got.CipherSuite != id || uint16(got.Group) != uint16(group) {
					t.Errorf("%s, %v: %+v", suite.Name, group, got)
				}
			}
		}
	}
}
