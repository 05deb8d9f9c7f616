package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
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
	"github.com/sealsock/sealsock/internal/testcert"
)

// A server that refuses RSA key exchange now and then has not answered whether it tells paddings
// apart: neither if it refuses one of them, nor if it refuses all when they are sent again.
func TestROBOTUnsteady(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	isRSA := func(s iana.CipherSuite) bool { return strings.HasPrefix(s.String(), "TLS_RSA_WITH_") }
	for _, robot := range []bool{false, true} {
		f := flawedServer{leaf: leaf, robot: robot}
		var mu sync.Mutex
		var first []byte
		asked := 0
		r := scanMeddled(t, listen(t, f.serve), ca, func(sent []byte) error {
			h := helloIn(sent)
			if h == nil || slices.ContainsFunc(h.CipherSuites, func(s iana.CipherSuite) bool {
				return !isRSA(s)
			}) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if first == nil {
				first = bytes.Clone(sent)
			}
			asked++
			if !robot && bytes.Equal(sent, first) || robot && asked > len(paddings) {
				return io.EOF
			}
			return nil
		})
		if got := verdict(r, "ROBOT"); got != "unknown" || !slices.Contains(r.Open, "ROBOT") {
			t.Errorf("robot: %v: %q, open %q, grade %s", robot, got, r.Open, r.Grade)
		}
	}
}

// A connection that breaks by chance after a message that a flawed server takes does not hide the
// flaw.
func TestBrokenReaction(t *testing.T) {
	ca := testcert.New()
	f := flawedServer{leaf: ca.Issue(testcert.NewKey("rsa"), longLived, "localhost"), changes: true}
	changes := appendChange(appendChange(nil, iana.TLS12), iana.TLS12)
	var broken atomic.Bool
	r := scanMeddled(t, listen(t, f.serve), ca, func(sent []byte) error {
		if bytes.Equal(sent, changes) && broken.CompareAndSwap(false, true) {
			return io.EOF
		}
		return nil
	})
	if got := verdict(r, flawEarlyChange); got != "yes" || !broken.Load() {
		t.Errorf("early change_cipher_spec: %q, open %q", got, r.Open)
	}
}

// A renegotiating connection answers a ClientHello after the handshake, which is longer than the
// other encrypted messages of a client, with a handshake record.
type renegotiating struct {
	net.Conn
	broken *atomic.Bool // one connection has ended there
	left   io.Reader    // what is read in place of the server's answer
}

func (c *renegotiating) Write(b []byte) (int, error) {
	if b[0] != byte(iana.ContentHandshake) || helloIn(b) != nil || len(b) < 150 {
		return c.Conn.Write(b)
	}
	c.left = bytes.NewReader(nil)
	if !c.broken.CompareAndSwap(false, true) {
		c.left = bytes.NewReader(appendRecord(nil, iana.TLS12, make([]byte, 40)))
	}
	return len(b), nil
}

func (c *renegotiating) Read(b []byte) (int, error) {
	if c.left != nil {
		return c.left.Read(b)
	}
	return c.Conn.Read(b)
}

func TestBrokenRenegotiation(t *testing.T) {
	addr := ownServer(t, testcert.New())
	to := target(addr, nil)
	dial, broken := to.Dial, new(atomic.Bool)
	to.Dial = func(ctx context.Context) (net.Conn, error) {
		c, err := dial(ctx)
		return &renegotiating{Conn: c, broken: broken}, err
	}
	p := proberOf(&to)
	p.clientRenegotiation(t.Context())
	if got := p.report.ClientRenegotiation; got != "accepted" || !broken.Load() {
		t.Errorf("renegotiation by the client: %q, unknown %q", got, p.report.Unknown)
	}
}

// proberOf returns a prober of a server with TLS 1.2 and 1.3.
func proberOf(to *Target) *prober {
	return &prober{
		target: to, sni: to.ServerName, timeout: time.Minute, slots: make(chan struct{}, 8),
		turn: make(chan struct{}, 1),
		report: &Report{
			Versions: []Version{{Version: iana.TLS13}, {Version: iana.TLS12}},
			probed:   map[string]bool{},
		},
	}
}

