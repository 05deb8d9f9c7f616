package engine

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/signer"
)

// A Config configures one side of a connection. The engine reads it and never writes
// it, and any number of connections may use it at once: what belongs to one connection
// of a client is in its Target.
//
// Its zero value has no Verifier, so it accepts no peer: the engine makes no trust
// decision by itself.
type Config struct {
	Options

	// Verifier decides whether the peer's certificates are accepted. A client needs one,
	// and so does a server that asks for certificates.
	Verifier Verifier
	// Credentials are the certificates to show, in order of preference.
	Credentials []*Credential
	// SelectCredential, if set, is called in place of using Credentials. On a client
	// it may return nil for none. ErrPending makes the engine wait for Resume.
	SelectCredential func(*CredentialRequest) (*Credential, error)
	// ForClient, if set on a server, is called with the ClientHello. It returns
	// another Config, or nil to keep this one, or an error, which may choose its
	// alert by a method Alert() iana.Alert. ErrPending makes the engine wait for
	// Resume.
	ForClient func(*ClientHelloInfo) (*Config, error)
	// FindPSK, if set, gives a server the external key of an identity, or nil.
	// It is called again before a session that began with the key is resumed.
	// ErrPending makes the engine wait for Resume.
	FindPSK func(identity []byte) (*PSK, error)
	// SelectPSK, if set, chooses a client's key for TLS 1.2 by the hint that
	// the server gave, nil for none, in place of PSKs; it returns nil for no
	// key. ErrPending makes the engine wait for Resume.
	SelectPSK func(hint []byte) (*PSK, error)
	// KeyLog, if set, receives each secret in the form of an NSS key log.
	// RFC 9850. A reader of that log can decrypt the connection.
	KeyLog func(label string, clientRandom, secret []byte)

	quic *quicSide // in the copy that a connection of QUIC has
}

// A Target is what belongs to one connection of a client. Its zero value sends no
// server name and offers no session.
type Target struct {
	// ServerName is the name a client asks for; "" sends none. It must not end
	// in a dot, nor be an IP address. RFC 6066, Section 3.
	ServerName string
	// Session is the session that the client offers to resume, before Options.PSKs.
	Session *Session
	// ECHConfigs, if not nil, is the ECHConfigList of the server: the
	// ClientHello is encrypted, and the server's name with it. If the server
	// cannot decrypt it, the connection ends with an *ECHRejectedError.
	// RFC 9849.
	ECHConfigs []byte
}

// A clientConfig is all that a client's connection is configured by.
type clientConfig struct {
	*Config
	Target
	datagram bool              // the connection is one of DTLS
	ids      *connectionIDs    // in DTLS
	shares   []iana.NamedGroup // in DTLS: as Config.KeyShares
}

// keyShares is Config.KeyShares, or what stands for it in DTLS.
func (c *clientConfig) keyShares() []iana.NamedGroup {
	if c.datagram {
		return c.shares
	}
	return c.KeyShares
}

// compatible reports whether this side uses the compatibility mode. RFC 9147, Section 5: "DTLS
// implementations do not use the TLS 1.3 "compatibility mode"".
func (c *clientConfig) compatible() bool { return !c.NoCompatibilityMode && !c.datagram }

// A Credential is a certificate chain or a raw public key, and the key to it.
type Credential struct {
	// Chain is the certificates in DER, the own one first.
	Chain [][]byte
	// Signer holds the private key. Its Public must be an *ecdsa.PublicKey,
	// ed25519.PublicKey, *mldsa.PublicKey or *rsa.PublicKey. With Delegated it may be nil: then
	// only peers that accept delegation are served.
	// NewSigner makes one of a key.
	Signer Signer
	// Sign, if set, is called instead of Signer.Sign and may return
	// ErrPending, for a key on another machine.
	Sign func(*SignRequest) ([]byte, error)
	// Schemes lists what to sign with. Config.SignatureSchemes, which is for the
	// peer's signatures, does not limit it; nil means those of that list that fit
	// the key.
	Schemes []iana.SignatureScheme
	// Matches reports whether the credential is for a server name; nil means any.
	Matches func(serverName string) bool
	// OCSPStaple and SCTs go along with the first certificate.
	OCSPStaple []byte
	SCTs       [][]byte
	// RawPublicKey, if set, is a SubjectPublicKeyInfo in DER to show to peers
	// that accept it (RFC 7250). Then Chain may be empty.
	RawPublicKey []byte
	// Delegated, if set on a server, signs in the key's place for clients
	// that accept it (RFC 9345).
	Delegated *Delegated
}

