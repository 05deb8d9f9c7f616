package engine

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"fmt"
	"io"

	"github.com/sealsock/sealsock/internal/codec"
	"github.com/sealsock/sealsock/internal/keys"
	"github.com/sealsock/sealsock/internal/wire"
)

// An ECHKey is a server's key for Encrypted ClientHello, and the public
// configuration for clients. RFC 9849, Section 4. It is not changed once a
// server uses it.
type ECHKey struct {
	// Retired keeps the key for those clients that still have its
	// configuration: it decrypts, but is not offered any more.
	Retired bool

	config  wire.ECHConfig
	private hpke.PrivateKey
}

// NewECHKey makes an X25519 key. Of a server's keys each should have an id of
// its own. publicName is what is seen on the wire instead of the name asked
// for: a name that the server has a certificate for, so that clients with an
// old configuration can be given a new one. Names of up to maxNameLen bytes
// cannot be told apart by their length.
func NewECHKey(random io.Reader, id uint8, publicName string, maxNameLen uint8) (*ECHKey, error) {
	kem := hpke.DHKEM(ecdh.X25519())
	seed := make([]byte, 32)
	if err := fill(random, seed); err != nil {
		return nil, err
	}
	private, err := kem.NewPrivateKey(seed)
	if err != nil {
		return nil, local("a key for Encrypted ClientHello cannot be made", err)
	}
	config := wire.ECHConfig{
		ConfigID: id, KEM: kem.ID(), PublicKey: private.PublicKey().Bytes(),
		MaxNameLen: maxNameLen, PublicName: publicName,
	}
	for _, aead := range []hpke.AEAD{hpke.AES128GCM(), hpke.AES256GCM(), hpke.ChaCha20Poly1305()} {
		config.Suites = append(config.Suites, wire.ECHSuite{KDF: hpke.HKDFSHA256().ID(), AEAD: aead.ID()})
	}
	raw, err := wire.AppendECHConfig(nil, &config)
	if err != nil {
		return nil, usage("public name %q for Encrypted ClientHello: %v", publicName, err)
	}
	config, err = parseECHConfig(raw)
	if err != nil || config.Unusable != "" {
		return nil, usage("public name %q for Encrypted ClientHello is not a host name", publicName)
	}
	return &ECHKey{config: config, private: private}, nil
}

// ParseECHKey makes a key of one ECHConfig (not an ECHConfigList) and the
// private key to it, as HPKE serializes it. It keeps neither slice.
func ParseECHKey(config, private []byte) (*ECHKey, error) {
	c, err := parseECHConfig(bytes.Clone(config))
	if err != nil {
		return nil, err
	}
	kem, err := hpke.NewKEM(c.KEM)
	if err != nil {
		return nil, usage("an ECHConfig with KEM 0x%04x, which is not implemented", c.KEM)
	}
	key, err := kem.NewPrivateKey(private)
	if err != nil {
		return nil, &Error{Fault: FaultUsage, Reason: "the private key for Encrypted ClientHello cannot be read", Err: err}
	}
	if !bytes.Equal(key.PublicKey().Bytes(), c.PublicKey) {
		return nil, usage("the private key for Encrypted ClientHello is not the one of its ECHConfig")
	}
	return &ECHKey{config: c, private: key}, nil
}

// ID returns the number that clients name the key by.
func (k *ECHKey) ID() uint8 {
	if k == nil {
		return 0
	}
	return k.config.ConfigID
}

// PublicName returns the name that is seen on the wire.
func (k *ECHKey) PublicName() string {
	if k == nil {
		return ""
	}
	return k.config.PublicName
}

// Config returns the ECHConfig, which is public. It must not be changed.
func (k *ECHKey) Config() []byte {
	if k == nil {
		return nil
	}
	return k.config.Raw
}

