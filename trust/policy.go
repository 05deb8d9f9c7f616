package trust

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/pss"
)

// A Policy is the set of rules by which peers are accepted. The zero value is safe:
// roots of the system, a name required, the purpose for the peer's role. A Policy must
// not be changed after its first use; it may be used by many goroutines at once.
type Policy struct {
	// Roots are the authorities that may vouch for a peer; nil means those of
	// the system.
	Roots *Roots

	// Purpose is what the leaf must be good for. The zero value, PurposeRole,
	// asks for server authentication of a server and client authentication of
	// a client.
	Purpose Purpose

	// Pins, when there are any, narrow the choice: one certificate of the
	// verified path must have one of these keys. Under PinOnly it must be the
	// leaf.
	Pins []Pin

	// PinOnly lets a pin that matches the leaf's key stand in for a path to a
	// root, so that a self-signed certificate can be accepted by its key. The
	// dates and the name are checked all the same, unless the certificate
	// carries no name at all: its key is then its name. A leaf without a
	// matching pin is refused even if a root vouches for it.
	PinOnly bool

	// Depth bounds the intermediate certificates between leaf and root. Zero
	// means 10; a negative number means none at all.
	Depth int

	// PartialChain lets a path end in any certificate among the roots. Without
	// it the last one must be self-issued, as OpenSSL has it by default.
	PartialChain bool

	// Strict holds every certificate of the path against the profile of
	// RFC 5280: criticality, key identifiers, key usage of authorities, serial
	// numbers, the syntax of names and constraints, and the like. Certificates in
	// use break these rules without harm, and OpenSSL checks them only when asked.
	Strict bool

	// CommonName also looks at the subject's common name, as was usual before
	// RFC 2818, but only in a leaf that has no DNS name or IP address among
	// its alternative names and no authority with name constraints above it.
	CommonName bool

	// AnyName waives the name: any peer with a certificate of the roots is
	// accepted. It suits private roots that vouch for one service only.
	AnyName bool

	// KnownPeers, if set, accepts on first use a server that the roots do not
	// vouch for, and afterwards by the key it had then.
	KnownPeers *KnownPeers

	// Revocation is how to find out whether certificates were revoked; nil
	// checks a stapled response only.
	Revocation *Revocation

	// Callback, if set, is called last, for a peer that passed all other checks.
	// The verified paths are in result.Chains. An error refuses the peer: an
	// *Error is returned as it is, any other is wrapped.
	Callback func(peer *Peer, result *Result) error

	// Insecure accepts any well-formed certificate or raw key without asking
	// who vouches for it, for what name, or until when. Pins and Callback are
	// still honoured. A connection made so is open to anyone on the path.
	Insecure bool
}

// Purpose is a use of a certificate (RFC 5280, Section 4.2.1.12).
type Purpose uint8

// The purposes.
const (
	PurposeRole   Purpose = iota // by the peer's role
	PurposeServer                // server authentication
	PurposeClient                // client authentication
	PurposeAny                   // any purpose
)

// Peer is what a handshake saw of the other side. Verify keeps none of its
// slices.
type Peer struct {
	// Server is true if the peer is a server, that is, if we are the client.
	Server bool
	// Name is the name the peer must prove: a DNS name (Unicode or A-labels),
	// an IP address, or empty for a client.
	Name string
	// ECHRejected means that Name is the public name of Encrypted ClientHello,
	// whose proof lets a server replace the configuration that hides the true
	// name. It has to be proved without exception: Insecure, AnyName and
	// KnownPeers waive nothing then. RFC 9849, Section 6.1.7.
	ECHRejected bool
	// Address is what a file of known peers should call the peer, such as
	// "example.org:4433"; empty means Name.
	Address string
	// Chain holds certificates in DER, leaf first, as received.
	Chain [][]byte
	// RawPublicKey is a SubjectPublicKeyInfo in DER that came instead of a
	// chain (RFC 7250).
	RawPublicKey []byte
	// OCSPStaple is the response that came with the leaf, in DER.
	OCSPStaple []byte
	// StapleAsked means that this side asked for a stapled response, so that a
	// certificate that requires one is refused without it.
	StapleAsked bool
	// SCTs are the signed certificate timestamps that came with the leaf.
	SCTs [][]byte
	// Decrypts means that possession of the leaf's key is proved by decrypting,
	// as in the RSA key exchange of old servers, and not by signing.
	Decrypts bool
	// Now is the time to judge by; zero means the clock's.
	Now time.Time
}

