package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/testcert"
	"github.com/sealsock/sealsock/internal/wire"
)

// What is never answered, while other questions are, is refused, and listed as dropped.
func TestDropped(t *testing.T) {
	ca := testcert.New()
	addr := ownServer(t, ca)
	for _, test := range []struct {
		dropped string
		flaw    string // that the server does not have then
		is      func(h *wire.ClientHello) bool
	}{
		{"SSL 2.0", flawDROWN, nil},
		{"SSL 3.0", flawPOODLE, func(h *wire.ClientHello) bool { return h.LegacyVersion == iana.SSL30 }},
		{"TLS 1.3", "", func(h *wire.ClientHello) bool { return h.SupportedVersions != nil }},
		{"compression", flawCRIME,
			func(h *wire.ClientHello) bool { return len(h.CompressionMethods) > 1 }},
		{flawHeartbleed, flawHeartbleed, func(h *wire.ClientHello) bool {
			return slices.ContainsFunc(h.Unknown, func(e wire.Extension) bool {
				return e.Type == extHeartbeat
			})
		}},
		{"cipher suites of TLS 1.2", flawRC4, func(h *wire.ClientHello) bool {
			return h.SupportedVersions == nil &&
				!slices.Contains(h.CipherSuites, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
		}},
		{"groups of TLS 1.3", "", func(h *wire.ClientHello) bool {
			return h.SupportedVersions != nil && len(h.KeyShares) == 0 &&
				!slices.Contains(h.SupportedGroups, iana.X25519MLKEM768)
		}},
		{openGREASE, "", func(h *wire.ClientHello) bool {
			return len(h.CipherSuites) > 0 && h.CipherSuites[0] == 0x0a0a
		}},
		{flawROBOT, flawROBOT, func(h *wire.ClientHello) bool {
			return !slices.ContainsFunc(h.CipherSuites, func(s iana.CipherSuite) bool {
				return !strings.HasPrefix(s.String(), "TLS_RSA_WITH_")
			})
		}},
		{"fallback from TLS 1.3", flawDowngrade, func(h *wire.ClientHello) bool {
			return slices.Contains(h.CipherSuites, iana.TLS_FALLBACK_SCSV)
		}},
		{"certificate for ecdsa_secp256r1_sha256", "", func(h *wire.ClientHello) bool {
			return len(h.SignatureAlgorithms) > 0 && len(h.SignatureAlgorithms) < 4 &&
				h.SignatureAlgorithms[0] == iana.ECDSAWithP256AndSHA256
		}},
	} {
		r := scanMeddled(t, addr, ca, func(sent []byte) error {
			h := helloIn(sent)
			if h == nil && test.is == nil && sent[0] == 0x80 || h != nil && test.is != nil && test.is(h) {
				return os.ErrDeadlineExceeded
			}
			return nil
		})
		if len(r.Open) > 0 || !slices.Contains(r.Dropped, test.dropped) || r.AtBest() {
			t.Errorf("%s: dropped %q, open %q, unknown %q", test.dropped, r.Dropped, r.Open, r.Unknown)
		}
		if test.flaw != "" && verdict(r, test.flaw) != "no" {
			t.Errorf("%s: %s is answered with %q", test.dropped, test.flaw, verdict(r, test.flaw))
		}
	}
}

// A server that stops in the middle of whole handshakes of TLS 1.2 has not refused what comes after
// them, and its grade is not known.
func TestStoppedHandshake(t *testing.T) {
	ca := testcert.New()
	r := scanMeddled(t, ownServer(t, ca), ca, func(sent []byte) error {
		if len(sent) > 5 && sent[0] == byte(iana.ContentHandshake) &&
			sent[5] == byte(iana.HandshakeClientKeyExchange) {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	for _, flaw := range []string{flawTicketbleed, flawRenegotiation} {
		if !slices.Contains(r.Open, flaw) || verdict(r, flaw) != "unknown" || !r.AtBest() {
			t.Errorf("%s: %q, open %q, dropped %q", flaw, verdict(r, flaw), r.Open, r.Dropped)
		}
	}
}

// A server that refuses those who offer compression compresses nothing.
func TestCompressionRefused(t *testing.T) {
	ca := testcert.New()
	r := scanMeddled(t, ownServer(t, ca), ca, func(sent []byte) error {
		if h := helloIn(sent); h != nil && len(h.CompressionMethods) > 1 {
			return io.EOF
		}
		return nil
	})
	if len(r.Open) > 0 || verdict(r, flawCRIME) != "no" {
		t.Errorf("CRIME %q, open %q", verdict(r, flawCRIME), r.Open)
	}
}

// What a flawed server would react to is dropped after the ClientHello.
func TestDroppedReaction(t *testing.T) {
	ca := testcert.New()
	leaf := ca.Issue(testcert.NewKey("rsa"), longLived, "localhost")
	f := flawedServer{leaf: leaf, heartbeat: true, robot: true, changes: true}
	for _, test := range []struct {
		flaw string
		typ  iana.ContentType // of the record that is dropped
		body byte             // its first one
	}{
		{flawHeartbleed, contentHeartbeat, 1},
		{flawEarlyChange, iana.ContentChangeCipherSpec, 1},
		{flawROBOT, iana.ContentHandshake, byte(iana.HandshakeClientKeyExchange)},
	} {
		r := scanMeddled(t, listen(t, f.serve), ca, func(sent []byte) error {
			if len(sent) > 5 && sent[0] == byte(test.typ) && sent[5] == test.body {
				return os.ErrDeadlineExceeded
			}
			return nil
		})
		if verdict(r, test.flaw) != "no" || !slices.Contains(r.Dropped, test.flaw) {
			t.Errorf("%s: %q, dropped %q, open %q", test.flaw, verdict(r, test.flaw), r.Dropped, r.Open)
		}
	}
}

// A server that ignores a ClientHello after the handshake does not renegotiate.
func TestIgnoredRenegotiation(t *testing.T) {
	ca := testcert.New()
	r := scanMeddled(t, ownServer(t, ca), ca, func(sent []byte) error {
		if sent[0] == byte(iana.ContentHandshake) && helloIn(sent) == nil && len(sent) > 150 {
			return os.ErrDeadlineExceeded
		}
		return nil
	})
	if r.ClientRenegotiation != "ignored" || !slices.Contains(r.Dropped, flawRenegotiation) ||
		verdict(r, flawRenegotiation) != "no" || len(r.Open) > 0 {
		t.Errorf("%q, dropped %q, open %q", r.ClientRenegotiation, r.Dropped, r.Open)
	}
}

// A question without an answer stays open if another one has none either, or has one only after
// more than half the time. An answer to a later try is the answer.
func TestInsist(t *testing.T) {
	refusal := errors.New("refused")
	for _, test := range []struct {
		answers []error // to the question
		other   []int   // seconds until the answer to the other one
		want    error
	}{
		{[]error{ErrSilent, ErrSilent, ErrSilent}, []int{0, 2}, errDropped},
		{[]error{ErrSilent, ErrSilent, ErrSilent}, []int{0, 3}, ErrSilent},
		{[]error{ErrSilent}, []int{3}, ErrSilent},
		{[]error{ErrSilent, nil}, []int{0}, nil},
		{[]error{ErrSilent, ErrSilent, refusal}, []int{0}, refusal},
		{[]error{nil}, nil, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			var servers sync.WaitGroup
			others := test.other
			to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
				ours, theirs := net.Pipe()
				delay := time.Duration(others[0]) * time.Second
				others = others[1:]
				servers.Go(func() {
					defer theirs.Close()
					readAny(theirs)
					time.Sleep(delay)
					answerHello(theirs)
				})
				return ours, nil
			}}
			p := proberOf(&to)
			p.timeout, p.report.Versions = 5*time.Second, p.report.Versions[1:]
			asked := 0
			err := p.insist(t.Context(), func(_ context.Context, try int) error {
				if asked++; try != asked-1 || asked > len(test.answers) {
					t.Errorf("%v: try %d of %d", test, try, asked)
					return refusal
				}
				return test.answers[try]
			})
			servers.Wait()
			if err != test.want || asked != len(test.answers) || len(others) > 0 {
				t.Errorf("%v: %v after %d tries, others left: %v", test, err, asked, others)
			}
		})
	}
}

// A hello of SSL 2.0 that is dropped as a whole may pass in parts.
func TestSplitSSL2(t *testing.T) {
	ca := testcert.New()
	addr := ownServer(t, ca)
	hello := []byte{0x80, 46, 1, 0, 2}
	var whole atomic.Int32
	r := scanMeddled(t, addr, ca, func(sent []byte) error {
		if bytes.HasPrefix(sent, hello) {
			whole.Add(1)
			return os.ErrDeadlineExceeded // and in parts the server refuses it
		}
		return nil
	})
	if len(r.Open) > 0 || len(r.Dropped) > 0 || verdict(r, flawDROWN) != "no" || whole.Load() == 0 {
		t.Errorf("dropped %q, open %q", r.Dropped, r.Open)
	}
}

// A refused heartbeat is followed by another question, for which one connection at a time is
// enough.
func TestRefusedHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			servers.Go(func() {
				defer theirs.Close()
				_, hello, _ := readAny(theirs)
				if bytes.Contains(hello, []byte{0, byte(extHeartbeat), 0, 1, 1}) {
					theirs.Write([]byte{byte(iana.ContentAlert), 3, 3, 0, 2, 2, 40})
					return
				}
				answerHello(theirs)
			})
			return ours, nil
		}}
		p := proberOf(&to)
		p.slots = make(chan struct{}, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		p.heartbeats(ctx, iana.TLS12)
		servers.Wait()
		has, answered := p.report.probed[flawHeartbleed]
		if has || !answered || len(p.report.Unknown) > 0 || len(p.report.Dropped) > 0 {
			t.Errorf("%v, %v, unknown %q", has, answered, p.report.Unknown)
		}
	})
}

