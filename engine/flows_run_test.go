package engine

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/sealsock/sealsock/iana"
)

// A line is the connection of a conversation: a live peer, or a recording of one.
type line interface {
	// peer returns which program it is, and its version.
	peer() string
	// connect begins another connection.
	connect() error
	read() ([]byte, error)
	write(b []byte) error
	// tell has the peer send s, as if a user had typed it; finish has it end.
	tell(s string) error
	finish() error
}

// A conversation is the state of a flow that runs, and its text so far.
type conversation struct {
	t        *testing.T
	flow     *flow
	line     line
	text     strings.Builder
	r        *Receiver
	s        *Sender
	in, data []byte
	sessions []*Session
	number   int // of the connection
}

const flowLegend = `# "!" is what this side does, ">" what it sends, "<" what the peer sends, in hexadecimal; "#" names the messages in it, which are
# mostly encrypted, and "=" is what came of it. Recorded by: go test ./engine -run TestFlows -update
`

// converse goes through a flow and returns its text.
func converse(t *testing.T, f *flow, l line) string {
	c := &conversation{t: t, flow: f, line: l}
	fmt.Fprintf(&c.text, "# %s: %s.\n# The peer is %s.\n%s", role(f.client), f.title, l.peer(), flowLegend)
	cryptotest.SetGlobalRandom(t, f.seed())
	var seed [32]byte
	copy(seed[:], f.name)
	random := rand.NewChaCha8(seed)
	c.begin(random)
	for _, act := range f.acts {
		fmt.Fprintf(&c.text, "\n! %s\n", act)
		err := c.do(act, random)
		if err != nil {
			if r, ok := l.(*replay); ok {
				compareTexts(t, c.text.String(), r.whole)
			}
			t.Fatalf("%s: %v\n%s", act, err, c.text.String())
		}
	}
	c.finish()
	return c.text.String()
}

