package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/fipstest"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/internal/wire"
	"github.com/sealsock/sealsock/trust"
)

// A meddled connection looks at what is sent first, and may answer it with an error in place of
// the server.
type meddled struct {
	net.Conn
	when func(sent []byte) error
	err  error
}

func (m *meddled) Write(b []byte) (int, error) {
	if m.err == nil {
		m.err = m.when(b)
	}
	if m.err != nil {
		return len(b), nil
	}
	return m.Conn.Write(b)
}

func (m *meddled) Read(b []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	return m.Conn.Read(b)
}

// scanMeddled scans what listens on addr, with connections that are meddled with.
func scanMeddled(t *testing.T, addr string, ca *testcert.CA, when func(sent []byte) error) *Report {
	t.Helper()
	roots := new(trust.Roots)
	if _, err := roots.AddPEM(ca.PEM()); err != nil {
		t.Fatal(err)
	}
	to := target(addr, roots)
	dial := to.Dial
	to.Dial = func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		return &meddled{Conn: c, when: when}, nil
	}
	r, err := Scan(t.Context(), to, Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ownServer listens with the default configuration, and a certificate of ca.
func ownServer(t *testing.T, ca *testcert.CA) string {
	t.Helper()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0",
		&sealsock.Config{Identities: []*identity.Identity{id}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve(l)
	return l.Addr().String()
}

// helloIn returns the ClientHello in one record, or nil.
func helloIn(sent []byte) *wire.ClientHello {
	if len(sent) < 9 || sent[0] != byte(iana.ContentHandshake) ||
		sent[5] != byte(iana.HandshakeClientHello) {
		return nil
	}
	h, err := wire.ParseClientHello(sent[9:])
	if err != nil {
		return nil
	}
	return h
}

// A question without an answer is neither yes nor no, also for what follows from it.
func TestNoAnswerIsNotNo(t *testing.T) {
	ca := testcert.New()
	addr := ownServer(t, ca)
	on := func(err error, is func(*wire.ClientHello) bool) func([]byte) error {
		return func(sent []byte) error {
			if h := helloIn(sent); h != nil && is(h) {
				return err
			}
			return nil
		}
	}
	lost := syscall.ENETUNREACH
	for _, test := range []struct {
		name    string
		when    func([]byte) error
		open    []string
		problem string // that is not known
	}{
		{"post-quantum groups of TLS 1.3",
			on(lost, func(h *wire.ClientHello) bool { return h.SupportedVersions != nil }),
			[]string{"TLS 1.3"}, "not post-quantum"},
		{"compression",
			on(lost, func(h *wire.ClientHello) bool { return len(h.CompressionMethods) > 1 }),
			[]string{"CRIME"}, ""},
		{"TLS 1.3", on(lost, func(h *wire.ClientHello) bool { return h.SupportedVersions != nil }),
			[]string{"TLS 1.3"}, "TLS 1.3 is not accepted"},
		{"SSL 2.0", func(sent []byte) error {
			if sent[0] == 0x80 {
				return lost
			}
			return nil
		}, []string{"DROWN", "SSL 2.0"}, ""},
		{"SSL 3.0", on(lost, func(h *wire.ClientHello) bool { return h.LegacyVersion == iana.SSL30 }),
			[]string{"POODLE", "SSL 3.0"}, ""},
		{"fallback", on(lost, func(h *wire.ClientHello) bool {
			return slices.Contains(h.CipherSuites, iana.TLS_FALLBACK_SCSV)
		}), []string{"downgrade"}, "TLS_FALLBACK_SCSV"},
		{"suites", on(lost, func(h *wire.ClientHello) bool {
			return h.LegacyVersion == iana.TLS12 && h.SupportedVersions == nil &&
				!slices.Contains(h.CipherSuites, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
		}), []string{"RC4", "Lucky Thirteen", openSuites}, ""},
		{"groups", on(lost, func(h *wire.ClientHello) bool {
			return h.SupportedVersions != nil && len(h.KeyShares) == 0
		}), []string{openGroups}, "not post-quantum"},
		{"reserved numbers", on(lost, func(h *wire.ClientHello) bool {
			return len(h.CipherSuites) > 0 && h.CipherSuites[0] == 0x0a0a
		}), []string{openGREASE}, ""},
		{"a large hello",
			on(lost, func(h *wire.ClientHello) bool { return h.Padding > 0 }),
			[]string{openBigHello}, "a large ClientHello"},
		{"certificates", on(lost, func(h *wire.ClientHello) bool {
			return len(h.SupportedGroups) < 10 // a whole handshake
		}), []string{openCertificates, "Ticketbleed", "renegotiation by the client"}, ""},
	} {
		r := scanMeddled(t, addr, ca, test.when)
		for _, what := range test.open {
			if !slices.Contains(r.Open, what) || verdict(r, what) != "unknown" {
				t.Errorf("%s: %s is answered with %q; open: %q", test.name, what, verdict(r, what), r.Open)
			}
		}
		if r.GroupsOpen() && len(r.Problems) == 0 && r.Grade != "A+" {
			t.Errorf("%s: grade %s at best", test.name, r.Grade)
		}
		if len(r.Unknown) == 0 {
			t.Errorf("%s: no question without an answer", test.name)
		}
		for _, p := range r.Problems {
			if test.problem != "" && strings.Contains(p.Text, test.problem) {
				t.Errorf("%s: problem %q", test.name, p.Text)
			}
		}
	}
}

// A server that refuses what it accepts at other times has not refused what was asked.
func TestRefusalByChance(t *testing.T) {
	ca := testcert.New()
	addr := ownServer(t, ca)
	// It bars the client after the first six questions, which are about the versions.
	var asked atomic.Int32
	r := scanMeddled(t, addr, ca, func([]byte) error {
		if asked.Add(1) > 6 {
			return io.EOF
		}
		return nil
	})
	for _, f := range r.Flaws {
		if f.Verdict == "no" {
			t.Errorf("%s: %q", f.Name, f.Verdict)
		}
	}
	if !r.CertificatesOpen() || r.Fallback != "" || r.GREASE != "" || r.BigHello != "" {
		t.Errorf("open %q: %q %q %q", r.Open, r.Fallback, r.GREASE, r.BigHello)
	}
	for _, p := range r.Problems {
		if strings.Contains(p.Text, "large ClientHello") || strings.Contains(p.Text, "not ignored") {
			t.Errorf("problem %q", p.Text)
		}
	}
	// It ends the connections with the large hello alone, or with the signal of a fallback.
	r = scanMeddled(t, addr, ca, func(sent []byte) error {
		h := helloIn(sent)
		if h != nil && (h.Padding > 0 || slices.Contains(h.CipherSuites, iana.TLS_FALLBACK_SCSV)) {
			return io.EOF
		}
		return nil
	})
	if !strings.HasPrefix(r.BigHello, "refused over ") || r.Fallback != "refused" || len(r.Open) > 0 {
		t.Errorf("%q %q, open %q", r.BigHello, r.Fallback, r.Open)
	}
}

// A connection that breaks by chance, once for each question, changes nothing.
func TestBrokenConnections(t *testing.T) {
	ca := testcert.New()
	addr := ownServer(t, ca)
	var mu sync.Mutex
	asked := map[string]bool{}
	whole := scanMeddled(t, addr, ca, func([]byte) error { return nil })
	broken := scanMeddled(t, addr, ca, func(sent []byte) error {
		h := helloIn(sent)
		if h == nil {
			return nil
		}
		question := fmt.Sprint(h.LegacyVersion, h.SupportedVersions, h.CipherSuites, h.SupportedGroups,
			h.SignatureAlgorithms, h.ALPN, h.CompressionMethods, h.Padding, len(h.KeyShares))
		mu.Lock()
		defer mu.Unlock()
		if !asked[question] {
			asked[question] = true
			return io.EOF
		}
		return nil
	})
	if len(broken.Open) > 0 || !slices.Equal(broken.GroupNames, whole.GroupNames) ||
		!slices.Equal(broken.Schemes, whole.Schemes) || broken.Grade != whole.Grade ||
		!slices.Equal(broken.Flaws, whole.Flaws) || len(broken.Certificates) != 1 {
		t.Errorf("%+v, want %+v", broken, whole)
	}
	for i, v := range broken.Versions {
		if !slices.Equal(v.Suites, whole.Versions[i].Suites) {
			t.Errorf("%s: %v, want %v", v.Name, v.Suites, whole.Versions[i].Suites)
		}
	}
}

// SSL 2.0 is found also if the first connection with it breaks.
func TestBrokenSSL2(t *testing.T) {
	old := func(c net.Conn) {
		defer c.Close()
		b := make([]byte, 1<<14)
		if _, err := c.Read(b); err != nil {
			return
		}
		if b[0] == 0x80 {
			c.Write([]byte{0x80, 11, 4, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0}) // SERVER-HELLO
			return
		}
		alert(c, iana.AlertHandshakeFailure)
		io.Copy(io.Discard, c)
	}
	var broken atomic.Bool
	r := scanMeddled(t, listen(t, old), testcert.New(), func(sent []byte) error {
		if sent[0] == 0x80 && broken.CompareAndSwap(false, true) {
			return io.EOF
		}
		return nil
	})
	if len(r.Versions) != 1 || r.Versions[0].Version != iana.SSL20 || verdict(r, "DROWN") != "yes" {
		t.Errorf("%+v, DROWN %q", r.Versions, verdict(r, "DROWN"))
	}
}

// A server that stalls on what is large, and answers to what is not. One that was silent once may
// have been busy.
func TestStall(t *testing.T) {
	ca := testcert.New()
	r := scanMeddled(t, ownServer(t, ca), ca, func(sent []byte) error {
		if h := helloIn(sent); h != nil && h.Padding > 1500 {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	if r.BigHello != "stalls over 4,096 bytes" || len(r.Open) > 0 {
		t.Errorf("%q, open %q", r.BigHello, r.Open)
	}
	var once atomic.Bool
	r = scanMeddled(t, ownServer(t, ca), ca, func(sent []byte) error {
		if h := helloIn(sent); h != nil && h.Padding > 1500 && once.CompareAndSwap(false, true) {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	if r.BigHello != "accepted" || !once.Load() || len(r.Open) > 0 {
		t.Errorf("silent once: %q, open %q", r.BigHello, r.Open)
	}
}

// With TLS 1.3 a server sends tickets after the handshake, or refuses a client without a
// certificate. One that is far away does so later than one that is near.
func TestAfterHandshake(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), longLived, "localhost")
	id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	for _, auth := range []sealsock.ClientAuth{sealsock.NoClientCert, sealsock.RequireClientCert} {
		synctest.Test(t, func(t *testing.T) {
			var servers sync.WaitGroup
			to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
				ours, theirs := net.Pipe()
				servers.Go(func() {
					defer theirs.Close()
					c, err := sealsock.Server(far{theirs}, &sealsock.Config{
						Identities: []*identity.Identity{id}, ClientAuth: auth, Trust: &trust.Policy{},
						Tickets: sealsock.KeepTickets(10),
					})
					if err == nil {
						io.Copy(io.Discard, c)
					}
				})
				return far{ours}, nil
			}}
			p := &prober{
				target: &to, timeout: 5 * time.Second, slots: make(chan struct{}, 1),
				report: &Report{Versions: []Version{{Version: iana.TLS13}}},
			}
			p.newestSession(t.Context())
			servers.Wait() // time stands still behind the test
			all := strings.Join(p.report.Unknown, "\n")
			if refused := auth != sealsock.NoClientCert; refused != (p.report.Tickets == 0) ||
				refused != strings.Contains(all, "certificate_required") {
				t.Errorf("%v: %d tickets, unknown %q", auth, p.report.Tickets, all)
			}
		})
	}
}

// A far connection takes 300 ms in each direction.
type far struct{ net.Conn }

func (f far) Write(b []byte) (int, error) {
	time.Sleep(300 * time.Millisecond)
	return f.Conn.Write(b)
}

// A connection that breaks by chance is no oracle.
func TestROBOTByChance(t *testing.T) {
	ca := testcert.New()
	f := flawedServer{leaf: ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")}
	var broken atomic.Bool
	r := scanMeddled(t, listen(t, f.serve), ca, func(sent []byte) error {
		exchange := bytes.HasPrefix(sent, []byte{byte(iana.ContentHandshake), 3, 3}) && len(sent) > 5 &&
			sent[5] == byte(iana.HandshakeClientKeyExchange)
		if exchange && broken.CompareAndSwap(false, true) {
			return io.EOF
		}
		return nil
	})
	if got := verdict(r, "ROBOT"); got != "unknown" || !slices.Contains(r.Open, "ROBOT") {
		t.Errorf("ROBOT: %q, open %q", got, r.Open)
	}
}

// What was to come in a flight that was cut is unknown.
func TestCutFlight(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	f := flawedServer{leaf: leaf, heartbeat: true, cuts: true}
	r := scan(t, listen(t, f.serve), ca)
	for _, flaw := range []string{"ROBOT", "early change_cipher_spec", "Heartbleed"} {
		if got := verdict(r, flaw); got != "unknown" || !slices.Contains(r.Open, flaw) {
			t.Errorf("%s: %q, open %q", flaw, got, r.Open)
		}
	}
	if len(r.Certificates) > 0 || !r.CertificatesOpen() {
		t.Errorf("certificates: %+v", r.Certificates)
	}
}

// A certificate that cannot be read, and one that can, of a server with which no handshake can be
// made: with TLS 1.2 and a suite of RSA alone, or with TLS 1.0.
func TestPlainCertificates(t *testing.T) {
	fipstest.Skip(t, "the server, crypto/tls, leaves out old versions and suites")
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	r := scan(t, listen(t, (&flawedServer{leaf: leaf}).serve), ca)
	if len(r.Certificates) != 1 || !r.Certificates[0].Trusted || r.CertificatesOpen() {
		t.Errorf("TLS 1.2: %+v, open %q, unknown %q", r.Certificates, r.Open, r.Unknown)
	}
	unreadable := *leaf
	unreadable.Chain = [][]byte{[]byte("no certificate")}
	r = scan(t, listen(t, (&flawedServer{leaf: &unreadable}).serve), ca)
	if len(r.Certificates) != 0 || !r.CertificatesOpen() {
		t.Errorf("unreadable: %+v, open %q", r.Certificates, r.Open)
	}
	cert, err := tls.X509KeyPair(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve(l)
	r = scan(t, l.Addr().String(), testcert.New())
	if len(r.Certificates) != 1 || r.Certificates[0].Trusted || r.Grade != "F" {
		t.Errorf("TLS 1.0: grade %s, %+v, unknown %q", r.Grade, r.Certificates, r.Unknown)
	}
	all := strings.Join(r.Unknown, "\n")
	if verdict(r, "Ticketbleed") != "unknown" || !strings.Contains(all, "tickets") {
		t.Errorf("TLS 1.0: Ticketbleed %q, unknown %q", verdict(r, "Ticketbleed"), r.Unknown)
	}
}

// What a server has sent before it demands a certificate of the client is an answer.
func TestRefusedClient(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	cert, err := tls.X509KeyPair(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"h2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	serve(l)
	r := scan(t, l.Addr().String(), ca)
	if !slices.Equal(r.ALPN, []string{"h2"}) || !r.ClientCertificate || len(r.Certificates) != 1 {
		t.Errorf("%q, client certificate %v, %+v", r.ALPN, r.ClientCertificate, r.Certificates)
	}
	all := strings.Join(r.Unknown, "\n")
	for _, want := range []string{"resumption: ", "resumption by TLS 1.2 ticket: ",
		"renegotiation by the client: ", "ticket with a short session ID: "} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not unknown: %q", want, r.Unknown)
		}
	}
	if len(r.Open) > 0 {
		t.Errorf("open %q", r.Open)
	}
}

// The name in a ClientHello is one of DNS. RFC 6066, Section 3.
func TestServerName(t *testing.T) {
	enough := errors.New("enough")
	for name, want := range map[string]string{
		"127.0.0.1": "", "::1": "", "fe80::1%lo": "", "localhost.": "localhost",
		"a.test": "a.test",
	} {
		var sent atomic.Pointer[string]
		to := Target{ServerName: name, Dial: func(context.Context) (net.Conn, error) {
			ours, _ := net.Pipe()
			return &meddled{Conn: ours, when: func(b []byte) error {
				if h := helloIn(b); h != nil && h.LegacyVersion == iana.TLS12 {
					sent.Store(&h.ServerName)
				}
				return enough
			}}, nil
		}}
		if _, err := Scan(t.Context(), to, Options{}); !errors.Is(err, enough) {
			t.Fatal(err)
		}
		if got := sent.Load(); got == nil || *got != want {
			t.Errorf("%q: sent %v, want %q", name, got, want)
		}
	}
}
