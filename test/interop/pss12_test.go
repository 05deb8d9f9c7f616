package interop

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/testcert"
)

// onlyPSS is the algorithm of RSA keys that are restricted to PSS,
// id-RSASSA-PSS. RFC 4055, Section 1.2. crypto/x509 does not support it.
var onlyPSS = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}}

// A tbs is what a certificate's signature covers. RFC 5280, Section 4.1.
type tbs struct {
	Version                   int `asn1:"explicit,tag:0"`
	Serial                    *big.Int
	Signature                 pkix.AlgorithmIdentifier
	Issuer, Validity, Subject asn1.RawValue
	Key                       struct {
		Algorithm pkix.AlgorithmIdentifier
		Bits      asn1.BitString
	}
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:3"`
}

// addPSSIdentity makes the identity "pss": a certificate of an RSA key that is
// restricted to PSS.
func addPSSIdentity(ca *testcert.CA) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	leaf := ca.Issue(key, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "pss"} }, serverName)
	cert, err := x509.ParseCertificate(leaf.Chain[0])
	must(err)
	var body tbs
	_, err = asn1.Unmarshal(cert.RawTBSCertificate, &body)
	must(err)
	body.Key.Algorithm = onlyPSS
	raw, err := asn1.Marshal(body)
	must(err)
	digest := sha256.Sum256(raw)
	sig, err := ecdsa.SignASN1(rand.Reader, ca.Key.(*ecdsa.PrivateKey), digest[:])
	must(err)
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: raw}, body.Signature, asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}})
	must(err)
	pkcs8, err := asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, onlyPSS, x509.MarshalPKCS1PrivateKey(key)})
	must(err)
	write("pss.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write("pss.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	identities["pss"], err = identity.Load(file("pss.pem"), file("pss.key"))
	must(err)
}