// answerHello sends the first flight of a server of TLS 1.2.
func answerHello(conn net.Conn) {
	hello, _ := (&wire.ServerHello{LegacyVersion: iana.TLS12}).AppendTo(nil)
	done := wire.AppendHeader(hello, iana.HandshakeServerHelloDone, 0)
	conn.Write(appendRecord(nil, iana.TLS12, done))
}

// silentFor reads until the client closes the connection.
func silentFor(conn net.Conn) { io.Copy(io.Discard, conn) }

// A question that is dropped takes the answers of no other ones, at a server that serves one
// connection after the other.
func TestDroppedBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		one := make(chan struct{}, 1)
		to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			servers.Go(func() {
				defer theirs.Close()
				_, hello, _ := readAny(theirs)
				bad := bytes.Contains(hello, []byte{3, 1, 64, 0}) // the compression methods
				if !bad {
					time.Sleep(time.Millisecond) // the other one is first each time
				}
				one <- struct{}{}
				defer func() { <-one }()
				if bad {
					silentFor(theirs)
				} else {
					answerHello(theirs)
				}
			})
			return ours, nil
		}}
		p := proberOf(&to)
		p.report.Versions = p.report.Versions[1:]
		p.together(
			func() { p.oldCompression(t.Context(), iana.TLS12) },
			func() { p.heartbeats(t.Context(), iana.TLS12) },
		)
		servers.Wait()
		if !slices.Equal(p.report.Dropped, []string{"compression"}) || len(p.report.Unknown) > 0 {
			t.Errorf("dropped %q, unknown %q", p.report.Dropped, p.report.Unknown)
		}
	})
}

