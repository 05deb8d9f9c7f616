package sealsock_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/certcompress"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// bad panics in each method that an interface of Config has.
type bad struct{ crypto.Signer }

func (bad) Verify(context.Context, *trust.Peer) (*trust.Result, error) { panic("bad") }
func (bad) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error)  { panic("bad") }
func (bad) Write([]byte) (int, error)                                  { panic("bad") }
func (bad) Read([]byte) (int, error)                                   { panic("bad") }
func (bad) Issue(*engine.Session) ([]byte, error)                      { panic("bad") }
func (bad) Redeem([]byte) (*engine.Session, error)                     { panic("bad") }
func (bad) TicketKeys(time.Time) []sealsock.TicketKey                  { panic("bad") }
func (bad) Store([]byte, *engine.Session) error                        { panic("bad") }
func (bad) Load([]byte) (*engine.Session, error)                       { panic("bad") }
func (bad) Forget([]byte)                                              { panic("bad") }
func (bad) Put(string, *engine.Session)                                { panic("bad") }
func (bad) Take(string) *engine.Session                                { panic("bad") }
func (bad) SelectPSK(context.Context, []byte) (*engine.PSK, error)     { panic("bad") }
func (bad) Trace(engine.Trace)                                         { panic("bad") }
func (bad) Padding(int) int                                            { panic("bad") }
func (bad) Now() time.Time                                             { panic("bad") }
func (bad) OnSession(*engine.Session)                                  { panic("bad") }
func (bad) OnHandshake(sealsock.Handshake)                             { panic("bad") }
func (bad) Compress([]byte) ([]byte, error)                            { panic("bad") }
func (bad) Decompress([]byte, int) ([]byte, error)                     { panic("bad") }
func (bad) ForClient(context.Context, *engine.ClientHelloInfo) (*sealsock.Config, error) {
	panic("bad")
}
func (bad) SelectIdentity(context.Context, *engine.CredentialRequest) (*identity.Identity, error) {
	panic("bad")
}

// badSigner is a key that panics when it is to sign.
func badSigner(cfg *sealsock.Config) {
	id := *cfg.Identities[0]
	id.Signer = identity.NewSigner(bad{id.Signer})
	cfg.Identities = []*identity.Identity{&id}
}

// panicking are the callbacks of a Config that an exchange reaches.
var panicking = []struct {
	name   string
	server bool // whose callback it is
	change func(own, other *sealsock.Config)
}{
	{"Trust", true, func(s, _ *sealsock.Config) {
		s.Trust, s.ClientAuth = bad{}, sealsock.RequireClientCert
	}},
	{"ForClient", true, func(s, _ *sealsock.Config) { s.ForClient = bad{}.ForClient }},
	{"FindPSK", true, func(s, c *sealsock.Config) {
		s.FindPSK = bad{}.SelectPSK
		c.PSKs = []*engine.PSK{engine.NewPSK([]byte("i"), []byte("thirty-two random bytes, really."))}
	}},
	{"SelectIdentity", true, func(s, _ *sealsock.Config) { s.SelectIdentity = bad{}.SelectIdentity }},
	{"Identities", true, func(s, _ *sealsock.Config) { badSigner(s) }},
	{"KeyLog", true, func(s, _ *sealsock.Config) { s.KeyLog = bad{} }},
	{"Trace", true, func(s, _ *sealsock.Config) { s.Trace = bad{}.Trace }},
	{"Tickets", true, func(s, _ *sealsock.Config) { s.Tickets = bad{} }},
	{"TicketKeys", true, func(s, _ *sealsock.Config) { s.Tickets = sealsock.SealTickets(bad{}, nil) }},
	{"Padding", true, func(s, _ *sealsock.Config) { s.Padding = bad{}.Padding }},
	{"Now", true, func(s, _ *sealsock.Config) {
		s.Now, s.ClientAuth = bad{}.Now, sealsock.RequireClientCert
	}},
	{"Rand", true, func(s, _ *sealsock.Config) { s.Rand = bad{} }},
	{"SessionIDs", true, func(s, c *sealsock.Config) {
		s.SessionIDs, c.NoTickets, c.MaxVersion = bad{}, true, iana.TLS12
	}},
	{"Compressors", true, func(s, c *sealsock.Config) {
		c.Compressors = certcompress.All()
		s.Compressors = []engine.Compressor{{
			ID: iana.CompressionZlib, Compress: bad{}.Compress, Decompress: bad{}.Decompress,
		}}
	}},
	{"OnHandshake", true, func(s, _ *sealsock.Config) { s.OnHandshake = bad{}.OnHandshake }},
	{"OnHandshake", false, func(c, _ *sealsock.Config) { c.OnHandshake = bad{}.OnHandshake }},
	{"Trust", false, func(c, _ *sealsock.Config) { c.Trust = bad{} }},
	{"SelectIdentity", false, func(c, s *sealsock.Config) {
		s.ClientAuth, c.SelectIdentity = sealsock.RequireClientCert, bad{}.SelectIdentity
	}},
	{"Identities", false, func(c, s *sealsock.Config) {
		s.ClientAuth = sealsock.RequireClientCert
		badSigner(c)
	}},
	{"SelectPSK", false, func(c, s *sealsock.Config) {
		c.SelectPSK, c.MaxVersion = bad{}.SelectPSK, iana.TLS12
		s.FindPSK, s.Identities = bad{}.SelectPSK, nil
	}},
	{"Sessions.Take", false, func(c, _ *sealsock.Config) { c.Sessions = bad{} }},
	{"OnSession", false, func(c, _ *sealsock.Config) { c.OnSession = bad{}.OnSession }},
	{"Trace", false, func(c, _ *sealsock.Config) { c.Trace = bad{}.Trace }},
	{"KeyLog", false, func(c, _ *sealsock.Config) { c.KeyLog = bad{} }},
	{"Padding", false, func(c, _ *sealsock.Config) { c.Padding = bad{}.Padding }},
	{"Decompress", false, func(c, s *sealsock.Config) {
		s.Compressors = []engine.Compressor{certcompress.Zlib()}
		c.Compressors = []engine.Compressor{{
			ID: iana.CompressionZlib, Compress: bad{}.Compress, Decompress: bad{}.Decompress,
		}}
	}},
}

