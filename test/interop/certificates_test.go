package interop

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/certcompress"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/stream"
	"github.com/sealsock/sealsock/internal/testcert"
)

var compression = &capability{
	name:   "certificate compression (RFC 8879)",
	client: with(clientCompresses, openssl35),
	server: with(serverCompresses, openssl35),
	gaps: []string{
		"OpenSSL has it from 3.2 on, that of Debian with zlib and zstd; the GnuTLS of Debian is built without",
		"the tools of this NSS have no option for it; Java, Node and Python have nothing for it",
	},
	alone: []string{"certcompress.TestThereAndBack"},
}

var stapling = &capability{
	name:   "OCSP stapling",
	client: with(clientStapled, openssl30, openssl35, gnutls37, gnutls38, node, nss),
	server: with(serverStaples, openssl30, openssl35, gnutls37, gnutls38, node, nss),
	gaps:   []string{"Java staples what it fetches itself; Python has nothing for it"},
}

var timestamps = &capability{
	name:   "signed certificate timestamps",
	client: with(clientTimestamps, openssl30, openssl35, nss),
	server: with(serverTimestamps, openssl30, openssl35),
	gaps:   []string{"selfserv of NSS has no option to send them; the others do not show them"},
}

var delegation = &capability{
	name:   "delegated credentials (RFC 9345)",
	client: with(clientDelegated, nss),
	gaps:   []string{"selfserv of NSS cannot show one; the others do not know them"},
	alone:  []string{"engine.TestDelegatedCredentials"},
}

// algorithms are those that OpenSSL compresses with.
var algorithms = map[string]iana.CertificateCompression{"zlib": iana.CompressionZlib, "zstd": iana.CompressionZstd}

// wide is an identity with enough names for compression to reduce its size.
var wide = sync.OnceValue(func() *identity.Identity {
	names := []string{serverName}
	for i := range 60 {
		names = append(names, fmt.Sprintf("host-%d.department.example", i))
	}
	leaf := rootCA.Issue(testcert.NewKey("p256"), nil, names...)
	id, err := identity.New(leaf.Chain, leaf.Key)
	must(err)
	write("wide.pem", leaf.CertPEM())
	write("wide.key", leaf.KeyPEM())
	return id
})

// compressorOf returns the compressor of one algorithm.
func compressorOf(id iana.CertificateCompression) []engine.Compressor {
	return slices.DeleteFunc(certcompress.All(), func(c engine.Compressor) bool { return c.ID != id })
}

// A messageLog records the types of the messages of a connection.
type messageLog struct {
	sync.Mutex
	sent, received []iana.HandshakeType
}

func (l *messageLog) trace(m engine.Trace) {
	if m.Type != iana.ContentHandshake {
		return
	}
	l.Lock()
	defer l.Unlock()
	list := &l.received
	if m.Sent {
		list = &l.sent
	}
	*list = append(*list, iana.HandshakeType(m.Data[0]))
}

// compressed reports whether the certificates of both sides were compressed.
func (l *messageLog) compressed(sent, received bool) error {
	l.Lock()
	defer l.Unlock()
	const typ = iana.HandshakeCompressedCertificate
	if s, r := slices.Contains(l.sent, typ), slices.Contains(l.received, typ); s != sent || r != received {
		return fmt.Errorf("compressed certificate sent: %v, want %v; received: %v, want %v", s, sent, r, received)
	}
	return nil
}