// A closing connection calls a function when it is closed.
type closing struct {
	net.Conn
	closed func()
}

func (c *closing) Close() error {
	c.closed()
	return c.Conn.Close()
}

// Questions that are dropped are asked again at the same time, over no more connections than any
// others, so that five of them take no longer than one.
func TestDroppedTogether(t *testing.T) {
	for most, within := range map[int]time.Duration{8: 22 * time.Second, 1: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var servers sync.WaitGroup
			var mu sync.Mutex
			open, peak := 0, 0
			to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
				ours, theirs := net.Pipe()
				servers.Go(func() {
					defer theirs.Close()
					_, hello, _ := readAny(theirs)
					h, err := wire.ParseClientHello(hello[min(wire.HeaderLen, len(hello)):])
					if err == nil && h.LegacyVersion == iana.TLS12 && h.SupportedVersions == nil {
						answerHello(theirs)
					} else {
						silentFor(theirs)
					}
				})
				mu.Lock()
				defer mu.Unlock()
				open++
				peak = max(peak, open)
				return &closing{ours, func() {
					mu.Lock()
					defer mu.Unlock()
					open--
				}}, nil
			}}
			p := proberOf(&to)
			p.timeout, p.slots = 5*time.Second, make(chan struct{}, most)
			p.report.Versions = nil
			began := time.Now()
			if err := p.versions(t.Context()); err != nil {
				t.Error(err)
			}
			took := time.Since(began)
			servers.Wait()
			slices.Sort(p.report.Dropped)
			if !slices.Equal(p.report.Dropped, []string{
				"SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.3",
			}) || len(p.report.Unknown) > 0 {
				t.Errorf("dropped %q, unknown %q", p.report.Dropped, p.report.Unknown)
			}
			if took > within || peak > most {
				t.Errorf("it took %v, and %d connections at a time, at most %d", took, peak, most)
			}
		})
	}
}

