package engine

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
)

// defaultFaults is how many connections TestFaults breaks. The variable
// SEALSOCK_FAULTS sets another number.
const defaultFaults = 3000

// TestFaults does something to the bytes of whole connections on their way, each
// time something else: cuts them up, changes one, leaves out, repeats or swaps
// records. After every fault, each side must end in an error or wait for more, and
// must not return anything that the other has not sent, in order; a connection
// that succeeded must not have been changed.
func TestFaults(t *testing.T) {
	n := defaultFaults
	if text := os.Getenv("SEALSOCK_FAULTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	plans := faultPlans(t)
	outcomes := map[string]int{}
	for i := range n {
		p := plans[i%len(plans)]
		f := newFault(uint64(i), p)
		outcomes[f.kind.String()+", "+p.run(t, i, f)]++
	}
	for _, kind := range []faultKind{whole, pieces} {
		if done := outcomes[kind.String()+", done"]; done == 0 || outcomes[kind.String()+", refused"]+outcomes[kind.String()+", waits"] > 0 {
			t.Errorf("%v deliveries do not all go through: %v", kind, outcomes)
		}
	}
	if outcomes[cut.String()+", waits"] == 0 {
		t.Errorf("nobody waits for what was cut off: %v", outcomes)
	}
	for kind := flip; kind < faultKinds; kind++ {
		if outcomes[kind.String()+", refused"] == 0 {
			t.Errorf("a fault is never noticed: %v", kind)
		}
	}
	t.Logf("%d connections: %v", n, outcomes)
}

// A faultKind is what happens to the bytes.
type faultKind uint8

const (
	whole  faultKind = iota // all that is there at once
	pieces                  // in pieces of a few bytes, down to one, or in two
	cut                     // nothing comes after a byte
	flip                    // one bit is another
	drop                    // a record is missing
	repeat                  // a record comes twice
	swap                    // a record comes after the next
	insert                  // a record is made up in front of another
	faultKinds
)

func (k faultKind) String() string {
	return [...]string{"whole", "pieces", "cut", "flip", "drop", "repeat", "swap", "insert"}[k]
}

// A fault is what happens to one direction of one connection.
type fault struct {
	kind     faultKind
	toServer bool
	at       int  // which byte or record
	bit      byte // for a flip
	forged   []byte
	piece    [2]int // the sizes of pieces, in turn

	sent   []byte // the data that was sent
	count  int    // records so far
	held   []byte
	target []byte // the record that it hit, as sent
	offset int    // of a flip in it
	last   bool   // the target was the last record
}

// newFault makes the i-th fault: every kind in turn, and the rest by chance.
func newFault(i uint64, p *faultPlan) *fault {
	r := rand.New(rand.NewPCG(i, 1))
	f := &fault{kind: faultKind(r.IntN(int(faultKinds))), toServer: r.IntN(2) == 0}
	way := 0
	if f.toServer {
		way = 1
	}
	f.at = r.IntN(p.records[way])
	switch f.kind {
	case pieces:
		f.piece = [2]int{1 + r.IntN(3), 1 + r.IntN(1<<r.IntN(11))}
		if r.IntN(2) == 0 {
			f.piece = [2]int{1 + r.IntN(p.bytes[way]), p.bytes[way]}
		}
	case cut:
		f.at = r.IntN(p.bytes[way])
	case flip:
		f.at, f.bit = r.IntN(p.bytes[way]), 1<<r.IntN(8)
	case insert:
		body := make([]byte, r.IntN(40))
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		f.forged = append(record.AppendHeader(nil, iana.ContentType(20+r.IntN(4)), iana.TLS12, len(body)), body...)
	}
	return f
}

// pass returns what comes out at the other end of what went in, whole records.
func (f *fault) pass(in []byte) (out []byte) {
	for len(in) > 0 {
		h, _ := record.ParseHeader(in)
		rec := in[:record.HeaderLen+h.Length]
		in = in[len(rec):]
		start := len(f.sent)
		f.sent = append(f.sent, rec...)
		f.last = false
		out = append(out, f.one(bytes.Clone(rec), start)...)
		f.count++
	}
	return out
}

// one does it to one record, which starts at a byte of the stream.
func (f *fault) one(rec []byte, start int) []byte {
	hit := f.at == f.count
	if f.kind == flip || f.kind == cut {
		hit = f.at >= start && f.at < start+len(rec)
	}
	if hit {
		f.target, f.last = bytes.Clone(rec), true
	}
	switch {
	case f.kind == cut && f.at < start+len(rec):
		return rec[:max(0, f.at-start)]
	case hit && f.kind == flip:
		f.offset = f.at - start
		rec[f.offset] ^= f.bit
	case hit && f.kind == drop:
		return nil
	case hit && f.kind == repeat:
		return append(rec, rec...)
	case hit && f.kind == insert:
		return append(bytes.Clone(f.forged), rec...)
	case hit && f.kind == swap:
		f.held = rec
		return nil
	case f.held != nil:
		rec = append(rec, f.held...)
		f.held = nil
	}
	return rec
}

// harmless reports whether the protocol lets the fault go unnoticed.
func (f *fault) harmless(p *faultPlan) bool {
	if f.kind <= pieces || f.target == nil {
		return true
	}
	h, _ := record.ParseHeader(f.target)
	disguise := p.tls13 && h.Type == iana.ContentChangeCipherSpec
	switch {
	case f.kind == cut:
		return false
	case f.kind == flip:
		// The version of a record in the clear is not checked. RFC 9846, Section 5.1.
		// Nor are the version and the contents of a refused 0-RTT record, which is not
		// decrypted.
		version := f.offset == 1 || f.offset == 2
		if p.refusesEarly && f.early(p) {
			return version || f.offset >= record.HeaderLen
		}
		return version && h.Type != iana.ContentApplicationData && (p.tls13 || h.Type != iana.ContentAlert)
	case p.refusesEarly && f.early(p):
		return true
	case f.kind == insert:
		return f.warning(p) || p.tls13 && bytes.Equal(f.forged, []byte{20, 3, 3, 0, 1, 1}) || p.refusesEarly && f.toServer && f.forged[0] == 23
	case f.kind == repeat && f.last:
		return true // behind close_notify, which ends all
	}
	return disguise || f.kind == swap && p.tls13 && f.besideDisguise()
}

// warning reports whether the fault is a made-up alert that is only a warning,
// which TLS 1.2 lets pass and no Finished covers. RFC 5246, Section 7.2.2.
func (f *fault) warning(p *faultPlan) bool {
	return !p.tls13 && len(f.forged) == 7 && bytes.HasPrefix(f.forged, []byte{21, 3, 3, 0, 2, 1}) && f.forged[6] != byte(iana.AlertCloseNotify)
}

// early reports whether the fault hit a record of the client's first flight that
// is not its ClientHello.
func (f *fault) early(p *faultPlan) bool {
	return f.toServer && f.at > 0 && f.target[0] == byte(iana.ContentApplicationData) && bytes.Contains(f.sent[:min(len(f.sent), p.first)], f.target)
}

// besideDisguise reports whether the record behind the target is the change_cipher_spec
// of middlebox compatibility mode.
func (f *fault) besideDisguise() bool {
	_, behind, _ := bytes.Cut(f.sent, f.target)
	return len(behind) > 0 && behind[0] == byte(iana.ContentChangeCipherSpec)
}

// A faultPlan is one kind of connection.
type faultPlan struct {
	name         string
	client       config
	server       config
	late         bool // the server asks for a certificate later
	refusesEarly bool
	tls13        bool
	sessions     map[string][]byte // the server's, to begin with

	bytes, records [2]int // in each direction, to the client first
	first          int    // bytes of the client's first flight
}

// faultPlans returns the kinds of connection and measures them.
func faultPlans(t *testing.T) []*faultPlan {
	var plans []*faultPlan
	add := func(name string, version iana.Version, change func(p *faultPlan)) {
		p := &faultPlan{name: name, tls13: version == iana.TLS13, sessions: map[string][]byte{}}
		cred := newCredential(t, ed25519.NewKeyFromSeed(make([]byte, 32)))
		now := func() time.Time { return time.Unix(1e9, 0) }
		groups := []iana.NamedGroup{iana.X25519, iana.SecP256r1}
		p.client = config{Verifier: acceptAll{}, Now: now, ServerName: "example.com", ALPN: []string{"x"}, Groups: groups, MaxVersion: version}
		p.server = config{Verifier: acceptAll{}, Credentials: []*Credential{cred}, Now: now, ALPN: []string{"x"}, Groups: groups, MaxVersion: version}
		change(p)
		p.measure(t)
		plans = append(plans, p)
	}
	withClient := func(p *faultPlan) {
		p.server.ClientAuth, p.client.Credentials = RequireClientCert, p.server.Credentials
	}
	resumed := func(p *faultPlan) {
		p.server.MaxEarlyData = 100
		c, s, m := p.pair(t)
		if err := pump(c, s); err != nil || len(c.sessions) == 0 {
			t.Fatalf("%s: %d sessions, %v", p.name, len(c.sessions), err)
		}
		p.client.Session, p.sessions = c.sessions[0], m.sessions
	}
	add("full", iana.TLS13, func(*faultPlan) {})
	add("client certificate", iana.TLS13, withClient)
	add("retry", iana.TLS13, func(p *faultPlan) { p.client.KeyShares = []iana.NamedGroup{} })
	add("resumption", iana.TLS13, resumed)
	add("early data", iana.TLS13, func(p *faultPlan) { resumed(p); p.client.EarlyData = true })
	add("rejected early data exceeds the limit", iana.TLS13, func(p *faultPlan) {
		resumed(p)
		p.client.EarlyData, p.refusesEarly, p.server.MaxEarlyData = true, true, 0
	})
	add("late certificate", iana.TLS13, func(p *faultPlan) {
		p.late, p.client.PostHandshakeAuth, p.client.Credentials = true, true, p.server.Credentials
	})
	add("external key", iana.TLS13, func(p *faultPlan) {
		psk := NewPSK([]byte("device"), []byte("secret"))
		p.client.PSKs, p.client.Verifier = []*PSK{psk}, nil
		p.server.FindPSK = func([]byte) (*PSK, error) { return psk, nil }
	})
	add("small records and compression", iana.TLS13, func(p *faultPlan) {
		withClient(p)
		p.client.RecordSizeLimit, p.server.RecordSizeLimit = 100, 80
		p.client.Compressors = []Compressor{zlibCompressor()}
		p.server.Compressors = p.client.Compressors
	})
	add("encrypted hello", iana.TLS13, func(p *faultPlan) {
		c, s := echPair(t)
		p.client.ECHConfigs, p.server.ECHKeys = c.ECHConfigs, s.ECHKeys
	})
	add("TLS 1.2", iana.TLS12, func(*faultPlan) {})
	add("TLS 1.2 with a client certificate", iana.TLS12, withClient)
	add("TLS 1.2 resumption", iana.TLS12, resumed)
	return plans
}

// pair makes the two sides of a fresh connection.
func (p *faultPlan) pair(t *testing.T) (c, s *side, m *memory) {
	m = newMemory()
	maps.Copy(m.sessions, p.sessions)
	client, server := p.client, p.server
	server.Tickets, server.AntiReplay = m, m
	c, s = newPair(t, &client, &server)
	return c, s, m
}

// measure runs the connection with nothing done to it.
func (p *faultPlan) measure(t *testing.T) {
	t.Helper()
	for way, toServer := range []bool{false, true} {
		f := &fault{kind: whole, toServer: toServer, at: -1}
		r := p.newRun(t, f)
		if got := r.outcome(); got != "done" {
			t.Fatalf("%s does not work: %s, %v", p.name, got, r.err)
		}
		p.bytes[way], p.records[way], p.first = len(f.sent), f.count, r.first
	}
}

// run runs the i-th connection and returns how it ended.
func (p *faultPlan) run(t *testing.T, i int, f *fault) string {
	defer func() {
		if v := recover(); v != nil {
			t.Errorf("connection %d, %s, %v: panic: %v", i, p.name, f.kind, v)
		}
	}()
	r := p.newRun(t, f)
	if wrong := r.check(p); wrong != "" {
		t.Errorf("connection %d, %s, %v at %d: %s", i, p.name, f.kind, f.at, wrong)
	}
	outcome := r.outcome()
	if outcome == "done" && !f.harmless(p) {
		t.Errorf("connection %d, %s, %v at %d (offset %d of %x): nobody notices", i, p.name, f.kind, f.at, f.offset, f.target)
	}
	return outcome
}

// A faultRun is one connection.
type faultRun struct {
	c, s  *side
	fault *fault
	late  bool
	err   error
	first int
	said  [2]string // what the client has sent, and the server
	early string
}

func (p *faultPlan) newRun(t *testing.T, f *fault) *faultRun {
	r := &faultRun{fault: f, late: p.late}
	r.c, r.s, _ = p.pair(t)
	first, err := r.c.step()
	if err == nil && r.c.s.Early() > 0 {
		r.early = "early bird"
		first, err = r.c.s.Seal(first, []byte(r.early))
	}
	if err != nil {
		t.Fatal(err)
	}
	r.first = len(first)
	r.deliver(r.s, first)
	r.pump()
	for act := 0; r.err == nil && r.c.done && r.s.done && act < 4; act++ {
		r.act(act)
		r.pump()
	}
	return r
}

// act has both sides send something.
func (r *faultRun) act(number int) {
	for i, e := range []*side{r.c, r.s} {
		var out []byte
		var err error
		switch {
		case number == 3:
			out, err = e.s.CloseNotify(nil)
		case number == 1 && e == r.c && r.c.r.State().Version == iana.TLS13:
			out, err = e.s.Rekey(nil, true)
		case number == 2 && e == r.s && r.late:
			var q *LateRequest
			if out, q, err = e.s.RequestCertificate(nil); err == nil {
				err = e.r.Expect(q)
			}
		}
		if err == nil && number < 3 {
			line := fmt.Sprintf("line %d of %d. ", number, i)
			r.said[i] += line
			out, err = e.s.Seal(out, []byte(line))
		}
		if err != nil {
			r.err = err
			return
		}
		r.deliver(r.other(e), out)
	}
}

func (r *faultRun) other(e *side) *side {
	if e == r.c {
		return r.s
	}
	return r.c
}

// deliver puts what has been sent into a side's way, with the fault.
func (r *faultRun) deliver(to *side, sent []byte) {
	if (to == r.s) == r.fault.toServer {
		sent = r.fault.pass(sent)
	}
	to.way = append(to.way, sent...)
}

// pump moves bytes until nothing moves.
func (r *faultRun) pump() {
	for moved := true; moved && r.err == nil; {
		moved = false
		for _, e := range []*side{r.c, r.s} {
			for turn := 0; len(e.way) > 0 && r.err == nil; turn++ {
				moved = true
				n := len(e.way)
				if r.fault.kind == pieces {
					n = min(n, r.fault.piece[turn%2])
				}
				e.in, e.way = append(e.in, e.way[:n]...), e.way[n:]
				out, err := e.step()
				r.err = err
				r.deliver(r.other(e), out)
			}
		}
	}
}

// check looks for what must never happen.
func (r *faultRun) check(p *faultPlan) string {
	cs, ss := r.c.r.State(), r.s.r.State()
	var e *Error
	switch {
	case r.err != nil && !errors.As(r.err, &e):
		return fmt.Sprintf("an error of no known kind: %v", r.err)
	case e != nil && (e.Fault == FaultUsage || e.Fault == FaultLocal):
		return fmt.Sprintf("the peer's doing is called this side's: %v", r.err)
	case !strings.HasPrefix(r.said[0], string(r.s.data)) || !strings.HasPrefix(r.said[1], string(r.c.data)):
		return fmt.Sprintf("data comes that was not sent: %q, %q", r.c.data, r.s.data)
	case !strings.HasPrefix(r.early, string(r.s.early)):
		return fmt.Sprintf("early data comes that was not sent: %q", r.s.early)
	case r.c.eof && string(r.c.data) != r.said[1] || r.s.eof && string(r.s.data) != r.said[0]:
		return "an end comes that is not the end"
	case len(r.c.data) > 0 && !cs.HandshakeDone || len(r.s.data) > 0 && !ss.HandshakeDone:
		return "data comes before the peer is proved"
	case p.server.ClientAuth == RequireClientCert && ss.HandshakeDone && len(ss.PeerChain) == 0:
		return "a client without a certificate is let in"
	}
	if cs.HandshakeDone && ss.HandshakeDone {
		a, err := cs.Export("EXPORTER-test", nil, 32)
		b, err2 := ss.Export("EXPORTER-test", nil, 32)
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			return "the two sides have different keys"
		}
	}
	return ""
}

// outcome returns how it ended.
func (r *faultRun) outcome() string {
	switch {
	case r.err != nil:
		return "refused"
	case r.c.eof && r.s.eof:
		return "done"
	}
	return "waits"
}
