package sealsock

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// Config says whom to accept, who this side is, and what to negotiate. Its zero
// value is safe. It must not be changed after its first use and may serve any
// number of connections at once.
type Config struct {
	// Trust decides about the peer's certificate. Nil means the zero
	// *trust.Policy: the authorities of the system, and the name dialled.
	Trust Verifier
	// ServerName is the name a client asks for and the server must prove, a
	// DNS name or an IP address. Empty means the host that was dialled.
	ServerName string

	// Identities are this side's certificates, most wanted first. A server
	// needs one; a client may have one in case it is asked.
	Identities []*identity.Identity
	// SelectIdentity, if set, is asked instead of Identities. It may block
	// until ctx ends. A client may answer nil for none.
	SelectIdentity func(context.Context, *engine.CredentialRequest) (*identity.Identity, error)
	// ClientAuth says whether a server asks for a client certificate.
	ClientAuth ClientAuth
	// ClientAuthorities are the names, in DER, that a server says it trusts.
	// They help clients choose; empty leaves them the choice.
	ClientAuthorities [][]byte

	// ALPN lists application protocols, most wanted first. With none in
	// common the handshake ends. RFC 7301.
	ALPN []string
	// MinVersion and MaxVersion bound the version; zero is this package's own bound.
	MinVersion, MaxVersion iana.Version
	// CipherSuites, Groups and SignatureSchemes list what is allowed, most
	// wanted first; nil means the defaults.
	CipherSuites     []iana.CipherSuite
	Groups           []iana.NamedGroup
	SignatureSchemes []iana.SignatureScheme
	// NoCompatibilityMode turns off the disguise for middleboxes
	// (RFC 9846, Appendix D.4).
	NoCompatibilityMode bool

	// HandshakeTimeout bounds Dial's handshake and each of a Listener's; 0
	// means 10 seconds, a negative value no bound.
	HandshakeTimeout time.Duration
	// OnHandshakeError, if set, hears of each connection that a Listener
	// refused. Nil is silence: the listener goes on.
	OnHandshakeError func(peer net.Addr, err error)

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand is the source of randomness; nil means crypto/rand.
	Rand io.Reader
	// KeyLog, if set, receives each connection's secrets as NSS key log lines
	// (RFC 9850), for debugging: whoever reads them can read the connections.
	KeyLog io.Writer
}

// A Verifier decides whether to accept a peer. *trust.Policy is one.
type Verifier interface {
	Verify(context.Context, *trust.Peer) (*trust.Result, error)
}

// ClientAuth says whether a server asks for a client certificate.
type ClientAuth = engine.ClientAuth

// The ways to treat client certificates.
const (
	NoClientCert      = engine.NoClientCert
	RequestClientCert = engine.RequestClientCert
	RequireClientCert = engine.RequireClientCert
)

const defaultHandshakeTimeout = 10 * time.Second

func (c *Config) handshakeTimeout() time.Duration {
	if c.HandshakeTimeout == 0 {
		return defaultHandshakeTimeout
	}
	return c.HandshakeTimeout
}

// withTimeout bounds ctx by the handshake timeout.
func (c *Config) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.HandshakeTimeout < 0 {
		return context.WithCancel(ctx)
	}
	limit := c.handshakeTimeout()
	return context.WithTimeoutCause(ctx, limit, &engine.Error{
		Fault: engine.FaultTransport, Reason: fmt.Sprintf("the handshake was not done within %v", limit), Err: context.DeadlineExceeded,
		Hint: "the peer is slow, stopped half-way, or does not speak TLS",
	})
}

func (c *Config) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// engineConfig makes what the engine wants of what the user wants.
func (c *Config) engineConfig(server bool, conn *Conn) *engine.Config {
	e := &engine.Config{
		Now:                 c.now,
		Rand:                c.Rand,
		MinVersion:          c.MinVersion,
		MaxVersion:          c.MaxVersion,
		CipherSuites:        c.CipherSuites,
		Groups:              c.Groups,
		SignatureSchemes:    c.SignatureSchemes,
		ALPN:                c.ALPN,
		NoCompatibilityMode: c.NoCompatibilityMode,
		Verifier:            conn,
	}
	if server {
		e.ClientAuth, e.ClientAuthorities = c.ClientAuth, c.ClientAuthorities
	} else {
		e.ServerName = sniName(c.ServerName)
	}
	if c.SelectIdentity != nil {
		e.SelectCredential = func(*engine.CredentialRequest) (*engine.Credential, error) { return nil, engine.ErrPending }
	}
	for _, id := range c.Identities {
		e.Credentials = append(e.Credentials, credential(id))
	}
	if c.KeyLog != nil {
		e.KeyLog = c.logKey
	}
	return e
}

// credential makes the engine's view of an identity.
func credential(id *identity.Identity) *engine.Credential {
	if id == nil {
		return nil
	}
	return &engine.Credential{
		Chain: id.Chain, Signer: id.Signer, OCSPStaple: id.OCSPStaple, SCTs: id.SCTs,
		Matches: func(name string) bool { return matches(id.Leaf, name) },
	}
}

func matches(leaf *x509.Certificate, name string) bool {
	return leaf != nil && trust.MatchName(leaf, name) == nil
}

// sniName returns what a client may send as server name: not an IP address, and
// no trailing dot. RFC 6066, Section 3.
func sniName(name string) string {
	name = strings.TrimSuffix(name, ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ""
	}
	ascii, err := trust.ASCIIName(name)
	if err != nil {
		return "" // verification will refuse the name with a better word
	}
	return ascii
}

// keyLogMutex keeps the lines of connections that share a writer whole.
var keyLogMutex sync.Mutex

func (c *Config) logKey(label string, random, secret []byte) {
	keyLogMutex.Lock()
	defer keyLogMutex.Unlock()
	fmt.Fprintf(c.KeyLog, "%s %x %x\n", label, random, secret)
}