// A Compressor is one algorithm of certificate compression.
type Compressor struct {
	ID       iana.CertificateCompression
	Compress func(data []byte) ([]byte, error)
	// Decompress returns exactly n bytes, or an error if that is not what
	// data holds. It must not need much more memory than that.
	Decompress func(data []byte, n int) ([]byte, error)
}

// A Trace is one message on the wire, in the clear.
type Trace struct {
	Sent bool // else received
	Type iana.ContentType
	// Data is a handshake message with its header, an alert's two bytes, or
	// in TLS 1.2 change_cipher_spec's one.
	Data []byte
}

// Format keeps the key out of every print and log, for every verb.
func (c Credential) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "credential of %d certificates", len(c.Chain))
}

// MarshalText keeps the key out of JSON and XML.
func (c Credential) MarshalText() ([]byte, error) { return fmt.Append(nil, c), nil }

// GobEncode refuses: a private key must not be sent by accident.
func (c Credential) GobEncode() ([]byte, error) {
	return nil, usage("a credential holds a private key and is not encoded")
}

// A Signer holds a private key where no print shows it: see NewSigner.
type Signer = signer.Signer

// NewSigner makes a Signer of a private key.
func NewSigner(key crypto.Signer) Signer { return signer.New(key) }

// public returns the key as signature schemes see it.
func (c *Credential) public() crypto.PublicKey {
	if c.Signer == nil {
		return nil
	}
	return c.Signer.Public()
}

// A Verifier decides whether to accept a peer.
type Verifier interface {
	// VerifyPeer returns the public key of the peer's certificate if the
	// peer is acceptable. A refusal may choose its alert by a method
	// Alert() iana.Alert. ErrPending makes the engine wait for Resume.
	VerifyPeer(*PeerCertificate) (crypto.PublicKey, error)
}

// PeerCertificate is the identity that a peer claims, before it has proved it.
type PeerCertificate struct {
	// Server is true if the peer is a server.
	Server bool
	// ServerName is the name a client asked for.
	ServerName string
	// ECHRejected is true if the server could not decrypt the ClientHello.
	// ServerName is then the public name of Target.ECHConfigs and not the name
	// asked for, and the handshake ends with an *ECHRejectedError.
	ECHRejected bool
	// Resumed is true if the chain was shown, and verified, in an earlier
	// session that may now be resumed. A refusal leads to a full handshake, in which
	// the peer can show a new certificate. But a client verifies the chain once more
	// if the server resumed and refused 0-RTT data: a refusal then ends the connection.
	Resumed bool
	// Chain is the certificates in DER as received, the peer's own first.
	Chain [][]byte
	// RawPublicKey is a SubjectPublicKeyInfo in DER that came instead.
	RawPublicKey []byte
	// Delegation, if not nil, came along with the certificate: besides the
	// rest, a Verifier must check that the certificate allows delegation and
	// that the delegation is in its time (RFC 9345, Section 4.1.3). It is there
	// again when a session is resumed that began with it.
	Delegation *Delegation
	// OCSPStaple and SCTs came along with the first certificate.
	OCSPStaple []byte
	SCTs       [][]byte
}

