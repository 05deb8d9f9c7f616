package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/certcompress"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/fipstest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/internal/wire"
	"github.com/sealsock/sealsock/trust"
)

// scan scans what listens on addr, trusting ca.
func scan(t *testing.T, addr string, ca *testcert.CA) *Report {
	t.Helper()
	roots := new(trust.Roots)
	if _, err := roots.AddPEM(ca.PEM()); err != nil {
		t.Fatal(err)
	}
	r, err := Scan(t.Context(), target(addr, roots), Options{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func target(addr string, roots *trust.Roots) Target {
	return Target{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
		ServerName: "localhost", Trust: &trust.Policy{Roots: roots},
	}
}

// longLived makes a certificate that does not end soon.
func longLived(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 3, 0) }

// Our own server, whose configuration is known, is described as it is.
func TestOwnServer(t *testing.T) {
	const suite13 = iana.TLS_AES_256_GCM_SHA384
	const suite12 = iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
	groups := []iana.NamedGroup{iana.X25519MLKEM768, iana.SecP384r1}
	ca := testcert.New()
	var ids []*identity.Identity
	for _, kind := range []string{"p256", "rsa"} {
		leaf := ca.Issue(testcert.NewKey(kind), longLived, "localhost")
		id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", &sealsock.Config{
		Identities: ids, ALPN: []string{"h2", "http/1.1"},
		Groups:       groups,
		CipherSuites: []iana.CipherSuite{suite13, suite12},
		MaxEarlyData: 1000, Compressors: certcompress.All(), SessionIDs: sealsock.KeepSessionIDs(10),
		ClientAuth: sealsock.RequestClientCert, ClientAuthorities: [][]byte{ca.Cert.RawSubject},
		Trust: &trust.Policy{},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve(l)
	r := scan(t, l.Addr().String(), ca)
	if len(r.Versions) != 2 || !slices.Equal(r.Versions[0].Suites, []iana.CipherSuite{suite13}) ||
		!slices.Equal(r.Versions[1].Suites, []iana.CipherSuite{suite12}) {
		t.Errorf("versions: %+v", r.Versions)
	}
	if !slices.Equal(r.Groups, groups) || !r.PostQuantum {
		t.Errorf("groups: %v", r.Groups)
	}
	if !slices.Equal(r.ALPN, []string{"h2", "http/1.1"}) {
		t.Errorf("protocols: %q", r.ALPN)
	}
	if len(r.Certificates) != 2 || !r.Certificates[0].Trusted ||
		r.Certificates[1].Key != "RSA 2048 bits" {
		t.Errorf("certificates: %+v", r.Certificates)
	}
	if r.Tickets != 2 || !r.Resumes || r.EarlyData != 1000 {
		t.Errorf("%d tickets, resumes: %v, early data: %d", r.Tickets, r.Resumes, r.EarlyData)
	}
	if r.Renegotiation != "secure" || r.Fallback != "refused" || r.EMS != "yes" ||
		r.BigHello != "accepted" {
		t.Errorf("%q %q %q %q", r.Renegotiation, r.Fallback, r.EMS, r.BigHello)
	}
	how := []string{"TLS 1.2 session ID", "TLS 1.2 ticket", "TLS 1.3 ticket"}
	// A server does not compress where that saves nothing, which depends on the certificate.
	compression := slices.DeleteFunc(slices.Clone(r.Compression),
		func(name string) bool { return name == "zlib" })
	if !slices.Equal(r.Resumption, how) || !slices.Equal(compression, []string{"brotli", "zstd"}) {
		t.Errorf("resumption %q, compression %q", r.Resumption, r.Compression)
	}
	if !r.ClientCertificate || !slices.Equal(r.ClientAuthorities, []string{ca.Cert.Subject.String()}) {
		t.Errorf("client certificate: %v %q", r.ClientCertificate, r.ClientAuthorities)
	}
	if r.ClientRenegotiation != "refused" || r.DowngradeMark != "sent" || r.GREASE != "ignored" {
		t.Errorf("%q %q %q", r.ClientRenegotiation, r.DowngradeMark, r.GREASE)
	}
	if r.Flaws[0].Verdict != "no" || len(r.Flaws) != 16 {
		t.Errorf("flaws: %+v", r.Flaws)
	}
	if r.Grade != "A" || len(r.Unknown) > 0 {
		t.Errorf("grade %s: %+v; unknown: %q", r.Grade, r.Problems, r.Unknown)
	}
}

// An old server of crypto/tls: what is wrong with it is found.
func TestOldServer(t *testing.T) {
	fipstest.Skip(t, "the server, crypto/tls, leaves out old versions and suites")
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), nil, "other.test")
	cert, err := tls.X509KeyPair(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA,
			tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve(l)
	r := scan(t, l.Addr().String(), ca)
	if len(r.Versions) != 3 || r.Versions[2].Version != iana.TLS10 || len(r.Versions[2].Suites) < 2 {
		t.Errorf("versions: %+v", r.Versions)
	}
	var texts []string
	for _, p := range r.Problems {
		texts = append(texts, p.Severity+": "+p.Text)
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{
		"bad: TLS 1.0 is accepted", "bad: RC4: ", "weak: 3DES", "not trusted", "not post-quantum",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in\n%s", want, all)
		}
	}
	if r.Grade != "F" {
		t.Errorf("grade %s", r.Grade)
	}
}

// TestVersionsWhileSuitesAreNoted: what the questions ask about the versions of the report is read
// without a data race while the cipher suites of each version are noted.
func TestVersionsWhileSuitesAreNoted(t *testing.T) {
	p := &prober{report: &Report{Versions: []Version{{Version: iana.TLS13}, {Version: iana.TLS12}}}}
	v := &p.report.Versions[1]
	var questions sync.WaitGroup
	questions.Go(func() {
		p.note(func(*Report) { v.Suites, v.Names, v.Preference = nil, []string{"x"}, "server" })
	})
	questions.Go(func() {
		if p.newestOld() != iana.TLS12 || !p.speaks(iana.TLS12) || p.speaks(iana.SSL30) {
			t.Error("the versions are others")
		}
	})
	questions.Wait()
}

// serve accepts connections and answers nothing.
func serve(l net.Listener) {
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, c); c.Close() }()
		}
	}()
}