// Tickets that do not come are waited for until the scan ends, and not longer than one connection
// may take, however far the server is.
func TestWaitForTickets(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("p256"), longLived, "localhost")
	id, err := identity.Parse(leaf.CertPEM(), leaf.KeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ scan, timeout, most time.Duration }{
		{1500 * time.Millisecond, 5 * time.Second, 2 * time.Second},
		{time.Minute, time.Second, 2500 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			var servers sync.WaitGroup
			to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
				ours, theirs := net.Pipe()
				servers.Go(func() {
					defer theirs.Close()
					c, err := sealsock.Server(far{theirs},
						&sealsock.Config{Identities: []*identity.Identity{id}})
					if err == nil {
						io.Copy(io.Discard, c)
					}
				})
				return far{ours}, nil
			}}
			p := proberOf(&to)
			p.timeout = test.timeout
			scan, cancel := context.WithTimeout(t.Context(), test.scan)
			defer cancel()
			start := time.Now()
			p.newestSession(scan)
			took, over := time.Since(start), scan.Err() != nil
			servers.Wait()
			if all := strings.Join(p.report.Unknown, "\n"); took > test.most ||
				over != strings.Contains(all, "resumption") {
				t.Errorf("%+v: took %v, unknown %q", test, took, all)
			}
		})
	}
}

// A connection that broke before TLS, such as one through a proxy or before STARTTLS, has refused
// nothing.
func TestBrokenBeforeTLS(t *testing.T) {
	broken := fmt.Errorf("starttls: smtp: %w", syscall.ECONNRESET)
	to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
		return nil, broken
	}}
	p := proberOf(&to)
	both := p.report.Versions
	p.report.Versions = both[:1] // a version before TLS 1.3 shows certificates in plaintext too
	p.certificates(t.Context())
	p.report.Versions = both
	p.ticketbleed(t.Context())
	p.clientRenegotiation(t.Context())
	found := &Records{ech: []byte{0}}
	p.publishedECH(t.Context(), found)
	if !p.report.CertificatesOpen() || !p.report.isOpen(flawTicketbleed) ||
		!p.report.isOpen(flawRenegotiation) || found.ECH != "" {
		t.Errorf("open %q, ECH %q", p.report.Open, found.ECH)
	}
}

// What is open can lower the grade as far as the answer could, and no further.
func TestWorst(t *testing.T) {
	for what, r := range map[string]*Report{
		openGroups:        {},
		flawDowngrade:     {PostQuantum: true, Fallback: "accepted", DowngradeMark: "missing"},
		flawRenegotiation: {PostQuantum: true, ClientRenegotiation: "accepted"},
		openBigHello:      {PostQuantum: true, BigHello: "stalls over 4,096 bytes"},
		openGREASE:        {PostQuantum: true, GREASE: "refused"},
		flawInsecure:      {PostQuantum: true, Renegotiation: "insecure"},
		flawCRIME:         {PostQuantum: true, TLSCompression: true},
		flawROBOT:         {PostQuantum: true, probed: map[string]bool{flawROBOT: true}},
	} {
		r.Versions = []Version{{Version: iana.TLS13, Name: iana.TLS13.String()}}
		r.flaws()
		r.judge("localhost")
		open := &Report{Grade: "A+", Open: []string{openGroups, what}}
		if open.Worst() != r.Grade || !open.AtBest() {
			t.Errorf("%s: %s, want %s", what, open.Worst(), r.Grade)
		}
		if open.Grade = r.Grade; open.Worst() != r.Grade || open.AtBest() {
			t.Errorf("%s: %s of %s", what, open.Worst(), r.Grade)
		}
	}
}

// An endless connection sends empty records.
type endless struct {
	net.Conn
	sent int
}

func (c *endless) Read(b []byte) (int, error) {
	if c.sent > 4*maxFlight {
		return 0, io.EOF
	}
	n := copy(b, []byte{byte(iana.ContentHandshake), 3, 3, 0, 0})
	c.sent += n
	return n, nil
}

// Empty records count too: a server cannot keep a processor busy with them.
func TestEmptyRecords(t *testing.T) {
	c := new(endless)
	if _, err := readFlight(c); err == nil || c.sent > maxFlight+10 {
		t.Errorf("%v after %d bytes", err, c.sent)
	}
}
