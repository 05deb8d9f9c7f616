package authority

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/sealsock/sealsock/internal/pubkey"
)

// signed is a request of ACME: a flattened JSON Web Signature (RFC 7515,
// Section 7.2.2, as RFC 8555, Section 6.2, narrows it).
type signed struct {
	Protected string `json:"protected"`
	Payload   string `json:"payload"`
	Signature string `json:"signature"`

	header  jwsHeader
	payload []byte
}

type jwsHeader struct {
	Algorithm string          `json:"alg"`
	Nonce     string          `json:"nonce"`
	URL       string          `json:"url"`
	Key       json.RawMessage `json:"jwk"`
	Account   string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
}

// jwk is a public key (RFC 7517).
type jwk struct {
	Type  string `json:"kty"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
	N     string `json:"n"`
	E     string `json:"e"`
}

var rawBase64 = base64.RawURLEncoding.Strict()

// parseSigned decodes a request; its signature is still to be verified.
func parseSigned(body []byte) (*signed, error) {
	s := new(signed)
	if err := json.Unmarshal(body, s); err != nil {
		return nil, errors.New("the body is not a signed JSON object")
	}
	header, err := rawBase64.DecodeString(s.Protected)
	if err != nil {
		return nil, errors.New("the protected header is not Base64")
	}
	if err := json.Unmarshal(header, &s.header); err != nil {
		return nil, errors.New("the protected header is not a JSON object")
	}
	// RFC 7515, Section 4.1.11: what crit names must be understood, and no
	// extension is understood here.
	if s.header.Critical != nil {
		return nil, errors.New("the protected header has critical extensions (crit), which are not supported")
	}
	if s.payload, err = rawBase64.DecodeString(s.Payload); err != nil {
		return nil, errors.New("the payload is not Base64")
	}
	if (len(s.header.Key) > 0) == (s.header.Account != "") {
		return nil, errors.New("the protected header needs either jwk or kid")
	}
	return s, nil
}

// signatureAlgorithms are those that verify knows.
var signatureAlgorithms = []string{"ES256", "ES384", "RS256", "EdDSA"}

// verify checks the signature with a key that fits the algorithm. There is no
// algorithm "none", and none that takes a shared secret.
func (s *signed) verify(key crypto.PublicKey) error {
	signature, err := rawBase64.DecodeString(s.Signature)
	if err != nil {
		return errors.New("the signature is not Base64")
	}
	input := []byte(s.Protected + "." + s.Payload)
	ok := false
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		ok = verifyECDSA(key, s.header.Algorithm, input, signature)
	case *rsa.PublicKey:
		sum := sha256.Sum256(input)
		ok = s.header.Algorithm == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case ed25519.PublicKey:
		ok = s.header.Algorithm == "EdDSA" && ed25519.Verify(key, input, signature)
	}
	if !ok {
		return errors.New("the signature is invalid, or its algorithm does not match the key")
	}
	return nil
}

// verifyECDSA checks a signature that is two numbers of fixed length (RFC 7518,
// Section 3.4).
func verifyECDSA(key *ecdsa.PublicKey, algorithm string, input, signature []byte) bool {
	hash := crypto.SHA256
	switch {
	case algorithm == "ES256" && key.Curve == elliptic.P256():
	case algorithm == "ES384" && key.Curve == elliptic.P384():
		hash = crypto.SHA384
	default:
		return false
	}
	size := (key.Curve.Params().BitSize + 7) / 8
	if len(signature) != 2*size {
		return false
	}
	h := hash.New()
	h.Write(input)
	r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
	return ecdsa.Verify(key, h.Sum(nil), r, s)
}

// parseJWK reads a public key and its thumbprint.
func parseJWK(raw []byte) (crypto.PublicKey, string, error) {
	var k jwk
	if err := json.Unmarshal(raw, &k); err != nil {
		return nil, "", errors.New("the key is not a JSON object")
	}
	var key crypto.PublicKey
	var err error
	switch k.Type {
	case "EC":
		key, err = k.ec()
	case "RSA":
		key, err = k.rsa()
	case "OKP":
		key, err = k.ed25519()
	default:
		return nil, "", fmt.Errorf("keys of type %q are not supported", k.Type)
	}
	if err != nil {
		return nil, "", err
	}
	// Its thumbprint is that of the one form of each key that RFC 7518 allows, without zeros in
	// front (RFC 8555, Section 8.1): else one key could open many accounts.
	if k, err = jwkOf(key); err != nil {
		return nil, "", err
	}
	return key, k.thumbprint(), nil
}

// thumbprint names a key (RFC 7638).
func (k jwk) thumbprint() string {
	var canonical string
	switch k.Type {
	case "EC":
		canonical = fmt.Sprintf(`{"crv":%q,"kty":"EC","x":%q,"y":%q}`, k.Curve, k.X, k.Y)
	case "RSA":
		canonical = fmt.Sprintf(`{"e":%q,"kty":"RSA","n":%q}`, k.E, k.N)
	case "OKP":
		canonical = fmt.Sprintf(`{"crv":%q,"kty":"OKP","x":%q}`, k.Curve, k.X)
	}
	sum := sha256.Sum256([]byte(canonical))
	return rawBase64.EncodeToString(sum[:])
}

var errJWK = errors.New("the key cannot be read")

func (k *jwk) ec() (crypto.PublicKey, error) {
	var curve elliptic.Curve
	switch k.Curve {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	default:
		return nil, fmt.Errorf("the curve %q is not supported", k.Curve)
	}
	x, errX := rawBase64.DecodeString(k.X)
	y, errY := rawBase64.DecodeString(k.Y)
	size := (curve.Params().BitSize + 7) / 8
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return nil, errJWK
	}
	point := bytes.Join([][]byte{{4}, x, y}, nil)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, errJWK // a point that is not on the curve
	}
	return key, nil
}

func (k *jwk) rsa() (crypto.PublicKey, error) {
	n, errN := rawBase64.DecodeString(k.N)
	e, errE := rawBase64.DecodeString(k.E)
	if errN != nil || errE != nil || len(e) > 4 { // 4: an exponent that fits the type of E
		return nil, errJWK
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if pubkey.Check(key) != nil {
		return nil, errJWK
	}
	return key, nil
}

func (k *jwk) ed25519() (crypto.PublicKey, error) {
	x, err := rawBase64.DecodeString(k.X)
	if err != nil || k.Curve != "Ed25519" || len(x) != ed25519.PublicKeySize {
		return nil, errJWK
	}
	return ed25519.PublicKey(x), nil
}

// marshalJWK writes a key in the form that parseJWK reads.
func marshalJWK(key crypto.PublicKey) ([]byte, error) {
	k, err := jwkOf(key)
	if err != nil {
		return nil, err
	}
	return json.Marshal(k)
}

func jwkOf(key crypto.PublicKey) (jwk, error) {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			return jwk{}, err
		}
		half := len(point) / 2
		return jwk{Type: "EC", Curve: key.Params().Name, X: rawBase64.EncodeToString(point[1 : 1+half]),
			Y: rawBase64.EncodeToString(point[1+half:])}, nil
	case *rsa.PublicKey:
		return jwk{Type: "RSA", N: rawBase64.EncodeToString(key.N.Bytes()),
			E: rawBase64.EncodeToString(big.NewInt(int64(key.E)).Bytes())}, nil
	case ed25519.PublicKey:
		return jwk{Type: "OKP", Curve: "Ed25519", X: rawBase64.EncodeToString(key)}, nil
	}
	return jwk{}, errJWK
}