// A CredentialRequest is what the peer will accept in a certificate.
type CredentialRequest struct {
	// Server is true if a server is to choose, and false for a client.
	Server     bool
	Version    iana.Version
	RawKeys    bool // the peer will take a raw public key, and no certificate
	ServerName string
	// SignatureSchemes are the peer's, in its order of preference. On a server, of more than 64
	// only those that are known here are left, each once, and so of the two lists below.
	SignatureSchemes []iana.SignatureScheme
	CertSchemes      []iana.SignatureScheme // for signatures inside the chain; nil means the same
	DelegatedSchemes []iana.SignatureScheme // for delegated keys; nil means that the peer takes none
	Authorities      [][]byte               // DER names that the peer trusts; may be empty
	// Hello is, where a server's SelectCredential is asked, all that the client
	// offered, but for Raw. Else it is nil.
	Hello *ClientHelloInfo

	own    []iana.SignatureScheme // what this side allows
	groups []iana.NamedGroup      // of a TLS 1.2 client; nil if it named none
}

// A SignRequest is one signature to make.
type SignRequest struct {
	Scheme  iana.SignatureScheme
	Message []byte // to be hashed as the scheme requires
}

// ClientHelloInfo is what a client offered.
type ClientHelloInfo struct {
	Random            []byte
	ServerName        string
	SupportedVersions []iana.Version
	CipherSuites      []iana.CipherSuite
	Groups            []iana.NamedGroup
	KeyShares         []iana.NamedGroup
	SignatureSchemes  []iana.SignatureScheme
	ALPN              []string
	Extensions        []iana.ExtensionType // in the order received
	Raw               []byte               // the whole message; not to be changed
	ECHAccepted       bool                 // it came encrypted
}

// The engine's own bounds and defaults.
const (
	lowestVersion       = iana.TLS12
	highestVersion      = iana.TLS13
	maxHandshakeMessage = 128 << 10
	maxClientHello      = 64 << 10
)

func (c *Config) random() io.Reader {
	if c.Rand != nil {
		return c.Rand
	}
	return rand.Reader
}

func (c *Config) groups() []iana.NamedGroup {
	if c.Groups != nil {
		return c.Groups
	}
	return defaultGroups
}

// serverGroups lists the groups that a server takes key shares of. P-521 is not one of the
// defaults: it takes a server 36 times the work of X25519, and no client has it alone. It
// stays among the groups of a client, which are for certificates in TLS 1.2 too.
func (c *Config) serverGroups() []iana.NamedGroup {
	if c.Groups != nil {
		return c.Groups
	}
	return defaultServerGroups
}

// The defaults of a Config, which are not changed.
var (
	defaultSchemes      = suites.DefaultSchemes()
	defaultGroups       = suites.DefaultGroups()
	defaultServerGroups = slices.DeleteFunc(suites.DefaultGroups(), func(id iana.NamedGroup) bool {
		return id == iana.SecP521r1
	})
)

func (c *Config) schemes() []iana.SignatureScheme {
	if c.SignatureSchemes != nil {
		return c.SignatureSchemes
	}
	return defaultSchemes
}

func (c *Config) maxMessage() int {
	if c.MaxHandshakeMessage > 0 {
		return c.MaxHandshakeMessage
	}
	return maxHandshakeMessage
}

// maxClientHello is the limit for a ClientHello. The structure allows about 128 KiB, of
// which half is a list of cipher suites. The limit has room for the largest shares of the
// hybrid groups (1.7 KB each) and for several hundred pre-shared keys.
func (c *Config) maxClientHello() int {
	if c.MaxHandshakeMessage > 0 {
		return c.MaxHandshakeMessage
	}
	return maxClientHello
}

// CheckServer finds mistakes in a server's Config, such as one that a Receiver
// waits for.
func (c *Config) CheckServer() error {
	return c.check(false)
}

func (c *Config) checkRecords() error {
	if n := c.RecordSizeLimit; n != 0 && (n < minRecordLimit || n > record.MaxPlaintext) {
		return usage("a record size limit of %d bytes: it must be %d to %d", n, minRecordLimit, record.MaxPlaintext)
	}
	switch c.MaxFragmentLength {
	case 0, 512, 1024, 2048, 4096:
		return nil
	}
	return usage("a maximum fragment length of %d bytes: it must be 512, 1024, 2048 or 4096", c.MaxFragmentLength)
}