// Result describes an accepted peer. Its certificates may be shared with
// other connections and must not be modified.
type Result struct {
	// PublicKey is the key the peer must prove to hold.
	PublicKey crypto.PublicKey
	// Leaf is the peer's own certificate; nil for a raw public key.
	Leaf *x509.Certificate
	// Certificates are the received ones, leaf first, unverified as such.
	Certificates []*x509.Certificate
	// Chains are the verified paths, each from leaf to root. There is none if
	// a pin stood in for it, or under Insecure.
	Chains [][]*x509.Certificate
	// Pin is the pin that matched; its zero value if none was asked for.
	Pin Pin
	// Revocation is what was found out about the certificates that were asked
	// about, leaf first.
	Revocation []RevocationCheck
	// FirstUse is true if the peer's key was written to the file of known peers
	// just now.
	FirstUse bool
	// Name is the name that was proved, in the form it was compared; empty if
	// none was asked for.
	Name string
}

// The bounds on what a peer may make us look at.
const (
	maxCertificates = 32
	maxChainBytes   = 512 << 10
	defaultDepth    = 10
)

// Verify decides about peer. The error is always an [*Error]. It may wait for
// the network only if the policy asks for revocation by request; ctx bounds
// that wait.
func (p *Policy) Verify(ctx context.Context, peer *Peer) (*Result, error) {
	if p == nil || peer == nil {
		return nil, fmt.Errorf("trust: Verify needs a Policy and a Peer: %w", os.ErrInvalid)
	}
	now := peer.Now
	if now.IsZero() {
		now = time.Now()
	}
	now = now.Truncate(time.Second) // RFC 5280, Section 4.1.2.5: dates are whole seconds, both ends included
	if peer.ECHRejected {
		strict := *p
		strict.Insecure, strict.AnyName, strict.KnownPeers = false, false, nil
		p = &strict
	}
	var result *Result
	var err error
	if peer.RawPublicKey != nil {
		result, err = p.verifyRaw(peer)
	} else {
		result, err = p.verifyChain(ctx, peer, now)
	}
	if err != nil {
		return nil, withReceived(err, peer)
	}
	if p.Callback != nil {
		if err := p.Callback(peer, result); err != nil {
			return nil, callbackError(result.Leaf, err)
		}
	}
	return result, nil
}

// withReceived sets Error.Received and Error.Pin to what the peer sent.
func withReceived(err error, peer *Peer) error {
	var e *Error
	switch {
	case !errors.As(err, &e):
	case peer.RawPublicKey != nil:
		if len(peer.RawPublicKey) <= maxChainBytes {
			e.Pin = pinOf(peer.RawPublicKey)
		}
	case checkSizes(peer.Chain) == nil:
		if certs, parseErr := parseChain(peer.Chain); parseErr == nil {
			e.Received, e.Pin = certs, PinOf(certs[0])
		}
	}
	return err
}

func (p *Policy) verifyChain(ctx context.Context, peer *Peer, now time.Time) (*Result, error) {
	if err := checkSizes(peer.Chain); err != nil {
		return nil, err
	}
	if p.Insecure || p.PinOnly {
		return p.verifyLeaf(peer, now)
	}
	result, err := p.buildPaths(peer, now)
	if err != nil {
		if p.KnownPeers != nil && peer.Server && lacksRoot(err) {
			return p.verifyKnown(peer, now)
		}
		return nil, err
	}
	if err := p.checkName(peer, result); err != nil {
		return nil, err
	}
	if len(p.Pins) > 0 {
		if err := p.checkPins(result); err != nil {
			return nil, err
		}
	}
	if err := p.checkRevocation(ctx, peer, result, now); err != nil {
		return nil, err
	}
	if p.KnownPeers != nil && peer.Server {
		p.KnownPeers.byPath(peer)
	}
	return result, nil
}

// verifyLeaf verifies a chain by its leaf alone, without a path. Under Insecure it checks
// only that the leaf can be used and has one of the pins, if there are any.
func (p *Policy) verifyLeaf(peer *Peer, now time.Time) (*Result, error) {
	certs, err := parseChain(peer.Chain)
	if err != nil {
		return nil, err
	}
	leaf := certs[0]
	if err := peer.checkLeaf(leaf); err != nil {
		return nil, err
	}
	result := &Result{PublicKey: certtext.Key(leaf), Leaf: leaf, Certificates: certs}
	if p.PinOnly || len(p.Pins) > 0 {
		if err := p.checkLeafPin(result); err != nil {
			return nil, err
		}
	}
	if p.Insecure {
		return result, nil
	}
	if err := checkDates(leaf, now); err != nil {
		return nil, err
	}
	if err := p.checkAlone(result, now, acceptedByKey); err != nil {
		return nil, err
	}
	if !hasNames(leaf) {
		return result, nil
	}
	if err := p.checkName(peer, result); err != nil {
		return nil, err
	}
	return result, nil
}

// lacksRoot reports whether the only fault of a chain is that no root vouches for it.
func lacksRoot(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case CodeUnknownAuthority, CodeSelfSigned, CodeSelfSignedInChain, CodePartialChain, CodeNoRoots:
		return true
	}
	return false
}