// clientCompresses runs a connection in which both sides present a certificate.
func clientCompresses(t *testing.T, p *program) {
	for name, id := range algorithms {
		var log messageLog
		cfg := serverConfig()
		cfg.Identities = []*identity.Identity{wide()}
		cfg.Compressors, cfg.Trace, cfg.ClientAuth = compressorOf(id), log.trace, sealsock.RequireClientCert
		port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error { return answerLine(p, c) })
		converse(t, clientArgs(p, port, certArgs(p, "wide")...))
		wait()
		if err := log.compressed(true, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func serverCompresses(t *testing.T, p *program) {
	wide()
	for name, id := range algorithms {
		port := freeport.Pick(t)
		hear(t, withKey(serverArgs(p, port, "-cert_comp", "-Verify", "1", "-rev"), "wide"))
		var log messageLog
		cfg := clientConfig()
		cfg.Compressors, cfg.Trace = compressorOf(id), log.trace
		cfg.Identities = []*identity.Identity{wide()}
		call(t, port, cfg, func(c *sealsock.Conn) error {
			if err := asks(p)(c); err != nil {
				return err
			}
			return goodbye(c)
		})
		if err := log.compressed(true, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// goodStaple is an OCSP response with status good for the server's certificate.
func goodStaple(t *testing.T) []byte {
	t.Helper()
	response, err := ocsp.CreateResponse(rootCA.Cert, rootCA.Cert, ocsp.Response{
		Status: ocsp.Good, SerialNumber: identities["p256"].Leaf.SerialNumber,
		ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
	}, rootCA.Key)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func clientStapled(t *testing.T, p *program) {
	response := goodStaple(t)
	id := *identities["p256"]
	id.OCSPStaple = response
	cfg := serverConfig()
	cfg.Identities = []*identity.Identity{&id}
	port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error { return answerLine(p, c) })
	saved := t.TempDir() + "/response"
	switch p {
	case openssl30, openssl35:
		expectWords(t, converse(t, clientArgs(p, port, "-status")), "OCSP Response Status: successful", "Cert Status: good")
	case nss:
		expectWords(t, converse(t, clientArgs(p, port, "-T")), "Received 1 Cert Status items")
	case node:
		expectWords(t, runScript(t, p, "stapling", port, ""), "stapled "+hex.EncodeToString(response))
	default:
		converse(t, clientArgs(p, port, "--save-ocsp", saved))
		if got, err := os.ReadFile(saved); err != nil || !bytes.Contains(got, response) {
			t.Errorf("it saved %d bytes and not the response, %v", len(got), err)
		}
	}
	wait()
}

func expectWords(t *testing.T, said string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("it does not say %q", w)
		}
	}
}

func serverStaples(t *testing.T, p *program) {
	response, leaf := goodStaple(t), identities["p256"].Leaf
	path := t.TempDir() + "/response"
	must(os.WriteFile(path, response, 0o600))
	var port int
	switch p {
	case openssl30, openssl35:
		_, port = serve(t, p, "-status_file", path)
	case nss:
		response, leaf = nil, identities["rsa"].Leaf // it makes its own, for RSA alone
		port = freeport.Pick(t)
		args := serverArgs(p, port, "-T", "good", "-A", "ca")
		args[slices.Index(args, "p256")] = "rsa"
		hear(t, args)
	case node:
		_, port = serveScript(t, p, "stapling", "STAPLE="+path)
	default:
		_, port = serve(t, p, "--ocsp-response", path)
	}
	call(t, port, clientConfig(), func(c *sealsock.Conn) error {
		if err := asks(p)(c); err != nil {
			return err
		}
		got := c.State().PeerOCSP
		if response != nil && !bytes.Equal(got, response) {
			return fmt.Errorf("a response of %d bytes came, want %d", len(got), len(response))
		}
		if r, err := ocsp.ParseResponseForCert(got, leaf, rootCA.Cert); err != nil || r.Status != ocsp.Good {
			return fmt.Errorf("the response is not that the certificate is good: %w", err)
		}
		return goodbye(c)
	})
}

// timestamp is a signed certificate timestamp of an unknown log.
func timestamp() []byte {
	b := make([]byte, 1+32, 128)
	b = binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixMilli()))
	b = append(b, 0, 0) // no extensions
	b = append(b, 4, 3) // SHA-256 and ECDSA
	signature, err := asn1.Marshal([]int{1, 2})
	must(err)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(signature))), signature...)
}

