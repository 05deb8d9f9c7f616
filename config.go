package sealsock

import (
	"cmp"
	"context"
	"crypto"
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
// certificates, and, in the embedded engine.Options, what to negotiate. A literal sets
// both alike:
//
//	cfg := &sealsock.Config{ServerName: "example.com", ALPN: []string{"h2"}}
//
// Its zero value is safe. It must not be changed after its first use. Any number of
// connections may use it at once.
type Config struct {
	// Trust verifies the peer's certificate, or its raw public key with
	// AcceptRawKeys, for which it must have pins or known peers. Nil means the zero
	// *trust.Policy: the authorities of the system, and the name dialled.
	Trust Verifier
	// VerifyConnection, if set, is called at the end of each handshake, also of one that
	// resumes a session and of one without certificates, before Read and Write exchange
	// data; WriteEarly and ReadEarly exchange theirs before. Of its argument it may call State,
	// Peer, ConnectionState and Export; for a connection of an Engine nothing else of it can
	// be used. An error ends the connection, with the alert bad_certificate unless it has a
	// method Alert() iana.Alert.
	VerifyConnection func(*Conn) error
	// ServerName is the name a client asks for and the server must prove, a
	// DNS name or an IP address. Empty means the host that was dialled.
	ServerName string

	// Identities are this side's certificates, in order of preference. A server
	// needs one; a client uses one if the server asks for it. An identity with
	// RawPublicKey shows its key to peers that accept it. A list is prepared once
	// for all connections, so an Identity in it must not be changed.
	Identities []*identity.Identity
	// SelectIdentity, if set, is called instead of using Identities. It may block
	// until ctx ends. On a client it may return nil for no certificate.
	SelectIdentity func(context.Context, *engine.CredentialRequest) (*identity.Identity, error)
	// Source, if set, selects the identity of each connection in place of Identities:
	// files that are read again when they change (an *identity.Reloader), an authority
	// that is asked for certificates (an *acme.Manager), or a choice among many
	// (identity.Sources). SelectIdentity goes before it.
	Source identity.Selector
	// ForClient, if set on a server, is called with each ClientHello, decrypted if it
	// was encrypted (RFC 9849). It returns another Config, nil to use this one, or an
	// error, which may choose the alert by a method Alert() iana.Alert. It may block
	// until ctx ends. If that Config has no Tickets or AntiReplay, it uses those of this
	// one. With Tickets alone it refuses 0-RTT data for the first half minute of this one.
	ForClient func(context.Context, *engine.ClientHelloInfo) (*Config, error)

	// Sessions, if set on a client, caches sessions for resumption. Session,
	// if set, is the session to resume instead of one from the cache.
	Sessions SessionCache
	Session  *engine.Session
	// OnSession, if set on a client, is called with each session that the server
	// offers. It must not block.
	OnSession func(*engine.Session)
	// EarlyRefused, if set on a client, decides what is sent in place of 0-RTT data
	// that the server has refused, now that alpn is the application protocol: data
	// itself, something else, or nil. It must not block. Without it the data is sent
	// again, unless the protocol is another one than it was sent for: then the
	// connection ends with an error. RFC 9846, Section 4.2.10.
	EarlyRefused func(data []byte, alpn string) []byte

	// FindPSK returns a server's pre-shared key for an identity, or nil: the
	// counterpart of a client's PSKs. A peer that has the key is trusted. FindPSK is
	// called again when a session that began with the key is resumed. It may block
	// until ctx ends.
	FindPSK func(ctx context.Context, identity []byte) (*engine.PSK, error)
	// SelectPSK, if set, chooses a client's key for TLS 1.2 by the hint that
	// the server gave, empty for none, in place of PSKs; nil refuses. It may
	// block until ctx ends.
	SelectPSK func(ctx context.Context, hint []byte) (*engine.PSK, error)
	// PSKOnly makes a client refuse a server that authenticates with a certificate
	// instead.
	PSKOnly bool

	// ECHConfigs, if not nil, is the ECHConfigList of a client's server, as it
	// stands in its DNS record or as package ech reads it: the ClientHello is
	// encrypted, and with it the server's name (RFC 9849). If the server has
	// another configuration by now, Dial tries again with that one, once;
	// other than that a server that does not take it is an error, an
	// *engine.ECHRejectedError.
	ECHConfigs []byte

	// HandshakeTimeout bounds each handshake: that of Dial, each of a Listener's, and that
	// of a Conn of Client or Server from the first call that runs it. 0 means 10
	// seconds, a negative value no bound.
	HandshakeTimeout time.Duration
	// MTU is the size in bytes of the largest datagram that is sent over datagrams, without
	// the headers of UDP and IP: 256 to 65507; 0 means 1200, which nearly every network
	// carries. It bounds the messages of Conn.Write. Streams have no use for it.
	MTU int
	// KernelTLS has the kernel of Linux seal what a Conn over TCP sends, from its first SendFile of
	// a regular file on: the file is not copied through this process then, nor are later ones of
	// SendFile, ReadFrom or io.Copy. It needs the module tls, for TLS 1.3 also Linux 6.14, and
	// AES-GCM, ChaCha20-Poly1305 or TLS_AES_128_CCM_SHA256 and its counterparts of TLS 1.2. Without
	// them, if the peer takes no records of 16 KiB, or in FIPS 140 mode, the file is sealed in this
	// process: Conn.KernelTLS tells. It gives up Padding, which is an error beside it, and, once
	// the kernel seals, Unwrap, Detach and HandOver. Whether it saves time depends on the kernel
	// and the processor: see docs/sockets.md. What is received is decrypted in this process.
	KernelTLS bool
	// AllowTruncation makes Read return io.EOF, in place of an error that is
	// io.ErrUnexpectedEOF, if the connection below ends between two records without
	// close_notify. It is for peers that end so, and for protocols that mark the end
	// of their data: an attacker can cut everything else short.
	AllowTruncation bool
	// MaxHandshakes bounds the connections of a Listener that Accept has not
	// returned yet, and MaxHandshakesPerAddress the handshakes under way for
	// one address: an IPv4 address, or an IPv6 network of 64 bits. When one
	// more would exceed a bound, the oldest handshake within it ends. 0 means
	// 8192, and 1024 for each address; a negative value means no bound.
	MaxHandshakes, MaxHandshakesPerAddress int
	// Prologue, if set, is called with each connection that a Listener accepted, before
	// the handshake and within HandshakeTimeout, for what a protocol has in front of
	// TLS: a PROXY protocol header, or an upgrade from plaintext (packages
	// proxyprotocol and starttls). It returns the connection for the handshake, which is
	// raw or reads through it, and must leave the ClientHello unread. It returns soon
	// after the end of ctx. An error refuses the client, and the Listener closes raw.
	Prologue func(ctx context.Context, raw net.Conn) (net.Conn, error)
	// OnHandshakeError, if set, is called for each connection that a Listener
	// refused. peer is the remote address of the connection, or, after Prologue, of the
	// one that it returned. The listener continues in any case.
	OnHandshakeError func(peer net.Addr, err error)
	// OnHandshake, if set, is called once for each Conn when its handshake has ended, before
	// the call that ran it returns, for a log or for metrics: module contrib/otel has one. It
	// must not block. A Listener calls it for clients that it refuses as well, and a client
	// for each attempt of Dial.
	OnHandshake func(Handshake)

	// KeyLog, if set, receives each connection's secrets as NSS key log lines
	// (RFC 9850), for debugging: anyone who has them can decrypt the connections.
	KeyLog io.Writer

	// Profile, if set, is a named choice of versions, suites, groups, signature schemes and
	// keys, such as CNSA2. Then CipherSuites, Groups and SignatureSchemes must be nil.
	Profile Profile

	// Options are the settings of the protocol: versions, suites, groups, ALPN,
	// ClientAuth, tickets, pre-shared keys, 0-RTT data, records, the clock.
	engine.Options
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
	return context.WithTimeoutCause(ctx, limit, timedOut(limit))
}

// timedOut is the error of a handshake that took longer than limit.
func timedOut(limit time.Duration) error {
	return &engine.Error{
		Fault:  engine.FaultTransport,
		Reason: fmt.Sprintf("the handshake did not complete within %v", limit),
		Err:    context.DeadlineExceeded,
		Hint:   "the peer may be slow, may have stopped, or may not use TLS",
	}
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
			return misconfigured("Compressors", i, "does not have both functions")
		}
	}
	return cmp.Or(c.checkTrust(), c.checkKernelTLS())
}

