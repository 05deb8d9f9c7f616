package sealsock

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/suites"
	"github.com/sealsock/sealsock/trust"
)

// A Profile is a named choice of versions, algorithms and keys: see Config.Profile. The empty
// one leaves all to the other fields of the Config and their defaults.
type Profile string

// The profiles.
const (
	// Modern is TLS 1.3 with the default algorithms.
	Modern Profile = "modern"
	// NIST is TLS 1.2 and 1.3 with what publications of NIST approve. It does not make this
	// module a validated one.
	NIST Profile = "nist"
	// QuantumSafe is TLS 1.3 with ML-KEM in each key exchange, and signatures of any kind.
	QuantumSafe Profile = "quantum-safe"
	// CNSA2 is the Commercial National Security Algorithm Suite 2.0 for TLS: AES-256, ML-KEM-1024
	// and ML-DSA-87 alone, in certificates too.
	CNSA2 Profile = "cnsa2"
)

// Rules is what a profile allows. Nil lists are the defaults.
type Rules struct {
	MinVersion       iana.Version
	CipherSuites     []iana.CipherSuite
	Groups           []iana.NamedGroup
	SignatureSchemes []iana.SignatureScheme
	// MinRSABits is the least size of an RSA key in a chain. A key of another kind must be one
	// that SignatureSchemes has, where that is not nil.
	MinRSABits int
}

// Profiles returns the names of all profiles, in a new slice.
func Profiles() []Profile { return []Profile{Modern, NIST, QuantumSafe, CNSA2} }

// Rules returns what the profile allows, in new slices. ok is false if there is no such profile.
func (p Profile) Rules() (rules Rules, ok bool) {
	switch p {
	case Modern:
		return Rules{MinVersion: iana.TLS13}, true
	case NIST:
		return nistRules(), true
	case QuantumSafe:
		return Rules{MinVersion: iana.TLS13, Groups: []iana.NamedGroup{
			iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024,
			iana.MLKEM1024, iana.MLKEM768,
		}}, true
	case CNSA2:
		// The hybrid contains ML-KEM-1024, for peers without the group alone.
		return Rules{
			MinVersion:       iana.TLS13,
			CipherSuites:     []iana.CipherSuite{iana.TLS_AES_256_GCM_SHA384},
			Groups:           []iana.NamedGroup{iana.MLKEM1024, iana.SecP384r1MLKEM1024},
			SignatureSchemes: []iana.SignatureScheme{iana.MLDSA87},
		}, true
	}
	return Rules{}, false
}

// nistRules are of SP 800-52, SP 800-56A and FIPS 186, 203 and 204. A hybrid group is allowed by
// its part that is ML-KEM.
func nistRules() Rules {
	return Rules{
		MinVersion: iana.TLS12,
		CipherSuites: []iana.CipherSuite{
			iana.TLS_AES_128_GCM_SHA256, iana.TLS_AES_256_GCM_SHA384,
			iana.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, iana.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			iana.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, iana.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
		Groups: []iana.NamedGroup{
			iana.X25519MLKEM768, iana.SecP256r1MLKEM768, iana.SecP384r1MLKEM1024, iana.MLKEM1024,
			iana.MLKEM768, iana.SecP256r1, iana.SecP384r1, iana.SecP521r1,
		},
		SignatureSchemes: suites.DefaultSchemes(),
		MinRSABits:       2048,
	}
}

// String returns the name and what the profile allows, in one line.
func (p Profile) String() string {
	rules, ok := p.Rules()
	if !ok {
		return fmt.Sprintf("no profile %q", string(p))
	}
	parts := []string{fmt.Sprintf("%s: %v or higher", string(p), rules.MinVersion)}
	parts = append(parts, names(rules.CipherSuites, "default cipher suites"),
		names(rules.Groups, "default groups"), names(rules.SignatureSchemes, "default signatures"))
	if rules.MinRSABits > 0 {
		parts = append(parts, fmt.Sprintf("RSA keys of %d bits or more", rules.MinRSABits))
	}
	return strings.Join(parts, "; ")
}

// names joins the names of a list, or returns what a nil one means.
func names[T fmt.Stringer](list []T, none string) string {
	if list == nil {
		return none
	}
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = v.String()
	}
	return strings.Join(all, ", ")
}

// profiled returns c, or a copy that keeps to its profile.
func (c *Config) profiled() (*Config, error) {
	if c.Profile == "" {
		return c, nil
	}
	rules, ok := c.Profile.Rules()
	if !ok {
		return nil, c.Profile.misused("there is no such profile")
	}
	if c.CipherSuites != nil || c.Groups != nil || c.SignatureSchemes != nil {
		return nil, c.Profile.misused("CipherSuites, Groups and SignatureSchemes must be nil")
	}
	if c.MaxVersion != 0 && c.MaxVersion < rules.MinVersion {
		return nil, c.Profile.misused(fmt.Sprintf("it needs %v, which MaxVersion excludes",
			rules.MinVersion))
	}
	for _, id := range c.DelegatedSchemes {
		if rules.SignatureSchemes != nil && !slices.Contains(rules.SignatureSchemes, id) {
			return nil, c.Profile.misused(fmt.Sprintf("it does not allow %v of DelegatedSchemes", id))
		}
	}
	own := *c
	own.MinVersion = max(c.MinVersion, rules.MinVersion)
	own.CipherSuites, own.Groups = rules.CipherSuites, rules.Groups
	own.SignatureSchemes = rules.SignatureSchemes
	if own.Trust == nil {
		own.Trust = defaultTrust
	}
	own.Trust = &profileTrust{own.Trust, c.Profile, rules}
	return &own, nil
}

func (p Profile) misused(why string) error {
	return &engine.Error{Fault: engine.FaultUsage, Alert: iana.AlertInternalError,
		Reason: fmt.Sprintf("Config.Profile is %q: %s", string(p), why)}
}

// profileTrust refuses keys that a profile does not allow.
type profileTrust struct {
	Verifier
	profile Profile
	rules   Rules
}

// Verify implements Verifier. One of the verified chains has to be allowed, its root included.
func (t *profileTrust) Verify(ctx context.Context, peer *trust.Peer) (*trust.Result, error) {
	result, err := t.Verifier.Verify(ctx, peer)
	if err != nil {
		return nil, err
	}
	if !t.rules.allow(result.PublicKey) {
		return nil, t.refused(result.Leaf)
	}
	var refused *x509.Certificate
	for _, chain := range result.Chains {
		i := slices.IndexFunc(chain, func(c *x509.Certificate) bool {
			return !t.rules.allow(certtext.Key(c))
		})
		if i < 0 {
			return result, nil
		}
		refused = chain[i]
	}
	if refused != nil {
		return nil, t.refused(refused)
	}
	return result, nil
}

func (t *profileTrust) refused(c *x509.Certificate) error {
	return &trust.Error{Code: trust.CodeUnsupportedKey, Certificate: c,
		Expected: "a key that the profile " + string(t.profile) + " allows", Got: "another one",
		Hint: "ask for a certificate whose whole chain has such keys, or choose another profile"}
}

// allow reports whether signatures of a key are allowed.
func (r *Rules) allow(key crypto.PublicKey) bool {
	if k, ok := key.(*rsa.PublicKey); ok && k.N.BitLen() < r.MinRSABits {
		return false
	}
	return r.SignatureSchemes == nil ||
		slices.ContainsFunc(r.SignatureSchemes, func(id iana.SignatureScheme) bool {
			return suites.SchemeByID(id).Fits(key, iana.TLS13)
		})
}