// verifyKnown verifies a chain by the leaf's key and the file of known peers.
func (p *Policy) verifyKnown(peer *Peer, now time.Time) (*Result, error) {
	certs, err := parseChain(peer.Chain)
	if err != nil {
		return nil, err
	}
	leaf := certs[0]
	if err := peer.checkLeaf(leaf); err != nil {
		return nil, err
	}
	if err := checkDates(leaf, now); err != nil {
		return nil, err
	}
	result := &Result{PublicKey: certtext.Key(leaf), Leaf: leaf, Certificates: certs, Name: peer.knownAs()}
	if err := p.checkAlone(result, now, acceptedByKey); err != nil {
		return nil, err
	}
	if len(p.Pins) > 0 {
		if err := p.checkLeafPin(result); err != nil {
			return nil, err
		}
	}
	result.FirstUse, err = p.KnownPeers.firstUse(peer, leaf, PinOf(leaf))
	if err != nil {
		return nil, err
	}
	return result, nil
}

// knownNames are the names by which a file of known peers may have the peer: see
// KnownPeers.
func (peer *Peer) knownNames() []string {
	if peer.Address == "" || peer.Name == "" {
		return []string{peer.knownAs()}
	}
	return []string{peer.Address, peer.Name}
}

func (peer *Peer) knownAs() string {
	if peer.Address != "" {
		return peer.Address
	}
	return peer.Name
}

// verifyRaw verifies a raw public key (RFC 7250, Section 6: out of band, which
// here means pins). There is no name in a key, so a pin is its only proof.
func (p *Policy) verifyRaw(peer *Peer) (*Result, error) {
	if len(peer.RawPublicKey) > maxChainBytes {
		return nil, &Error{Code: CodeMalformed, Got: "a raw public key of more than 512 KiB",
			Hint: "the peer should send a SubjectPublicKeyInfo in DER"}
	}
	key, err := parseRaw(peer.RawPublicKey)
	if err != nil {
		return nil, &Error{Code: CodeMalformed, Got: "a raw public key that cannot be read", Err: err,
			Hint: "the peer should send a SubjectPublicKeyInfo in DER"}
	}
	if err := checkPublicKey(nil, key); err != nil {
		return nil, err
	}
	result := &Result{PublicKey: key}
	pin := pinOf(peer.RawPublicKey)
	for _, want := range p.Pins {
		if want == pin {
			result.Pin = want
			return result, nil
		}
	}
	switch {
	case len(p.Pins) > 0:
	case p.Insecure:
		return result, nil
	case p.KnownPeers != nil && peer.Server:
		result.Name = peer.knownAs()
		result.FirstUse, err = p.KnownPeers.firstUse(peer, nil, pin)
		if err != nil {
			return nil, err
		}
		return result, nil
	}
	return nil, &Error{
		Code: CodePinMismatch, Expected: pinList(p.Pins), Got: pin.String(),
		Hint: "compare the key with its owner over another channel, then pin it",
	}
}

// parseRaw reads a SubjectPublicKeyInfo, also of an RSA key bound to PSS.
func parseRaw(spki []byte) (crypto.PublicKey, error) {
	if key, ok := pss.ParsePublicKey(spki); ok {
		return key, nil
	}
	return x509.ParsePKIXPublicKey(spki)
}

func checkSizes(chain [][]byte) error {
	if len(chain) == 0 || len(chain[0]) == 0 {
		return &Error{Code: CodeNoCertificate, Hint: "configure the peer with a certificate and key"}
	}
	total := 0
	for _, der := range chain {
		total += len(der)
	}
	if len(chain) > maxCertificates || total > maxChainBytes {
		return &Error{Code: CodeChainTooLong, Expected: "at most 32 certificates in 512 KiB",
			Got:  sprintf("%d certificates in %d bytes", len(chain), total),
			Hint: "the peer should send only its own certificate and its intermediates"}
	}
	return nil
}

func (p *Policy) purpose(peer *Peer) Purpose {
	if p.Purpose != PurposeRole {
		return p.Purpose
	}
	if peer.Server {
		return PurposeServer
	}
	return PurposeClient
}

func (p *Policy) depth() int {
	switch {
	case p.Depth == 0:
		return defaultDepth
	case p.Depth < 0:
		return 0
	}
	return p.Depth
}

// Check returns an error for a policy that can accept no peer because of its settings, or
// because of packages that the program does not import.
func (p *Policy) Check() error {
	if p == nil {
		return fmt.Errorf("trust: a nil Policy accepts no peer: %w", os.ErrInvalid)
	}
	if p.Revocation == nil || p.Insecure || p.PinOnly {
		return nil
	}
	return p.Revocation.usable()
}