// TestCallbackPanics: a panic in any callback ends that connection, with an error
// that has the stack and an alert for the peer, and neither the process nor the
// Listener.
func TestCallbackPanics(t *testing.T) {
	for _, test := range panicking {
		side := map[bool]string{true: "server", false: "client"}[test.server]
		t.Run(side+"/"+test.name, func(t *testing.T) {
			cc, sc := newConfigs(t)
			own, other := cc, sc
			if test.server {
				own, other = sc, cc
			}
			test.change(own, other)
			client, server := meet(t, cc, sc)
			mine, peers := client, server
			if test.server {
				mine, peers = server, client
			}
			var caught *sealsock.PanicError
			if !errors.As(mine, &caught) || !strings.Contains(caught.Stack, "panic_test.go") {
				t.Errorf("this side: %v", mine)
			}
			if test.name == "Sessions.Take" || test.name == "Padding" && test.server {
				// The one comes before there is a connection. After the other the
				// records in front of the alert are lost, and it cannot be read.
				return
			}
			var e *engine.Error
			if !errors.As(peers, &e) || e.Fault != engine.FaultAlert || e.Alert != iana.AlertInternalError {
				t.Errorf("the peer: %v", peers)
			}
		})
	}
}

// meet runs a Listener, connects to it once, and sends a byte each way.
func meet(t *testing.T, cc, sc *sealsock.Config) (client, server error) {
	t.Helper()
	served := make(chan error, 1)
	sc.OnHandshakeError = func(_ net.Addr, err error) { served <- err }
	l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", sc)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.AcceptConn(t.Context())
		if err != nil {
			return
		}
		defer c.Close()
		served <- echoOne(c)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := sealsock.Dial(ctx, l.Addr().String(), cc)
	if err != nil {
		return err, <-served
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte{1}); err != nil {
		return err, <-served
	}
	_, err = io.ReadFull(c, make([]byte, 2))
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	c.Close()
	return err, <-served
}

// echoOne reads a byte, writes two and reads until the end.
func echoOne(c net.Conn) error {
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		return err
	}
	if _, err := c.Write([]byte{1, 2}); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c)
	return err
}

// TestListenRefusesNil: an entry that would make each connection panic is found when
// the Listener is made.
func TestListenRefusesNil(t *testing.T) {
	for name, change := range map[string]func(*sealsock.Config){
		"Identities[1]":  func(c *sealsock.Config) { c.Identities = append(c.Identities, nil) },
		"Identities[0]":  func(c *sealsock.Config) { c.Identities = []*identity.Identity{{}} },
		"PSKs[0]":        func(c *sealsock.Config) { c.PSKs = []*engine.PSK{nil} },
		"ECHKeys[0]":     func(c *sealsock.Config) { c.ECHKeys = []*engine.ECHKey{nil} },
		"Compressors[0]": func(c *sealsock.Config) { c.Compressors = make([]engine.Compressor, 1) },
	} {
		_, sc := newConfigs(t)
		change(sc)
		l, err := sealsock.Listen(t.Context(), "127.0.0.1:0", sc)
		var e *engine.Error
		if !errors.As(err, &e) || e.Fault != engine.FaultUsage ||
			!strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			l.Close()
		}
	}
}

// TestStandardContext: what GetCertificate and GetClientCertificate receive has the
// connection and the context of the handshake.
func TestStandardContext(t *testing.T) {
	cc, sc := newConfigs(t)
	cert := tls.Certificate{Certificate: sc.Identities[0].Chain, PrivateKey: sc.Identities[0].Signer}
	type key struct{}
	check := func(who string, ctx context.Context) {
		if ctx == nil || ctx.Value(key{}) != "handshake" {
			t.Errorf("%s: the context is not the handshake's", who)
		}
	}
	a, b := socketPair(t, "tcp")
	server, err := sealsock.FromStandard(&tls.Config{
		ClientAuth: tls.RequireAnyClientCert,
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			check("GetCertificate", h.Context())
			if h.Conn == nil || h.Conn.RemoteAddr() != b.RemoteAddr() {
				t.Errorf("the connection is %v", h.Conn)
			}
			return &cert, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := sealsock.FromStandard(&tls.Config{
		InsecureSkipVerify: true,
		GetClientCertificate: func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			check("GetClientCertificate", i.Context())
			return &cert, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	client.ServerName = cc.ServerName
	c, err := sealsock.Client(a, client)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealsock.Server(b, server)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), key{}, "handshake")
	done := make(chan error, 1)
	go func() { done <- s.HandshakeContext(ctx) }()
	if err := errors.Join(c.HandshakeContext(ctx), <-done); err != nil {
		t.Error(err)
	}
}