func clientTimestamps(t *testing.T, p *program) {
	id := *identities["p256"]
	id.SCTs = [][]byte{timestamp()}
	cfg := serverConfig()
	cfg.Identities = []*identity.Identity{&id}
	port, wait := serveEach(t, cfg, 1, func(_ int, c *sealsock.Conn) error { return answerLine(p, c) })
	if p == nss {
		expectWords(t, converse(t, clientArgs(p, port, "-U")), "Received a Signed Certificate Timestamp of length")
	} else {
		expectWords(t, converse(t, clientArgs(p, port, "-ct", "-ctlogfile", ctLogs(t))), "SCTs present (1)")
	}
	wait()
}

// ctLogs writes a list of one log, without which s_client does not start.
func ctLogs(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/logs.cnf"
	key := base64.StdEncoding.EncodeToString(rootCA.Cert.RawSubjectPublicKeyInfo)
	must(os.WriteFile(path, []byte("enabled_logs = one\n[one]\ndescription = one\nkey = "+key+"\n"), 0o600))
	return path
}

// serverTimestamps configures OpenSSL with the encoded extension, in its file
// of custom extensions.
func serverTimestamps(t *testing.T, p *program) {
	sct := timestamp()
	list := binary.BigEndian.AppendUint16(nil, uint16(2+len(sct)))
	list = append(binary.BigEndian.AppendUint16(list, uint16(len(sct))), sct...)
	const inTLS13Certificate = 0x80 | 0x1000 // if ClientHello asks, in Certificate of TLS 1.3
	info := binary.BigEndian.AppendUint32(nil, inTLS13Certificate)
	info = binary.BigEndian.AppendUint16(info, uint16(iana.ExtSCT))
	info = append(binary.BigEndian.AppendUint16(info, uint16(len(list))), list...)
	path := t.TempDir() + "/info.pem"
	must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "SERVERINFOV2 FOR SCT", Bytes: info}), 0o600))
	_, port := serve(t, p, "-serverinfo", path)
	call(t, port, clientConfig(), func(c *sealsock.Conn) error {
		if err := asks(p)(c); err != nil {
			return err
		}
		if got := c.State().PeerSCTs; len(got) != 1 || !bytes.Equal(got[0], sct) {
			return fmt.Errorf("%d timestamps came: %x", len(got), got)
		}
		return goodbye(c)
	})
}

// clientDelegated tests a server of the library that signs with a delegated
// credential.
func clientDelegated(t *testing.T, p *program) {
	leaf := rootCA.Issue(testcert.NewKey("p256"), func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 44363, 44}, Value: []byte{5, 0}}}
	}, serverName)
	parsed, err := x509.ParseCertificate(leaf.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	key := testcert.NewKey("p384")
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	cred := &engine.Credential{Chain: leaf.Chain, Signer: engine.NewSigner(leaf.Key)}
	end := uint32(time.Since(parsed.NotBefore)/time.Second) + 3600
	cred.Delegated, err = engine.NewDelegated(rand.Reader, cred, iana.ECDSAWithP256AndSHA256, key, spki, iana.ECDSAWithP384AndSHA384, end)
	if err != nil {
		t.Fatal(err)
	}
	cred.Signer = nil // no other key can have made the signature
	port, wait := serveRaw(t, 1, func(_ int, raw net.Conn) error {
		r, s, err := engine.Server(&engine.Config{Credentials: []*engine.Credential{cred}})
		if err != nil {
			return err
		}
		c := stream.New(raw, r, s, stream.Options{})
		c.SetDeadline(time.Now().Add(patience))
		if err := answerLine(p, c); err != nil {
			return err
		}
		if got := c.State().OwnScheme; got != iana.ECDSAWithP384AndSHA384 {
			return fmt.Errorf("it signed with %v", got)
		}
		return nil
	})
	expectWords(t, converse(t, clientArgs(p, port, "-B")), "Received a Delegated Credential")
	wait()
}
