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

// A Config holds the settings of a connection: which peers to accept, this side's
// certificates, and what to negotiate. Its zero value is safe. It must not be changed
// after its first use. Any number of connections may use it at once.
type Config struct {
	// Trust verifies the peer's certificate. Nil means the zero
	// *trust.Policy: the authorities of the system, and the name dialled.
	Trust Verifier
	// ServerName is the name a client asks for and the server must prove, a
	// DNS name or an IP address. Empty means the host that was dialled.
	ServerName string

	// Identities are this side's certificates, in order of preference. A server
	// needs one; a client uses one if the server asks for it. A list is
	// prepared once for all connections, so an Identity in it must not be
	// changed.
	Identities []*identity.Identity
	// SelectIdentity, if set, is called instead of using Identities. It may block
	// until ctx ends. On a client it may return nil for no certificate.
	SelectIdentity func(context.Context, *engine.CredentialRequest) (*identity.Identity, error)
	// ClientAuth is whether a server asks for a client certificate.
	ClientAuth ClientAuth
	// ClientAuthorities are the names, in DER, of the authorities that a server
	// sends as trusted. They help clients choose a certificate; empty sends none.
	ClientAuthorities [][]byte

	// ALPN lists application protocols, in order of preference. With none in
	// common the handshake ends. RFC 7301.
	ALPN []string
	// MinVersion and MaxVersion bound the version; zero is this package's own bound.
	MinVersion, MaxVersion iana.Version
	// CipherSuites, Groups and SignatureSchemes list what is allowed, in order
	// of preference; nil means the defaults.
	CipherSuites     []iana.CipherSuite
	Groups           []iana.NamedGroup
	SignatureSchemes []iana.SignatureScheme
	// NoCompatibilityMode disables middlebox compatibility mode
	// (RFC 9846, Appendix D.4).
	NoCompatibilityMode bool

	// ForClient, if set on a server, is called with each ClientHello. It returns
	// another Config, nil to use this one, or an error, which may choose the
	// alert by a method Alert() iana.Alert. It may block until ctx ends.
	ForClient func(context.Context, *engine.ClientHelloInfo) (*Config, error)

	// Sessions, if set on a client, caches sessions for resumption. Session,
	// if set, is the session to resume instead of one from the cache.
	Sessions SessionCache
	Session  *engine.Session
	// OnSession, if set on a client, is called with each session that the server
	// offers. It must not block.
	OnSession func(*engine.Session)
	// Tickets, if set on a server, lets clients resume sessions: SealTickets and
	// KeepTickets return one. A Listener makes its own unless NumTickets is
	// negative. NumTickets is how many are sent after a handshake, 0 for the
	// default of 2; TicketLifetime is how long they are valid, 0 for a day, at
	// most seven.
	Tickets        engine.Tickets
	NumTickets     int
	TicketLifetime time.Duration
	// ResumptionLimit is how long after a peer proved itself its sessions may be
	// resumed, on both sides: 0 for seven days, which is the most.
	ResumptionLimit time.Duration
	// SessionIDs, if set on a server, lets clients of TLS 1.2 without tickets
	// resume sessions: KeepSessionIDs returns one. NoTickets makes a client of
	// TLS 1.2 use session IDs instead of tickets.
	SessionIDs engine.SessionIDs
	NoTickets  bool

	// PSKs are the pre-shared keys that a client offers, and FindPSK returns the
	// server's key for an identity, or nil. A peer that has the key is trusted:
	// no certificate is sent. FindPSK is called again when a session that began
	// with the key is resumed. PSKOnly makes a client refuse a server that
	// authenticates with a certificate instead.
	PSKs    []*engine.PSK
	FindPSK func(ctx context.Context, identity []byte) (*engine.PSK, error)
	PSKOnly bool
	// SelectPSK, if set, chooses a client's key for TLS 1.2 by the hint that
	// the server gave, empty for none, in place of PSKs; nil refuses. It may
	// block until ctx ends. PSKHint is the hint that a server gives.
	SelectPSK func(ctx context.Context, hint []byte) (*engine.PSK, error)
	PSKHint   []byte
	// PSKWithoutDHE also allows pre-shared keys without a key exchange, which
	// gives up forward secrecy.
	PSKWithoutDHE bool

	// EarlyData lets a client use Conn.WriteEarly. MaxEarlyData is how many
	// bytes of it a server accepts, 0 for none; it needs AntiReplay. A Listener
	// makes its own if there is none. If it makes its own tickets too, it accepts
	// early data at once; otherwise not before half a minute has passed. See
	// Conn.WriteEarly for the risks of early data.
	EarlyData    bool
	MaxEarlyData uint32
	AntiReplay   engine.AntiReplay
	// EarlyRefused, if set on a client, decides what is sent in place of 0-RTT data
	// that the server has refused, now that alpn is the application protocol: data
	// itself, something else, or nil. It must not block. Without it the data is sent
	// again, unless the protocol is another one than it was sent for: then the
	// connection ends with an error. RFC 9846, Section 4.2.10.
	EarlyRefused func(data []byte, alpn string) []byte

	// PostHandshakeAuth lets a client be asked for its certificate later, and
	// Conn.RequestClientCertificate asks.
	PostHandshakeAuth bool

	// AcceptRawKeys accepts a raw public key from the peer in place of a
	// certificate (RFC 7250): Trust must have pins or known peers for it.
	// OnlyRawKeys accepts nothing else. An identity with RawPublicKey shows
	// its key to peers that accept it.
	AcceptRawKeys, OnlyRawKeys bool
	// Compressors let certificates be compressed (RFC 8879): see package
	// certcompress.
	Compressors []engine.Compressor
	// DelegatedSchemes lists the signature schemes that a client accepts in
	// delegated credentials (RFC 9345); nil accepts none.
	DelegatedSchemes []iana.SignatureScheme

	// ECHConfigs, if not nil, is the ECHConfigList of a client's server, as it
	// stands in its DNS record or as package ech reads it: the ClientHello is
	// encrypted, and with it the server's name (RFC 9849). If the server has
	// another configuration by now, Dial tries again with that one, once;
	// other than that a server that does not take it is an error, an
	// *engine.ECHRejectedError. ECHGREASE makes a client without ECHConfigs
	// send a GREASE extension in place of it.
	ECHConfigs []byte
	ECHGREASE  bool
	// ECHKeys are a server's keys for Encrypted ClientHello: see package ech.
	// ForClient receives the decrypted ClientHello. ECHBackend means that another
	// server decrypts for this one.
	ECHKeys    []*engine.ECHKey
	ECHBackend bool

	// RequireExtendedMasterSecret refuses peers of TLS 1.2 without RFC 7627.
	// Others are accepted, but their connections cannot be resumed, and have
	// neither exporters nor tls-unique.
	RequireExtendedMasterSecret bool

	// RecordSizeLimit is the largest record to receive, in bytes of data, 64
	// to 16384 (RFC 8449); 0 is no limit of this side's own.
	RecordSizeLimit int
	// MaxFragmentLength is what a client asks for with the older extension of
	// RFC 6066: 512, 1024, 2048 or 4096 bytes.
	MaxFragmentLength int
	// Padding, if set, returns how much padding to add to a record of n bytes.
	Padding func(n int) int
	// DynamicRecords starts with records that fit a packet and switches to
	// large ones when data keeps flowing.
	DynamicRecords bool

	// Trace, if set, is called with each message and alert in the clear.
	Trace func(engine.Trace)

	// MaxRecordsPerKey bounds how many records one key protects before it is
	// replaced; 0 means the suite's own limit.
	MaxRecordsPerKey uint64

	// HandshakeTimeout bounds Dial's handshake and each of a Listener's; 0
	// means 10 seconds, a negative value no bound.
	HandshakeTimeout time.Duration
	// MaxHandshakes bounds the connections of a Listener that Accept has not
	// returned yet, and MaxHandshakesPerAddress the handshakes under way for
	// one address: an IPv4 address, or an IPv6 network of 64 bits. When one
	// more would exceed a bound, the oldest handshake within it ends. 0 means
	// 8192, and 1024 for each address; a negative value means no bound.
	MaxHandshakes, MaxHandshakesPerAddress int
	// OnHandshakeError, if set, is called for each connection that a Listener
	// refused. The listener continues in any case.
	OnHandshakeError func(peer net.Addr, err error)

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Rand is the source of randomness; nil means crypto/rand.
	Rand io.Reader
	// KeyLog, if set, receives each connection's secrets as NSS key log lines
	// (RFC 9850), for debugging: anyone who has them can decrypt the connections.
	KeyLog io.Writer
}