// PublicKey returns the public key as it stands in the ECHConfig.
func (k *ECHKey) PublicKey() []byte {
	if k == nil {
		return nil
	}
	return bytes.Clone(k.config.PublicKey)
}

// PrivateKey returns the secret itself, as HPKE serializes it.
func (k *ECHKey) PrivateKey() ([]byte, error) {
	if k == nil || k.private == nil {
		return nil, usage("this ECHKey is nil or a zero value: it has no private key")
	}
	return k.private.Bytes()
}

// Format prints which key it is and nothing secret, for every verb.
func (k ECHKey) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "key %d for Encrypted ClientHello under the name %q", k.ID(), k.PublicName())
}

// checkECHKeys finds keys that are nil or a zero value.
func (c *Config) checkECHKeys() error {
	for i, k := range c.ECHKeys {
		if k == nil || k.private == nil {
			return usage("key %d of ECHKeys is the zero value: use NewECHKey or ParseECHKey", i)
		}
	}
	return nil
}

// ECHConfigList returns what clients need: the configurations of the keys that
// are not retired, in order of preference. It is nil if there are none.
func ECHConfigList(list ...*ECHKey) ([]byte, error) {
	var b codec.Builder
	mark := b.Begin(2)
	for i, k := range list {
		if k == nil {
			return nil, usage("key %d is nil: use NewECHKey or ParseECHKey", i)
		}
		if !k.Retired {
			b.AddBytes(k.config.Raw)
		}
	}
	b.End(mark)
	out, err := b.Bytes()
	switch {
	case err != nil:
		return nil, usage("%d configurations of Encrypted ClientHello are too many for one list", len(list))
	case len(out) == 2:
		return nil, nil
	}
	return out, nil
}

// An ECHConfig describes one configuration that a client may use.
type ECHConfig struct {
	Raw        []byte // the ECHConfig itself
	ID         uint8
	KEM        uint16 // the number of HPKE's registry
	PublicKey  []byte
	PublicName string
	MaxNameLen uint8 // bytes
	// Unusable is why this package's client would not use it; "" if it would.
	Unusable string
}

// ParseECHConfigs describes the configurations of an ECHConfigList, without
// those of a version that is not known. Slices alias list.
func ParseECHConfigs(list []byte) ([]ECHConfig, error) {
	configs, err := wire.ParseECHConfigList(list)
	if err != nil {
		return nil, &Error{Fault: FaultUsage, Reason: "an ECHConfigList that cannot be read", Err: err}
	}
	var all []ECHConfig
	for i := range configs {
		c := &configs[i]
		d := ECHConfig{Raw: c.Raw, ID: c.ConfigID, KEM: c.KEM, PublicKey: c.PublicKey, PublicName: c.PublicName, MaxNameLen: c.MaxNameLen}
		if _, err := newHPKE(c); err != nil {
			d.Unusable = err.Error()
		}
		all = append(all, d)
	}
	return all, nil
}

// An ECHRejectedError ends a client's connection if the server rejected ECH:
// the server, which has proved PublicName, could not decrypt the ClientHello,
// so the name that was asked for is not proved. Nothing else was sent.
// RFC 9849, Section 6.1.6.
type ECHRejectedError struct {
	// PublicName is the name that the server has proved.
	PublicName string
	// RetryConfigs is the ECHConfigList to try again with, once. Nil means
	// that the server has Encrypted ClientHello switched off.
	RetryConfigs []byte
}

// Error describes the server's answer.
func (e *ECHRejectedError) Error() string {
	if e == nil {
		return "<nil>"
	}
	if e.RetryConfigs == nil {
		return fmt.Sprintf("the server %q no longer supports Encrypted ClientHello", e.PublicName)
	}
	return fmt.Sprintf("the server %q has a new configuration for Encrypted ClientHello", e.PublicName)
}