func (c *Config) checkKernelTLS() error {
	if c.KernelTLS && c.Padding != nil {
		return &engine.Error{
			Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
			Reason: "Config has both KernelTLS and Padding: the kernel pads no records",
		}
	}
	return nil
}

func (c *Config) checkTrust() error {
	p, ok := c.Trust.(*trust.Policy)
	if !ok || p == nil {
		return nil
	}
	if err := p.Check(); err != nil {
		return &engine.Error{
			Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
			Reason: "Config.Trust can accept no peer", Err: err,
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

// A prepared is a Config and what is made of it once for all connections that share it.
type prepared struct {
	*Config
	engine  *engine.Config
	resumes *resumption // of Server, or nil for that of Config
}

// prepare checks a Config, which may be nil for the zero Config, and prepares it for
// one role.
func prepare(cfg *Config, server bool) (p *prepared, err error) {
	defer caught(&p, &err)
	if cfg == nil {
		cfg = new(Config)
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg, err = cfg.profiled(); err != nil {
		return nil, err
	}
	room := new(struct {
		prepared prepared // not embedded: the type would have its methods
		engine   engine.Config
	})
	e := &room.engine
	cfg.fillEngine(e, server)
	if server {
		if err := e.CheckServer(); err != nil {
			return nil, err
		}
	}
	room.prepared = prepared{Config: cfg, engine: e}
	return &room.prepared, nil
}

// fillEngine makes e, which is zero, the engine's configuration for one role. What may block is
// left to Conn.answer.
func (c *Config) fillEngine(e *engine.Config, server bool) {
	e.Options, e.Verifier = c.Options, asks{}
	if e.Now == nil {
		e.Now = time.Now
	}
	if c.selects() {
		e.SelectCredential = pending[*engine.CredentialRequest, *engine.Credential]
	}
	if own := credentialsOf(c.Identities); len(own.list) > 0 {
		e.Credentials = own.list
		if e.SelectCredential == nil && len(own.list) >= manyIdentities && !own.raw {
			e.SelectCredential = func(r *engine.CredentialRequest) (*engine.Credential, error) {
				return own.choose(r), nil
			}
		}
	}
	if c.KeyLog != nil {
		e.KeyLog = c.logKey
	}
	if server {
		c.serverConfig(e)
	} else {
		c.clientConfig(e)
	}
}

func (c *Config) serverConfig(e *engine.Config) {
	e.PSKs = nil // a server has FindPSK
	if c.ForClient != nil || len(c.proofProtocols()) > 0 {
		e.ForClient = pending[*engine.ClientHelloInfo, *engine.Config]
	}
	if c.FindPSK != nil {
		e.FindPSK = pending[[]byte, *engine.PSK]
	}
}

func (c *Config) clientConfig(e *engine.Config) {
	if c.SelectPSK != nil {
		e.SelectPSK = pending[[]byte, *engine.PSK]
	}
	if c.PSKOnly {
		e.Verifier = nil
	}
}

// pending leaves a question of the engine to Conn.answer.
func pending[Q, A any](Q) (answer A, err error) { return answer, engine.ErrPending }

// asks leaves the verification of a peer to Conn.answer, which may block and has a
// context.
type asks struct{}

// VerifyPeer implements engine.Verifier.
func (asks) VerifyPeer(p *engine.PeerCertificate) (crypto.PublicKey, error) {
	return pending[*engine.PeerCertificate, crypto.PublicKey](p)
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
	if strings.HasSuffix(strings.TrimRight(name, "0123456789"), ".") || strings.Contains(name, ":") {
		if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			return ""
		}
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