// A Verifier decides whether to accept a peer. *trust.Policy is one.
type Verifier interface {
	Verify(context.Context, *trust.Peer) (*trust.Result, error)
}

// ClientAuth is whether a server asks for a client certificate.
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

// check returns an error for an entry of c that would make a connection panic.
func (c *Config) check() error {
	for i, id := range c.Identities {
		if id == nil || len(id.Chain) == 0 || id.Signer == nil {
			return misconfigured("Identities", i, "has no certificate or no key")
		}
	}
	for i, k := range c.PSKs {
		if k == nil {
			return misconfigured("PSKs", i, "is nil")
		}
	}
	for i, k := range c.ECHKeys {
		if k == nil {
			return misconfigured("ECHKeys", i, "is nil")
		}
	}
	for i, p := range c.Compressors {
		if p.Compress == nil || p.Decompress == nil {
			return misconfigured("Compressors", i, "has not both functions")
		}
	}
	return nil
}

// misconfigured is the error for an entry of a list in a Config.
func misconfigured(field string, i int, what string) error {
	return &engine.Error{
		Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
		Reason: fmt.Sprintf("Config.%s[%d] %s", field, i, what),
	}
}

// engineConfig returns the engine's configuration for conn.
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
		PSKWithoutDHE:       c.PSKWithoutDHE,
		MaxRecordsPerKey:    c.MaxRecordsPerKey,
		ResumptionLimit:     c.ResumptionLimit,
		AcceptRawKeys:       c.AcceptRawKeys,
		OnlyRawKeys:         c.OnlyRawKeys,
		Compressors:         c.Compressors,
		RecordSizeLimit:     c.RecordSizeLimit,
		Padding:             c.Padding,
		DynamicRecords:      c.DynamicRecords,

		RequireExtendedMasterSecret: c.RequireExtendedMasterSecret,
	}
	if server {
		c.serverConfig(e)
	} else {
		c.clientConfig(e, conn)
	}
	if c.SelectIdentity != nil {
		e.SelectCredential = func(*engine.CredentialRequest) (*engine.Credential, error) { return nil, engine.ErrPending }
	}
	if own := credentialsOf(c.Identities); len(own.list) > 0 {
		e.Credentials = own.list
		if e.SelectCredential == nil && len(own.list) >= manyIdentities && !own.raw {
			e.SelectCredential = func(r *engine.CredentialRequest) (*engine.Credential, error) {
				return own.choose(r), nil
			}
		}
	}
	if c.Trace != nil {
		e.Trace = func(t engine.Trace) { conn.trace(c.Trace, t) }
	}
	if c.KeyLog != nil {
		e.KeyLog = c.logKey
	}
	return e
}