// begin starts a connection.
func (c *conversation) begin(random io.Reader) {
	cfg := &config{
		Verifier: &acceptKeys{}, Rand: random, Trace: c.trace,
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	}
	if c.flow.client {
		cfg.ServerName = "example.com"
		if len(c.sessions) > 0 {
			cfg.Session = c.sessions[0]
		}
	} else {
		cfg.Credentials = []*Credential{ownP256()}
	}
	if c.flow.config != nil {
		c.flow.config(cfg, c.number)
	}
	var err error
	if c.flow.client {
		c.r, c.s, err = startClient(cfg)
	} else {
		c.r, c.s, err = startServer(cfg)
	}
	if err == nil {
		err = c.line.connect()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.in, c.data = nil, nil
}

// do does what this side has to do next.
func (c *conversation) do(act string, random io.Reader) error {
	verb, object, _ := strings.Cut(act, " ")
	switch verb {
	case "handshake":
		return c.until(func(e Event) bool { return e.Kind == EventHandshakeDone })
	case "early": // 0-RTT data, on a client
		_, ev, err := c.r.Receive(nil)
		if err == nil {
			err = c.send(c.s.Apply(nil, ev.Reply))
		}
		if err != nil {
			return err
		}
		return c.send(c.s.Seal(nil, []byte(object+"\n")))
	case "say":
		return c.send(c.s.Seal(nil, []byte(object+"\n")))
	case "hear":
		return c.hear(object)
	case "tell":
		return c.line.tell(object)
	case "rekey":
		return c.send(c.s.Rekey(nil, true))
	case "ask":
		out, q, err := c.s.RequestCertificate(nil)
		if err == nil {
			err = c.r.Expect(q)
		}
		return c.send(out, err)
	case "proved":
		return c.until(func(e Event) bool { return e.Kind == EventClientAuth })
	case "session":
		return c.until(func(Event) bool { return len(c.sessions) > 0 })
	case "close":
		return c.send(c.s.CloseNotify(nil))
	case "end":
		if err := c.line.finish(); err != nil {
			return err
		}
		return c.until(func(e Event) bool { return e.Kind == EventClosed })
	case "again":
		c.finish()
		c.number++
		c.begin(random)
		return nil
	}
	return fmt.Errorf("no act %q", verb)
}

// hear has the peer send a line and waits for it, or waits for one that it echoes.
func (c *conversation) hear(what string) error {
	if err := c.line.tell(what); err != nil {
		return err
	}
	if !strings.Contains(c.flow.peer, "gnutls") || !c.flow.client {
		return c.until(func(Event) bool { return bytes.HasSuffix(c.data, []byte(what+"\n")) })
	}
	return c.until(func(Event) bool { return bytes.HasSuffix(c.data, []byte("\n")) })
}

// until processes what is received until it is enough.
func (c *conversation) until(enough func(Event) bool) error {
	var ev Event
	for !enough(ev) {
		n, next, err := c.r.Receive(c.in)
		out, aerr := c.s.Apply(nil, next.Reply)
		if err := errors.Join(err, aerr); err != nil {
			return errors.Join(err, c.send(out, nil))
		}
		ev, c.in = next, c.in[n:]
		c.event(ev)
		if len(out) > 0 {
			if err := c.send(out, nil); err != nil {
				return err
			}
		}
		if ev.Kind != EventWantRead || enough(ev) {
			continue
		}
		b, err := c.line.read()
		if err != nil {
			return err
		}
		c.block("<", b)
		c.in = append(c.in, b...)
	}
	return nil
}

// event writes the result of a step.
func (c *conversation) event(ev Event) {
	switch ev.Kind {
	case EventData:
		c.data = append(c.data, ev.Data...)
		fmt.Fprintf(&c.text, "= %sdata %q\n", map[bool]string{true: "early "}[ev.Early], ev.Data)
	case EventHandshakeDone:
		fmt.Fprintln(&c.text, "= the handshake is done")
	case EventSession:
		c.sessions = append(c.sessions, ev.Session)
		fmt.Fprintf(&c.text, "= a session: %v, %d bytes of 0-RTT data\n", ev.Session, ev.Session.MaxEarlyData)
	case EventEarlyAccepted, EventEarlyRejected:
		fmt.Fprintf(&c.text, "= early data accepted: %v\n", ev.Kind == EventEarlyAccepted)
	case EventEarlyDone:
		fmt.Fprintln(&c.text, "= early data has ended")
	case EventClientAuth:
		state := c.r.State()
		fmt.Fprintf(&c.text, "= the client has proved itself with %d certificates, declined: %v\n", len(state.PeerChain), ev.Declined)
	case EventClosed:
		fmt.Fprintln(&c.text, "= the peer has closed")
	}
}

// finish writes down how a connection stands at its end. The exporter shows that
// all secrets are what they were.
func (c *conversation) finish() {
	s := c.r.State()
	export, err := s.Export("EXPORTER-flow", []byte("context"), 16)
	if err != nil {
		c.t.Fatal(err)
	}
	fmt.Fprintf(&c.text, "= %v, %v, group %v, signed with %v by the peer, %v by this side\n", s.Version, s.CipherSuite, s.Group, s.PeerScheme, s.OwnScheme)
	fmt.Fprintf(&c.text, "= ALPN %q, name %q, PSK %q, %d certificates and a raw key of %d bytes\n", s.ALPN, s.ServerName, s.PSKIdentity, len(s.PeerChain), len(s.PeerRawKey))
	fmt.Fprintf(&c.text, "= retried %v, resumed %v, early data %v, extended master secret %v\n", s.Retried, s.Resumed, s.EarlyData, s.ExtendedMasterSecret)
	fmt.Fprintf(&c.text, "= exporter %x\n", export)
}

func (c *conversation) send(out []byte, err error) error {
	if err != nil {
		return err
	}
	c.block(">", out)
	return c.line.write(out)
}

// block writes down bytes.
func (c *conversation) block(mark string, b []byte) {
	fmt.Fprintf(&c.text, "%s %d bytes\n", mark, len(b))
	for len(b) > 0 {
		n := min(len(b), 48)
		fmt.Fprintf(&c.text, "  %x\n", b[:n])
		b = b[n:]
	}
}

func (c *conversation) trace(tr Trace) {
	way := map[bool]string{true: "sent", false: "received"}[tr.Sent]
	switch tr.Type {
	case iana.ContentHandshake:
		fmt.Fprintf(&c.text, "# %s %v\n", way, iana.HandshakeType(tr.Data[0]))
	case iana.ContentAlert:
		fmt.Fprintf(&c.text, "# %s alert %v\n", way, iana.Alert(tr.Data[1]))
	}
}

// A replay is a peer that is read from a file.
type replay struct {
	whole, who string
	blocks     [][]byte
}

func newReplay(text string) (*replay, error) {
	r := &replay{whole: text}
	reading := false
	for _, l := range strings.Split(text, "\n") {
		if who, ok := strings.CutPrefix(l, "# The peer is "); ok {
			r.who = strings.TrimSuffix(who, ".")
		}
		if digits, ok := strings.CutPrefix(l, "  "); ok && reading {
			b, err := hex.DecodeString(digits)
			if err != nil {
				return nil, err
			}
			last := &r.blocks[len(r.blocks)-1]
			*last = append(*last, b...)
		} else if reading = strings.HasPrefix(l, "< "); reading {
			r.blocks = append(r.blocks, nil)
		}
	}
	return r, nil
}

func (r *replay) peer() string        { return r.who }
func (r *replay) connect() error      { return nil }
func (r *replay) write([]byte) error  { return nil } // the text is compared
func (r *replay) tell(_ string) error { return nil }
func (r *replay) finish() error       { return nil }

func (r *replay) read() ([]byte, error) {
	if len(r.blocks) == 0 {
		return nil, errors.New("this side waits for more than the peer said")
	}
	b := r.blocks[0]
	r.blocks = r.blocks[1:]
	return b, nil
}

// steady signs the same each time: ECDSA without randomness, as in RFC 6979, and
// RSA-PSS with a fixed salt.
type steady struct{ crypto.Signer }

func (s steady) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if _, ok := s.Signer.(*rsa.PrivateKey); ok {
		return s.Signer.Sign(zeros{}, digest, opts)
	}
	return s.Signer.Sign(nil, digest, opts)
}

var flowPSK = NewPSK([]byte("device"), []byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"))

// ownP256, ownEd25519 and ownRSA are this side's identities: the same each time.
func ownP256() *Credential {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{1}, 32))
	return own(key, err)
}

func ownEd25519() *Credential {
	return own(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), nil)
}

func ownRSA() *Credential {
	data, err := os.ReadFile(filepath.Join("testdata", "rsa.key"))
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return own(key.(*rsa.PrivateKey), nil)
}

func own(key crypto.Signer, err error) *Credential {
	if err != nil {
		panic(err)
	}
	der, err := selfSigned(steady{key})
	if err != nil {
		panic(err)
	}
	return &Credential{Chain: [][]byte{der}, Signer: NewSigner(steady{key})}
}

func rawP256() *Credential {
	c := ownP256()
	spki, err := x509.MarshalPKIXPublicKey(c.Signer.Public())
	if err != nil {
		panic(err)
	}
	c.RawPublicKey = spki
	return c
}
