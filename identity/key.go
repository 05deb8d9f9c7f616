package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/mldsakey"
	"github.com/sealsock/sealsock/internal/pss"
	"github.com/sealsock/sealsock/internal/pubkey"
)

// loadKey reads the one private key of a file.
func (l *loader) loadKey(data []byte, file string) (crypto.Signer, error) {
	data = plainText(data)
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Error{Code: CodeEmpty, File: file, Hint: "write the private key into it, in PEM"}
	}
	if !bytes.Contains(data, pemBegin) {
		return l.keyDER(data, file)
	}
	all, err := blocks(data, file)
	if err != nil {
		return nil, err
	}
	var found *pem.Block
	for _, b := range all {
		if err := foreignBlock(b.Type, file); err != nil {
			return nil, err
		}
		if !isPrivate(b.Type) {
			continue
		}
		if found != nil {
			return nil, &Error{Code: CodeSeveralKeys, File: file, Hint: "leave one private key in the file, or name a file with one"}
		}
		found = b
	}
	if found == nil {
		return nil, noKey(all, file)
	}
	return l.keyBlock(found, file)
}

// noKey names what a key file holds instead.
func noKey(all []*pem.Block, file string) error {
	e := &Error{Code: CodeNoKey, File: file, Hint: "name the file that has a line -----BEGIN PRIVATE KEY----- or the like"}
	for _, b := range all {
		switch {
		case strings.HasSuffix(b.Type, "CERTIFICATE"):
			e.Detail = "it holds a certificate"
			e.Hint = "name the file of the key: certificate and key may have been swapped, or the key is in another file"
		case strings.HasSuffix(b.Type, "CERTIFICATE REQUEST"):
			e.Detail = "it holds a certificate request"
			e.Hint = "name the private key of the request"
		case strings.HasSuffix(b.Type, "PUBLIC KEY"):
			e.Detail = "it holds a public key"
			e.Hint = "name the private key that it belongs to"
		case strings.HasSuffix(b.Type, "PARAMETERS"):
			e.Detail = "it holds only parameters (" + certtext.Quote(b.Type) + ")"
			e.Hint = "make a key with them: openssl genpkey -paramfile FILE -out key.pem"
		default:
			e.Detail = "it holds " + certtext.Quote(b.Type)
			continue
		}
		break
	}
	return e
}

func (l *loader) keyBlock(b *pem.Block, file string) (crypto.Signer, error) {
	switch {
	case b.Type == "ENCRYPTED PRIVATE KEY":
		return l.decryptPKCS8(b.Bytes, file)
	case b.Headers["DEK-Info"] != "":
		return l.decryptLegacy(b, file)
	}
	return parsePrivate(b.Bytes, file)
}

func foreignBlock(label, file string) error {
	switch {
	case label == "OPENSSH PRIVATE KEY":
		return &Error{Code: CodeForeignFormat, File: file, Detail: "an OpenSSH private key",
			Hint: "convert a copy of it: ssh-keygen -p -m PEM -f COPY"}
	case strings.HasPrefix(label, "PGP "), strings.HasPrefix(label, "SSH2 "):
		return &Error{Code: CodeForeignFormat, File: file, Detail: "a block " + certtext.Quote(label),
			Hint: "give a private key in PEM (PKCS#8)"}
	}
	return nil
}

func (l *loader) keyDER(data []byte, file string) (crypto.Signer, error) {
	if err := foreign(data, file); err != nil {
		return nil, err
	}
	if isPKCS12(data) {
		if err := l.loadPKCS12(data, file); err != nil {
			return nil, err
		}
		return l.key, nil
	}
	if isEncryptedPKCS8(data) {
		return l.decryptPKCS8(data, file)
	}
	signer, err := parsePrivate(data, file)
	if err == nil {
		return signer, nil
	}
	if _, certErr := x509.ParseCertificate(data); certErr == nil {
		return nil, &Error{Code: CodeNoKey, File: file, Detail: "it holds a certificate in DER",
			Hint: "name the file of the key: certificate and key may have been swapped"}
	}
	var e *Error
	if errors.As(err, &e) && e.Code != CodeMalformedKey {
		return nil, err
	}
	return nil, unknownFormat(data, file, "the private key")
}