func (c *Config) serverConfig(e *engine.Config) {
	e.ClientAuth, e.ClientAuthorities = c.ClientAuth, c.ClientAuthorities
	e.Tickets, e.NumTickets, e.TicketLifetime = c.Tickets, c.NumTickets, c.TicketLifetime
	e.SessionIDs, e.PSKHint = c.SessionIDs, c.PSKHint
	e.MaxEarlyData, e.AntiReplay = c.MaxEarlyData, c.AntiReplay
	e.ECHKeys, e.ECHBackend = c.ECHKeys, c.ECHBackend
	if c.ForClient != nil {
		e.ForClient = func(*engine.ClientHelloInfo) (*engine.Config, error) { return nil, engine.ErrPending }
	}
	if c.FindPSK != nil {
		e.FindPSK = func([]byte) (*engine.PSK, error) { return nil, engine.ErrPending }
	}
}

func (c *Config) clientConfig(e *engine.Config, conn *Conn) {
	e.ServerName = sniName(c.ServerName)
	e.ECHConfigs, e.ECHGREASE = c.ECHConfigs, c.ECHGREASE
	e.DelegatedSchemes, e.MaxFragmentLength = c.DelegatedSchemes, c.MaxFragmentLength
	e.PSKs, e.EarlyData, e.PostHandshakeAuth = c.PSKs, c.EarlyData, c.PostHandshakeAuth
	e.NoTickets = c.NoTickets
	if c.SelectPSK != nil {
		e.SelectPSK = func([]byte) (*engine.PSK, error) { return nil, engine.ErrPending }
	}
	if c.PSKOnly {
		e.Verifier = nil
	}
	e.Session = c.Session
	if e.Session == nil && c.Sessions != nil && c.ServerName != "" {
		e.Session = c.Sessions.Take(conn.sessionKey())
	}
}

// manyIdentities is the number of identities from which they are looked up by name.
const manyIdentities = 16

// credential makes the engine's view of an identity.
func credential(id *identity.Identity) *engine.Credential {
	if id == nil {
		return nil
	}
	cred := &engine.Credential{
		Chain: id.Chain, Signer: id.Signer, OCSPStaple: id.OCSPStaple, SCTs: id.SCTs,
		Matches: func(name string) bool { return matches(id.Leaf, name) },
	}
	if id.RawPublicKey && id.Leaf != nil {
		cred.RawPublicKey = id.Leaf.RawSubjectPublicKeyInfo
	}
	return cred
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
		return "" // verification refuses the name with a clearer error
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