// parseECHConfig reads one ECHConfig.
func parseECHConfig(raw []byte) (wire.ECHConfig, error) {
	list := append([]byte{byte(len(raw) >> 8), byte(len(raw))}, raw...)
	configs, err := wire.ParseECHConfigList(list)
	if err != nil {
		return wire.ECHConfig{}, &Error{Fault: FaultUsage, Reason: "an ECHConfig that cannot be read", Err: err}
	}
	if len(configs) != 1 || len(configs[0].Raw) != len(raw) {
		return wire.ECHConfig{}, usage("one ECHConfig of a known version is needed, and this is not one")
	}
	return configs[0], nil
}

// An hpkeSetup is the algorithms that go with a configuration.
type hpkeSetup struct {
	public hpke.PublicKey
	kdf    hpke.KDF
	aead   hpke.AEAD
}

// newHPKE picks the first suite of a configuration that a client can use. The
// error is the reason if there is none. RFC 9849, Section 6.1.
func newHPKE(c *wire.ECHConfig) (*hpkeSetup, error) {
	if c.Unusable != "" {
		return nil, fmt.Errorf("%s", c.Unusable)
	}
	kem, err := hpke.NewKEM(c.KEM)
	if err != nil {
		return nil, fmt.Errorf("KEM 0x%04x is not implemented", c.KEM)
	}
	s := new(hpkeSetup)
	if s.public, err = kem.NewPublicKey(c.PublicKey); err != nil {
		return nil, fmt.Errorf("the public key cannot be read: %w", err)
	}
	for _, suite := range c.Suites {
		if s.kdf, s.aead, err = suiteHPKE(suite); err == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no cipher suite of it is implemented")
}

// exportOnly is the AEAD that cannot encrypt. RFC 9180, Section 7.3.
const exportOnly = 0xffff

func suiteHPKE(s wire.ECHSuite) (hpke.KDF, hpke.AEAD, error) {
	kdf, err := hpke.NewKDF(s.KDF)
	if err != nil {
		return nil, nil, err
	}
	aead, err := hpke.NewAEAD(s.AEAD)
	if err == nil && s.AEAD == exportOnly {
		err = fmt.Errorf("AEAD 0x%04x cannot encrypt", s.AEAD)
	}
	return kdf, aead, err
}

// tagLen is how much longer a payload is than what it holds, with any AEAD.
const tagLen = 16

// echInfo is what HPKE binds the key exchange to. RFC 9849, Section 6.1.
func echInfo(config []byte) []byte { return append([]byte("tls ech\x00"), config...) }

// echPayload returns the place of the payload within raw, a whole ClientHello.
// It relies on the parsed fields aliasing their input.
func echPayload(raw []byte, datagram bool) ([]byte, error) {
	hello, err := parseClientHello(newMessage(raw).body, datagram)
	if err != nil || hello.ECH == nil {
		return nil, local("the outer ClientHello cannot be read", err)
	}
	return hello.ECH.Payload, nil
}

// The place of the confirmation in a whole ServerHello: the end of random,
// behind the header and legacy_version.
const (
	confirmationEnd   = wire.HeaderLen + 2 + 32
	confirmationStart = confirmationEnd - keys.ECHConfirmationLen
)

// helloConfirmation returns what the end of random must be in raw, a whole
// ServerHello, if the server took the inner ClientHello. f.transcript holds the
// messages before it. RFC 9849, Section 7.2.
func (f *flow13) helloConfirmation(raw []byte) []byte {
	zeroed := bytes.Clone(raw)
	clear(zeroed[confirmationStart:confirmationEnd])
	return f.confirmation(keys.ECHAccept, f.transcript.clone(), zeroed)
}

// confirmation computes a confirmation for a message that has zeros in its
// place. t holds the messages before it, and is used up.
func (f *flow13) confirmation(label keys.ECHLabel, t *transcript, zeroed []byte) []byte {
	t.add(zeroed)
	return keys.ECHConfirmation(f.suite.Hash, label, f.info.datagram, f.random, t.sum())
}