// A round in which a question was answered tells nothing of the others: they may have waited for
// it.
func TestRounds(t *testing.T) {
	to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			readAny(theirs)
			answerHello(theirs)
		}()
		return ours, nil
	}}
	p := proberOf(&to)
	p.report.Versions = p.report.Versions[1:]
	var all []*question
	for n := range 4 {
		asked := 0
		all = append(all, &question{
			ctx: t.Context(), cancel: func() {}, ended: make(chan struct{}),
			ask: func(context.Context, int) error {
				if asked++; asked <= n || n == 3 {
					return ErrSilent
				}
				return nil
			},
		})
	}
	if left := p.rounds(all); len(left) > 0 {
		t.Errorf("%d have to be asked alone", len(left))
	}
	for n, q := range all {
		want := error(nil)
		if n == 3 {
			want = errDropped
		}
		if <-q.ended; q.err != want {
			t.Errorf("question %d: %v, want %v", n, q.err, want)
		}
	}
}

// A round in which the other question has no answer is no drop: the server may be busy.
func TestBusyRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		p := proberOf(&Target{Dial: func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			servers.Go(func() { silentFor(theirs) })
			return ours, nil
		}})
		q := &question{ctx: t.Context(), ask: func(context.Context, int) error { return ErrSilent }}
		if left := p.rounds([]*question{q}); len(left) != 1 {
			t.Errorf("%d have to be asked alone", len(left))
		}
		servers.Wait()
	})
}

// A server that answers one connection in a while, and drops the others, has dropped no question.
func TestBoundIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers sync.WaitGroup
		last := time.Now()
		to := Target{ServerName: "localhost", Dial: func(context.Context) (net.Conn, error) {
			ours, theirs := net.Pipe()
			early := time.Since(last) < 4*time.Second
			if !early {
				last = time.Now()
			}
			servers.Go(func() {
				defer theirs.Close()
				if readAny(theirs); early {
					silentFor(theirs)
				} else {
					answerHello(theirs)
				}
			})
			return ours, nil
		}}
		p := proberOf(&to)
		p.timeout, p.report.Versions = 5*time.Second, p.report.Versions[1:]
		a, err := p.ask(t.Context(), offerOf(iana.TLS12, suitesOf(iana.TLS12)))
		servers.Wait()
		if err != nil || a.hello == nil {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// A question that waits to be alone ends with the scan, and holds up no other one then.
func TestAloneEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := proberOf(&Target{})
		p.slots <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.alone(ctx); err != context.DeadlineExceeded {
			t.Error(err)
		}
		if len(p.slots) != 1 || len(p.turn) != 0 {
			t.Errorf("%d connections, %d turns", len(p.slots), len(p.turn))
		}
		<-p.slots
		done, err := p.alone(t.Context())
		if err != nil || len(p.slots) != cap(p.slots) || len(p.turn) != 1 {
			t.Errorf("%d connections, %d turns, %v", len(p.slots), len(p.turn), err)
		}
		done()
		if len(p.slots) != 0 || len(p.turn) != 0 {
			t.Errorf("%d connections, %d turns", len(p.slots), len(p.turn))
		}
	})
}
