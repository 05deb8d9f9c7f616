package certificate

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// PublicKey describes a key.
type PublicKey struct {
	Algorithm string `json:"algorithm"`          // such as RSA, ECDSA, Ed25519; dots and numbers if it is not known
	Bits      int    `json:"bits,omitempty"`     // its size
	Curve     string `json:"curve,omitempty"`    // of an elliptic-curve key
	Exponent  string `json:"exponent,omitempty"` // of an RSA key
	Pin       string `json:"pin"`                // "sha256/" and the Base64 of its hash, as pins are written
	Raw       []byte `json:"-"`                  // SubjectPublicKeyInfo in DER
}

// String returns a short description, such as "RSA, 2048 bits".
func (k PublicKey) String() string {
	switch {
	case k.Curve != "":
		return k.Algorithm + " on " + k.Curve
	case k.Bits > 0:
		return fmt.Sprintf("%s, %d bits", k.Algorithm, k.Bits)
	}
	return k.Algorithm
}

// publicKey reads a SubjectPublicKeyInfo (RFC 5280, Section 4.1.2.7) with its
// header.
func (c *Certificate) publicKey(raw cryptobyte.String) PublicKey {
	sum := sha256.Sum256(raw)
	k := PublicKey{Pin: "sha256/" + base64.StdEncoding.EncodeToString(sum[:]), Raw: append([]byte(nil), raw...)}
	var body, algorithm, oid, bits cryptobyte.String
	if !raw.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!body.ReadASN1(&bits, asn1.BIT_STRING) || len(bits) == 0 {
		c.problem("the public key cannot be read")
		return k
	}
	id := oidText(oid)
	if k.Algorithm = keyNames[id]; k.Algorithm == "" {
		k.Algorithm = id
	}
	content := bits[1:]
	switch k.Algorithm {
	case "RSA", "RSA-PSS":
		c.rsaKey(content, &k)
	case "ECDSA":
		c.curve(algorithm, &k)
	case "Ed25519", "X25519":
		k.Bits = 256
	case "Ed448", "X448":
		k.Bits = 448
	case "DSA":
		k.Bits = dsaBits(algorithm)
	}
	return k
}

func (c *Certificate) rsaKey(content cryptobyte.String, k *PublicKey) {
	var body cryptobyte.String
	n, e := new(big.Int), new(big.Int)
	if !content.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Integer(n) || !body.ReadASN1Integer(e) {
		c.problem("the RSA key cannot be read")
		return
	}
	k.Bits = n.BitLen()
	if k.Exponent = e.String(); e.BitLen() > 64 {
		k.Exponent = fmt.Sprintf("of %d bits", e.BitLen())
	}
	if n.Sign() <= 0 || e.Sign() <= 0 || e.Bit(0) == 0 {
		c.problem("the RSA key is invalid: modulus and exponent are positive and the exponent is odd")
	}
}

func (c *Certificate) curve(parameters cryptobyte.String, k *PublicKey) {
	var oid cryptobyte.String
	if parameters.PeekASN1Tag(asn1.SEQUENCE) {
		k.Curve = "a curve with explicit parameters"
		c.problem("the key's curve has explicit parameters instead of a name, which allows forgeries (CVE-2020-0601)")
		return
	}
	if !parameters.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		c.problem("the key's curve cannot be read")
		return
	}
	id := oidText(oid)
	known, ok := curves[id]
	if !ok {
		k.Curve = id
		return
	}
	k.Curve, k.Bits = known.name, known.bits
}

func dsaBits(parameters cryptobyte.String) int {
	var body cryptobyte.String
	p := new(big.Int)
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Integer(p) {
		return 0
	}
	return p.BitLen()
}