// minRecordLimit is RFC 8449's bound, Section 4.
const minRecordLimit = 64

// check finds the mistakes of a Config before a connection starts.
func (c *Config) check(client bool) error {
	if c == nil {
		return usage("a connection needs a Config")
	}
	switch {
	case len(c.versions()) == 0:
		return c.noVersion()
	case client && c.Verifier == nil && len(c.PSKs) == 0 && c.SelectPSK == nil:
		return usage("a client needs a Verifier: without one it would accept any server")
	case !client && c.ClientAuth != NoClientCert && c.Verifier == nil:
		return usage("a server that asks for client certificates needs a Verifier")
	case !client && len(c.Credentials) == 0 && c.SelectCredential == nil && c.ForClient == nil && c.FindPSK == nil:
		return usage("a server needs a certificate or a pre-shared key: set Credentials, SelectCredential, FindPSK or ForClient")
	}
	for _, id := range c.CipherSuites {
		if !Implements(id) {
			return usage("cipher suite %v is not implemented", id)
		}
	}
	if err := cmp.Or(checkGroups(c.Groups), checkGroups(c.KeyShares)); err != nil {
		return err
	}
	if err := cmp.Or(c.checkSchemes(), c.checkOffer()); err != nil {
		return err
	}
	for _, p := range c.ALPN {
		if len(p) == 0 || len(p) > 255 {
			return usage("ALPN name %q: it must be 1 to 255 bytes long", p)
		}
	}
	if client {
		return c.checkClient()
	}
	return c.checkECHKeys()
}

// checkGroups finds groups that this engine does not have.
func checkGroups(list []iana.NamedGroup) error {
	for _, id := range list {
		if suites.GroupByID(id) == nil {
			return usage("group %v is not implemented", id)
		}
	}
	return nil
}

// checkSchemes finds signature schemes that this engine, or none of the versions, has.
func (c *Config) checkSchemes() error {
	fits := false
	for _, id := range c.SignatureSchemes {
		scheme := suites.SchemeByID(id)
		if scheme == nil {
			return usage("signature scheme %v is not implemented", id)
		}
		fits = fits || slices.ContainsFunc(c.versions(), scheme.In)
	}
	if len(c.SignatureSchemes) > 0 && !fits {
		return usage("none of the signature schemes %s is for a version that is enabled",
			list(c.SignatureSchemes))
	}
	return nil
}

// checkOffer finds limits and lists that must not go over the wire.
func (c *Config) checkOffer() error {
	if err := c.checkRecords(); err != nil {
		return err
	}
	if err := c.checkDatagrams(); err != nil {
		return err
	}
	return c.checkTwice()
}

// checkTwice finds what stands twice in a list that goes over the wire. Groups: RFC 9846,
// Section 4.2.7; key shares: Section 4.2.8, "Clients MUST NOT offer multiple
// KeyShareEntry values for the same group"; compression: RFC 8879, Section 3.
func (c *Config) checkTwice() error {
	if id, found := twice(c.Groups); found {
		return usage("group %v stands twice in Groups", id)
	}
	if id, found := twice(c.KeyShares); found {
		return usage("group %v stands twice in KeyShares", id)
	}
	if id, found := twice(c.offeredCompression()); found {
		return usage("compression %v stands twice in Compressors", id)
	}
	return nil
}

// twice returns a value that stands more than once in a list.
func twice[T comparable](list []T) (value T, found bool) {
	for i, v := range list {
		if slices.Contains(list[:i], v) {
			return v, true
		}
	}
	return value, false
}

func (c *Config) checkClient() error {
	if err := c.checkDelegatedSchemes(); err != nil {
		return err
	}
	for _, p := range c.PSKs {
		if err := p.check(); err != nil {
			return err
		}
	}
	return nil
}

// checkTarget finds the mistakes of a Target.
func (c *clientConfig) checkTarget() error {
	if strings.HasSuffix(c.ServerName, ".") {
		return usage("server name %q has a trailing dot, which must not be sent", c.ServerName)
	}
	return c.checkECH()
}