var newKeyHint = "make a new key (" + pubkey.Good + ") and request a certificate for it"

// maxPrivate bounds one key in DER; RSA of 8192 bits has 5 KiB, as has
// ML-DSA-87 with its expanded key. The largest modulus that
// it lets through has 49,000 bits.
const maxPrivate = 6 << 10

// parsePrivate reads an unencrypted key: PKCS#8 (RFC 5208; RFC 9881 for ML-DSA), PKCS#1
// (RFC 8017) or SEC 1 (RFC 5915), whatever its label is.
func parsePrivate(der []byte, file string) (crypto.Signer, error) {
	// Package rsa checks a key when it parses it. The time grows with the square of the
	// size: a modulus of 130,000 bits takes 0.7 seconds, of 262,144 bits 15 seconds.
	if len(der) > maxPrivate {
		return nil, &Error{Code: CodeWeakKey, File: file,
			Detail: "more than 6 KiB for one key, where " + pubkey.RSASizes + " are accepted",
			Hint:   newKeyHint}
	}
	switch key, err := mldsakey.Parse(der); {
	case err != nil:
		return nil, &Error{Code: CodeMalformedKey, File: file, Err: err,
			Hint: "restore the key from a backup, or make a new key and request a certificate for it"}
	case key != nil:
		return usable(key, file)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err == nil {
		return usable(key, file)
	}
	if rsaKey, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return usable(rsaKey, file)
	} else if strings.HasPrefix(err.Error(), "crypto/rsa: ") {
		return nil, &Error{Code: CodeMalformedKey, File: file, Err: err, Hint: "the numbers of this RSA key are inconsistent: restore it from a backup"}
	}
	if ecKey, err := x509.ParseECPrivateKey(der); err == nil {
		return usable(ecKey, file)
	}
	if inner, ok := pss.InnerKey(der); ok {
		rsaKey, err := x509.ParsePKCS1PrivateKey(inner)
		if err != nil {
			return nil, &Error{Code: CodeMalformedKey, File: file, Err: err, Hint: "restore the key from a backup"}
		}
		return usable(pss.NewPrivateKey(rsaKey), file)
	}
	if name, ok := foreignAlgorithm(der); ok {
		if strings.HasPrefix(name, "curve ") {
			return nil, curveError(file, name)
		}
		return nil, &Error{Code: CodeUnsupportedKey, File: file, Detail: name,
			Hint: "create a key that TLS 1.3 supports: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"}
	}
	return nil, &Error{Code: CodeMalformedKey, File: file, Err: err, Hint: "restore the key from a backup, or make a new key and request a certificate for it"}
}

func curveError(file, detail string) error {
	return &Error{Code: CodeUnsupportedCurve, File: file, Detail: detail,
		Hint: "use a named curve: P-256, P-384 or P-521 (openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)"}
}

// usable returns a key as a Signer if connections can be signed with it.
func usable(key any, file string) (crypto.Signer, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, &Error{Code: CodeUnsupportedKey, File: file, Detail: "the key is for key agreement, not for signatures",
			Hint: "give an ECDSA, Ed25519, ML-DSA or RSA key"}
	}
	if err := checkUsable(signer.Public(), file); err != nil {
		return nil, err
	}
	return signer, nil
}

// checkUsable refuses keys that peers would refuse.
func checkUsable(key crypto.PublicKey, file string) error {
	var refused *pubkey.Error
	switch err := pubkey.Check(key); {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Reason != pubkey.Unsupported:
		return &Error{Code: CodeWeakKey, File: file, Detail: refused.Error(),
			Hint: newKeyHint}
	}
	if _, ok := key.(*ecdsa.PublicKey); ok {
		return curveError(file, refused.Got)
	}
	return &Error{Code: CodeUnsupportedKey, File: file, Detail: refused.Got,
		Hint: "give an ECDSA, Ed25519, ML-DSA or RSA key"}
}

func sameKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

func keyText(key crypto.PublicKey) string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case pss.PublicKey:
		return fmt.Sprintf("RSA-PSS %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	case *mldsa.PublicKey:
		return key.Parameters().String()
	}
	return fmt.Sprintf("%T", key)
}

// keyID names a public key so that two can be told apart, in the form in which
// pins are written.
func keyID(key crypto.PublicKey) string {
	if bound, ok := key.(pss.PublicKey); ok {
		key = bound.PublicKey
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return keyText(key)
	}
	sum := sha256.Sum256(der)
	return keyText(key) + " sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// foreignAlgorithm names the algorithm of a key that crypto/x509 cannot read.
func foreignAlgorithm(der []byte) (string, bool) {
	s := cryptobyte.String(der)
	var body, algorithm, oid cryptobyte.String
	var version int
	if !s.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Integer(&version) {
		return "", false
	}
	if body.PeekASN1Tag(asn1.OCTET_STRING) {
		return sec1Curve(body)
	}
	if !body.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return dsaLegacy(body)
	}
	switch name := algorithmNames[string(oid)]; name {
	case "":
		return "an unknown algorithm", true
	case "EC":
		return curveName(algorithm), true
	case "RSA", "Ed25519":
		return "", false // supported: something else is wrong with it
	default:
		return name, true
	}
}

// sec1Curve names the curve of an ECPrivateKey (RFC 5915).
func sec1Curve(body cryptobyte.String) (string, bool) {
	var secret, parameters cryptobyte.String
	tag := asn1.Tag(0).ContextSpecific().Constructed()
	if !body.ReadASN1(&secret, asn1.OCTET_STRING) || !body.ReadASN1(&parameters, tag) {
		return "", false
	}
	return curveName(parameters), true
}

// dsaLegacy recognises OpenSSL's own form of a DSA key: a version and five
// numbers.
func dsaLegacy(body cryptobyte.String) (string, bool) {
	for range 5 {
		if !body.SkipASN1(asn1.INTEGER) {
			return "", false
		}
	}
	return "DSA", body.Empty()
}

func curveName(parameters cryptobyte.String) string {
	var oid cryptobyte.String
	if parameters.PeekASN1Tag(asn1.SEQUENCE) {
		return "curve given by explicit parameters"
	}
	if !parameters.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return "curve not named"
	}
	if name := curveNames[string(oid)]; name != "" {
		return "curve " + name
	}
	return "unknown curve"
}

// The contents of object identifiers, and what they stand for.
var (
	algorithmNames = map[string]string{
		"\x2a\x86\x48\xce\x3d\x02\x01":         "EC",
		"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01": "RSA",
		"\x2a\x86\x48\xce\x38\x04\x01":         "DSA",
		"\x2b\x65\x6e":                         "X25519",
		"\x2b\x65\x6f":                         "X448",
		"\x2b\x65\x70":                         "Ed25519",
		"\x2b\x65\x71":                         "Ed448",
		"\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01": "Diffie-Hellman",
	}
	curveNames = map[string]string{
		"\x2b\x81\x04\x00\x0a":                 "secp256k1",
		"\x2b\x81\x04\x00\x21":                 "P-224",
		"\x2a\x86\x48\xce\x3d\x03\x01\x01":     "P-192",
		"\x2b\x24\x03\x03\x02\x08\x01\x01\x07": "brainpoolP256r1",
		"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b": "brainpoolP384r1",
		"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d": "brainpoolP512r1",
		"\x2a\x81\x1c\xcf\x55\x01\x82\x2d":     "SM2",
		"\x2b\x81\x04\x00\x01":                 "sect163k1",
	}
)
