package identity

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"log/slog"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/signer"
)

// Identity is a certificate chain and the key that goes with it. It is not
// changed after it is made and may be used by many connections at once.
type Identity struct {
	// Chain holds the certificates in DER, leaf first, each signed by the
	// next. Users must not modify it.
	Chain [][]byte
	// Leaf is the first certificate of Chain.
	Leaf *x509.Certificate
	// Signer proves possession of the leaf's key. NewSigner makes one of a key.
	Signer Signer
	// OCSPStaple is a response about the leaf to send along, in DER.
	OCSPStaple []byte
	// SCTs are signed certificate timestamps to send along.
	SCTs [][]byte
	// RawPublicKey asks for the bare key to be sent in place of the chain
	// (RFC 7250), to peers that can take one.
	RawPublicKey bool
	// Notes tell, one sentence each, what was put right while loading and what
	// may trouble peers, such as a certificate that has expired.
	Notes []string
}

// A Signer holds a private key where no print shows it: see NewSigner.
type Signer = signer.Signer

// NewSigner makes a Signer of a private key.
func NewSigner(key crypto.Signer) Signer { return signer.New(key) }

// New makes an identity of a chain in DER and a key that may live elsewhere.
// It checks and orders the chain as Load does.
func New(chain [][]byte, signer crypto.Signer) (*Identity, error) {
	l := loader{}
	for _, der := range chain {
		if err := l.addCertificate(der, ""); err != nil {
			return nil, err
		}
	}
	if len(l.certs) == 0 {
		return nil, &Error{Code: CodeNoCertificate, Hint: "give the leaf's certificate in DER, then those of its authorities"}
	}
	return l.build(signer, "")
}

// Load reads a certificate chain and its key. Both may be in one file: then
// keyFile is the same name or empty. PEM and DER are told apart by their bytes.
// A PKCS#12 file may stand for both. Unless an Option gives a password,
// encrypted keys are refused.
func Load(certFile, keyFile string, options ...Option) (*Identity, error) {
	if keyFile == "" {
		keyFile = certFile
	}
	certs, err := readFile(certFile)
	if err != nil {
		return nil, err
	}
	key := certs
	if keyFile != certFile {
		if key, err = readFile(keyFile); err != nil {
			return nil, err
		}
	}
	return parse(certs, key, certFile, keyFile, options)
}

// Parse does what Load does with bytes; keyBytes may be nil if certBytes holds
// the key too.
func Parse(certBytes, keyBytes []byte, options ...Option) (*Identity, error) {
	if keyBytes == nil {
		keyBytes = certBytes
	}
	return parse(certBytes, keyBytes, "", "", options)
}

// LoadKey reads a private key alone.
func LoadKey(keyFile string, options ...Option) (crypto.Signer, error) {
	data, err := readFile(keyFile)
	if err != nil {
		return nil, err
	}
	return newLoader(options).loadKey(data, keyFile)
}

// ParseKey does what LoadKey does with bytes.
func ParseKey(data []byte, options ...Option) (crypto.Signer, error) {
	return newLoader(options).loadKey(data, "")
}

// Option changes how files are read.
type Option func(*loader)

// Password gives a function that is asked for a password when a file needs
// one, with the file's name, which is empty for bytes. It is asked once a file.
func Password(ask func(file string) ([]byte, error)) Option {
	return func(l *loader) { l.ask, l.askFile = ask, "" }
}

// PasswordFile names a file whose first line is the password.
func PasswordFile(path string) Option {
	ask := func(string) ([]byte, error) {
		data, err := readFile(path)
		if err != nil {
			return nil, err
		}
		line, _, _ := bytes.Cut(data, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), nil
	}
	return func(l *loader) { l.ask, l.askFile = ask, path }
}

// String describes the identity without its key.
func (id Identity) String() string {
	if id.Leaf == nil {
		return "identity without a certificate"
	}
	return "identity of " + certtext.Describe(id.Leaf) + ", " + keyText(certtext.Key(id.Leaf)) + ", until " + certtext.Time(id.Leaf.NotAfter)
}

// GoString is String, so that no way of printing shows a key.
func (id Identity) GoString() string { return id.String() }

// LogValue is String, so that no way of logging shows a key.
func (id Identity) LogValue() slog.Value { return slog.StringValue(id.String()) }

// parse puts the two halves together.
func parse(certBytes, keyBytes []byte, certFile, keyFile string, options []Option) (*Identity, error) {
	l := newLoader(options)
	if err := l.loadCertificates(certBytes, certFile); err != nil {
		return nil, err
	}
	signer := l.key
	if signer == nil {
		var err error
		if signer, err = l.loadKey(keyBytes, keyFile); err != nil {
			return nil, err
		}
	}
	return l.build(signer, keyFile)
}

// build checks that the key belongs to the leaf, orders the chain, and notes
// what peers may stumble over.
func (l *loader) build(signer crypto.Signer, keyFile string) (*Identity, error) {
	if signer == nil || signer.Public() == nil {
		return nil, &Error{Code: CodeNoKey, Hint: "give a key that can sign"}
	}
	chain, err := l.order(signer.Public(), keyFile)
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	if err := checkUsable(certtext.Key(leaf), l.certFile); err != nil {
		return nil, err
	}
	id := &Identity{Leaf: leaf, Signer: NewSigner(signer)}
	for _, c := range chain {
		id.Chain = append(id.Chain, c.Raw)
	}
	l.noteTroubles(leaf, time.Now())
	id.Notes = l.notes
	return id, nil
}

func (l *loader) noteTroubles(leaf *x509.Certificate, now time.Time) {
	name := certtext.Describe(leaf)
	switch {
	case now.After(leaf.NotAfter):
		l.note("the certificate of %s expired on %s", name, certtext.Time(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		l.note("the certificate of %s is not valid before %s", name, certtext.Time(leaf.NotBefore))
	}
	if leaf.IsCA {
		l.note("the certificate of %s is an authority's: many peers reject such a leaf", name)
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		l.note("the certificate of %s does not allow digital signatures: TLS 1.3 peers reject it", name)
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.EmailAddresses)+len(leaf.URIs) == 0 && serves(leaf) {
		l.note("the certificate of %s has no subject alternative name: clients that verify the name reject it", name)
	}
}

func serves(c *x509.Certificate) bool {
	for _, u := range c.ExtKeyUsage {
		if u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny {
			return true
		}
	}
	return len(c.ExtKeyUsage) == 0
}