// What does not speak TLS, and what does not answer, are errors of their own kinds.
func TestNoTLS(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"closes", func(c net.Conn) { io.CopyN(io.Discard, c, 5); c.Close() },
			"the server closes each connection without an answer"},
		{"alerts", func(c net.Conn) {
			c.Read(make([]byte, 1<<14))
			c.Write([]byte{21, 3, 3, 0, 2, 2, 112}) // unrecognized_name
			io.Copy(io.Discard, c)
		}, "refuses every version of TLS and SSL, with alert unrecognized_name"},
		{"alerts of two kinds", func(c net.Conn) {
			hello := make([]byte, 1<<14)
			n, _ := c.Read(hello)
			alert := byte(112)                                           // unrecognized_name
			if bytes.Contains(hello[:n], []byte{0, 43, 0, 3, 2, 3, 4}) { // supported_versions
				alert = 70 // protocol_version
			}
			c.Write([]byte{21, 3, 3, 0, 2, 2, alert})
			io.Copy(io.Discard, c)
		}, "refuses every version of TLS and SSL, with alert unrecognized_name"},
		{"SSH", func(c net.Conn) { io.WriteString(c, "SSH-2.0-x\r\n"); io.Copy(io.Discard, c) },
			"it began with \"SSH-2\""},
		{"silence to TLS 1.3 alone", func(c net.Conn) {
			hello := make([]byte, 1<<14)
			n, _ := c.Read(hello)
			if bytes.Contains(hello[:n], []byte{0, 43, 0, 3, 2, 3, 4}) { // supported_versions
				io.Copy(io.Discard, c)
			}
			c.Write([]byte{21, 3, 3, 0, 2, 2, 70}) // protocol_version
			c.Close()
		}, "the server did not answer in time"},
		{"silence", func(c net.Conn) { io.Copy(io.Discard, c) }, "did not answer in time"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go test.serve(c)
			}
		}()
		options := Options{Timeout: time.Minute} // also a busy machine answers in time
		if strings.Contains(test.want, "in time") {
			options.Timeout = 300 * time.Millisecond
		}
		_, err = Scan(t.Context(), target(l.Addr().String(), nil), options)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		l.Close()
	}
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := Scan(ctx, target("127.0.0.1:1", nil), Options{}); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

// A server that answers each question, but slowly, holds a scan only as long as that may take.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		slow := func(c net.Conn) {
			defer c.Close()
			typ, body, err := readAny(c)
			if err != nil || typ != iana.ContentHandshake {
				return
			}
			time.Sleep(4 * time.Second)
			h, err := wire.ParseClientHello(body[wire.HeaderLen:])
			if err != nil || h.SupportedVersions != nil {
				return
			}
			hello := &wire.ServerHello{LegacyVersion: h.LegacyVersion, CipherSuite: h.CipherSuites[0]}
			message, _ := hello.AppendTo(nil)
			message = wire.AppendHeader(message, iana.HandshakeServerHelloDone, 0)
			c.Write(appendRecord(nil, iana.TLS12, message))
		}
		to := Target{ServerName: "a.test", Dial: func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			servers.Go(func() { slow(theirs) })
			return ours, nil
		}}
		start := time.Now()
		r, err := Scan(t.Context(), to, Options{})
		took := time.Since(start)
		servers.Wait() // time stands still behind the test
		if err != nil {
			t.Fatal(err)
		}
		if took > 5*time.Minute {
			t.Errorf("the scan took %v", took)
		}
		if !slices.Contains(r.Open, openSuites) || r.Grade == "A" {
			t.Errorf("grade %s, open %q", r.Grade, r.Open)
		}
		if all := strings.Join(r.Unknown, "\n"); !strings.Contains(all, "the scan has taken 5m0s") {
			t.Errorf("unknown: %q", r.Unknown)
		}
	})
}

// The suites of RFC 9150, which do not encrypt, are asked for in TLS 1.3 alone.
func TestSuitesOf(t *testing.T) {
	for _, id := range []iana.CipherSuite{0xc0b4, 0xc0b5, iana.TLS_AES_128_GCM_SHA256} {
		if !slices.Contains(suitesOf(iana.TLS13), id) || slices.Contains(suitesOf(iana.TLS12), id) {
			t.Errorf("%v", id)
		}
	}
	for name, want := range map[string]string{
		"TLS_SHA256_SHA256": "F", "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256": "B",
		"TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256": "B", "TLS_AES_128_GCM_SHA256": "A+",
	} {
		r := &Report{PostQuantum: true, Versions: []Version{{
			Version: iana.TLS13, Name: "TLS 1.3", Names: []string{name},
		}}}
		if r.judge("a.test"); r.Grade != want {
			t.Errorf("%s: grade %s, %+v", name, r.Grade, r.Problems)
		}
	}
}
