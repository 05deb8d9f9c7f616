package iana

// SignatureScheme is a signature algorithm with its hash, and in TLS 1.3 with
// its curve. RFC 9846, Section 4.2.3.
type SignatureScheme uint16

// The schemes of RFC 9846. In TLS 1.2 the ECDSA schemes do not fix the curve.
const (
	RSAPKCS1WithSHA1       SignatureScheme = 0x0201
	ECDSAWithSHA1          SignatureScheme = 0x0203
	RSAPKCS1WithSHA256     SignatureScheme = 0x0401
	ECDSAWithP256AndSHA256 SignatureScheme = 0x0403
	RSAPKCS1WithSHA384     SignatureScheme = 0x0501
	ECDSAWithP384AndSHA384 SignatureScheme = 0x0503
	RSAPKCS1WithSHA512     SignatureScheme = 0x0601
	ECDSAWithP521AndSHA512 SignatureScheme = 0x0603
	RSAPSSRSAEWithSHA256   SignatureScheme = 0x0804
	RSAPSSRSAEWithSHA384   SignatureScheme = 0x0805
	RSAPSSRSAEWithSHA512   SignatureScheme = 0x0806
	Ed25519                SignatureScheme = 0x0807
	Ed448                  SignatureScheme = 0x0808
	RSAPSSPSSWithSHA256    SignatureScheme = 0x0809
	RSAPSSPSSWithSHA384    SignatureScheme = 0x080a
	RSAPSSPSSWithSHA512    SignatureScheme = 0x080b
)

// ML-DSA (FIPS 204), for TLS 1.3 alone: draft-ietf-tls-mldsa, with the numbers of the registry.
const (
	MLDSA44 SignatureScheme = 0x0904
	MLDSA65 SignatureScheme = 0x0905
	MLDSA87 SignatureScheme = 0x0906
)

var schemes = registry[SignatureScheme]{"signature scheme", []name[SignatureScheme]{
	{ECDSAWithP256AndSHA256, "ecdsa_secp256r1_sha256", "ECDSA+SHA256 ECDSAWithP256AndSHA256"},
	{ECDSAWithP384AndSHA384, "ecdsa_secp384r1_sha384", "ECDSA+SHA384 ECDSAWithP384AndSHA384"},
	{ECDSAWithP521AndSHA512, "ecdsa_secp521r1_sha512", "ECDSA+SHA512 ECDSAWithP521AndSHA512"},
	{Ed25519, "ed25519", ""},
	{Ed448, "ed448", ""},
	{RSAPSSRSAEWithSHA256, "rsa_pss_rsae_sha256", "RSA-PSS+SHA256 PSS+SHA256 PSSWithSHA256"},
	{RSAPSSRSAEWithSHA384, "rsa_pss_rsae_sha384", "RSA-PSS+SHA384 PSS+SHA384 PSSWithSHA384"},
	{RSAPSSRSAEWithSHA512, "rsa_pss_rsae_sha512", "RSA-PSS+SHA512 PSS+SHA512 PSSWithSHA512"},
	{RSAPSSPSSWithSHA256, "rsa_pss_pss_sha256", "RSA-PSS-PSS+SHA256"},
	{RSAPSSPSSWithSHA384, "rsa_pss_pss_sha384", "RSA-PSS-PSS+SHA384"},
	{RSAPSSPSSWithSHA512, "rsa_pss_pss_sha512", "RSA-PSS-PSS+SHA512"},
	{RSAPKCS1WithSHA256, "rsa_pkcs1_sha256", "RSA+SHA256 PKCS1WithSHA256"},
	{RSAPKCS1WithSHA384, "rsa_pkcs1_sha384", "RSA+SHA384 PKCS1WithSHA384"},
	{RSAPKCS1WithSHA512, "rsa_pkcs1_sha512", "RSA+SHA512 PKCS1WithSHA512"},
	{RSAPKCS1WithSHA1, "rsa_pkcs1_sha1", "RSA+SHA1 PKCS1WithSHA1"},
	{ECDSAWithSHA1, "ecdsa_sha1", "ECDSA+SHA1 ECDSAWithSHA1"},
	{0x0101, "rsa_pkcs1_md5", "RSA+MD5"},
	{0x0202, "dsa_sha1", "DSA+SHA1"},
	{0x0301, "rsa_pkcs1_sha224", "RSA+SHA224"},
	{0x0302, "dsa_sha224", "DSA+SHA224"},
	{0x0303, "ecdsa_sha224", "ECDSA+SHA224"},
	{0x0402, "dsa_sha256", "DSA+SHA256"},
	{0x0502, "dsa_sha384", "DSA+SHA384"},
	{0x0602, "dsa_sha512", "DSA+SHA512"},
	{0x0420, "rsa_pkcs1_sha256_legacy", ""},
	{0x0520, "rsa_pkcs1_sha384_legacy", ""},
	{0x0620, "rsa_pkcs1_sha512_legacy", ""},
	{0x0708, "sm2sig_sm3", ""},
	{0x081a, "ecdsa_brainpoolP256r1tls13_sha256", ""},
	{0x081b, "ecdsa_brainpoolP384r1tls13_sha384", ""},
	{0x081c, "ecdsa_brainpoolP512r1tls13_sha512", ""},
	{MLDSA44, "mldsa44", "ML-DSA-44"},
	{MLDSA65, "mldsa65", "ML-DSA-65"},
	{MLDSA87, "mldsa87", "ML-DSA-87"},
}}

// String returns the registry's name, such as "ed25519", or
// "signature scheme 0x1234".
func (s SignatureScheme) String() string { return schemes.text(s) }

// ParseSignatureScheme accepts the registry's names and OpenSSL's
// "ECDSA+SHA256", "RSA-PSS+SHA256" and the like. The error suggests similar
// names.
func ParseSignatureScheme(text string) (SignatureScheme, error) { return schemes.parse(text) }

// SignatureSchemes returns all signature schemes with a name, in a new slice.
func SignatureSchemes() []SignatureScheme { return schemes.all() }
