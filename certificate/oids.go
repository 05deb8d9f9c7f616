package certificate

// The names of object identifiers, as OpenSSL spells them where it has one.
// This file is a table and may be as long as it needs.

var attributeNames = map[string]string{
	"2.5.4.3":                    "commonName",
	"2.5.4.4":                    "surname",
	"2.5.4.5":                    "serialNumber",
	"2.5.4.6":                    "countryName",
	"2.5.4.7":                    "localityName",
	"2.5.4.8":                    "stateOrProvinceName",
	"2.5.4.9":                    "streetAddress",
	"2.5.4.10":                   "organizationName",
	"2.5.4.11":                   "organizationalUnitName",
	"2.5.4.12":                   "title",
	"2.5.4.13":                   "description",
	"2.5.4.15":                   "businessCategory",
	"2.5.4.16":                   "postalAddress",
	"2.5.4.17":                   "postalCode",
	"2.5.4.20":                   "telephoneNumber",
	"2.5.4.41":                   "name",
	"2.5.4.42":                   "givenName",
	"2.5.4.43":                   "initials",
	"2.5.4.44":                   "generationQualifier",
	"2.5.4.45":                   "x500UniqueIdentifier",
	"2.5.4.46":                   "dnQualifier",
	"2.5.4.65":                   "pseudonym",
	"2.5.4.97":                   "organizationIdentifier",
	"0.9.2342.19200300.100.1.1":  "userId",
	"0.9.2342.19200300.100.1.25": "domainComponent",
	"1.2.840.113549.1.9.1":       "emailAddress",
	"1.2.840.113549.1.9.2":       "unstructuredName",
	"1.3.6.1.4.1.311.60.2.1.1":   "jurisdictionLocalityName",
	"1.3.6.1.4.1.311.60.2.1.2":   "jurisdictionStateOrProvinceName",
	"1.3.6.1.4.1.311.60.2.1.3":   "jurisdictionCountryName",
}

var shortNames = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "STREET",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.25": "DC",
}

var extensionNames = map[string]string{
	"2.5.29.9":                "subjectDirectoryAttributes",
	"2.5.29.14":               "subjectKeyIdentifier",
	"2.5.29.15":               "keyUsage",
	"2.5.29.16":               "privateKeyUsagePeriod",
	"2.5.29.17":               "subjectAltName",
	"2.5.29.18":               "issuerAltName",
	"2.5.29.19":               "basicConstraints",
	"2.5.29.20":               "cRLNumber",
	"2.5.29.21":               "cRLReason",
	"2.5.29.23":               "holdInstructionCode",
	"2.5.29.24":               "invalidityDate",
	"2.5.29.27":               "deltaCRLIndicator",
	"2.5.29.28":               "issuingDistributionPoint",
	"2.5.29.29":               "certificateIssuer",
	"2.5.29.30":               "nameConstraints",
	"2.5.29.31":               "crlDistributionPoints",
	"2.5.29.32":               "certificatePolicies",
	"2.5.29.33":               "policyMappings",
	"2.5.29.35":               "authorityKeyIdentifier",
	"2.5.29.36":               "policyConstraints",
	"2.5.29.37":               "extendedKeyUsage",
	"2.5.29.46":               "freshestCRL",
	"2.5.29.54":               "inhibitAnyPolicy",
	"1.3.6.1.5.5.7.1.1":       "authorityInfoAccess",
	"1.3.6.1.5.5.7.1.3":       "qcStatements",
	"1.3.6.1.5.5.7.1.11":      "subjectInfoAccess",
	"1.3.6.1.5.5.7.1.24":      "tlsFeature",
	"1.3.6.1.5.5.7.1.31":      "acmeIdentifier",
	"1.3.6.1.5.5.7.48.1.5":    "noCheck",
	"1.3.6.1.4.1.11129.2.4.2": "ctPrecertificateSCTs",
	"1.3.6.1.4.1.11129.2.4.3": "ctPrecertificatePoison",
	"1.3.6.1.4.1.311.20.2":    "msCertificateTemplateName",
	"1.3.6.1.4.1.311.21.7":    "msCertificateTemplate",
	"1.3.6.1.4.1.311.21.10":   "msApplicationPolicies",
	"2.16.840.1.113730.1.1":   "nsCertType",
	"2.16.840.1.113730.1.13":  "nsComment",
}

var usageNames = map[string]string{
	"2.5.29.37.0":            "anyExtendedKeyUsage",
	"1.3.6.1.5.5.7.3.1":      "serverAuth",
	"1.3.6.1.5.5.7.3.2":      "clientAuth",
	"1.3.6.1.5.5.7.3.3":      "codeSigning",
	"1.3.6.1.5.5.7.3.4":      "emailProtection",
	"1.3.6.1.5.5.7.3.5":      "ipsecEndSystem",
	"1.3.6.1.5.5.7.3.6":      "ipsecTunnel",
	"1.3.6.1.5.5.7.3.7":      "ipsecUser",
	"1.3.6.1.5.5.7.3.8":      "timeStamping",
	"1.3.6.1.5.5.7.3.9":      "OCSPSigning",
	"1.3.6.1.5.5.7.3.17":     "ipsecIKE",
	"1.3.6.1.5.2.3.4":        "pkInitClientAuth",
	"1.3.6.1.5.2.3.5":        "pkInitKDC",
	"1.3.6.1.4.1.311.20.2.2": "msSmartcardLogin",
	"1.3.6.1.4.1.311.10.3.3": "msServerGatedCrypto",
	"2.16.840.1.113730.4.1":  "nsServerGatedCrypto",
}

var otherNames = map[string]string{
	"1.3.6.1.4.1.311.20.2.3": "userPrincipalName",
	"1.3.6.1.5.5.7.8.5":      "xmppAddr",
	"1.3.6.1.5.5.7.8.7":      "srvName",
	"1.3.6.1.5.5.7.8.8":      "naiRealm",
	"1.3.6.1.5.5.7.8.9":      "smtpUTF8Mailbox",
	"1.3.6.1.5.2.2":          "krb5PrincipalName",
	"1.3.6.1.4.1.311.25.1":   "ntdsReplication",
}

var policyNames = map[string]string{
	"2.5.29.32.0":    "anyPolicy",
	"2.23.140.1.1":   "extended validation",
	"2.23.140.1.2.1": "domain validated",
	"2.23.140.1.2.2": "organization validated",
	"2.23.140.1.2.3": "individual validated",
}

var keyNames = map[string]string{
	"1.2.840.113549.1.1.1":    "RSA",
	"1.2.840.113549.1.1.10":   "RSA-PSS",
	"1.2.840.113549.1.3.1":    "DH",
	"1.2.840.10040.4.1":       "DSA",
	"1.2.840.10045.2.1":       "ECDSA",
	"1.3.101.110":             "X25519",
	"1.3.101.111":             "X448",
	"1.3.101.112":             "Ed25519",
	"1.3.101.113":             "Ed448",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44",
	"2.16.840.1.101.3.4.3.18": "ML-DSA-65",
	"2.16.840.1.101.3.4.3.19": "ML-DSA-87",
	"1.2.643.7.1.1.1.1":       "GOST R 34.10-2012, 256 bits",
	"1.2.643.7.1.1.1.2":       "GOST R 34.10-2012, 512 bits",
}

var algorithmNames = map[string]string{
	"1.2.840.113549.1.1.2":    "md2WithRSAEncryption",
	"1.2.840.113549.1.1.4":    "md5WithRSAEncryption",
	"1.2.840.113549.1.1.5":    "sha1WithRSAEncryption",
	"1.2.840.113549.1.1.10":   "rsassaPss",
	"1.2.840.113549.1.1.11":   "sha256WithRSAEncryption",
	"1.2.840.113549.1.1.12":   "sha384WithRSAEncryption",
	"1.2.840.113549.1.1.13":   "sha512WithRSAEncryption",
	"1.2.840.113549.1.1.14":   "sha224WithRSAEncryption",
	"1.2.840.10040.4.3":       "dsa-with-sha1",
	"2.16.840.1.101.3.4.3.2":  "dsa-with-SHA256",
	"1.2.840.10045.4.1":       "ecdsa-with-SHA1",
	"1.2.840.10045.4.3.1":     "ecdsa-with-SHA224",
	"1.2.840.10045.4.3.2":     "ecdsa-with-SHA256",
	"1.2.840.10045.4.3.3":     "ecdsa-with-SHA384",
	"1.2.840.10045.4.3.4":     "ecdsa-with-SHA512",
	"1.3.101.112":             "Ed25519",
	"1.3.101.113":             "Ed448",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44",
	"2.16.840.1.101.3.4.3.18": "ML-DSA-65",
	"2.16.840.1.101.3.4.3.19": "ML-DSA-87",
}

var curves = map[string]struct {
	name string
	bits int
}{
	"1.2.840.10045.3.1.1":   {"P-192", 192},
	"1.3.132.0.33":          {"P-224", 224},
	"1.2.840.10045.3.1.7":   {"P-256", 256},
	"1.3.132.0.34":          {"P-384", 384},
	"1.3.132.0.35":          {"P-521", 521},
	"1.3.132.0.10":          {"secp256k1", 256},
	"1.3.36.3.3.2.8.1.1.7":  {"brainpoolP256r1", 256},
	"1.3.36.3.3.2.8.1.1.11": {"brainpoolP384r1", 384},
	"1.3.36.3.3.2.8.1.1.13": {"brainpoolP512r1", 512},
	"1.2.156.10197.1.301":   {"SM2", 256},
}

// neverCritical lists the extensions that RFC 5280 requires to be non-critical.
var neverCritical = map[string]bool{
	"2.5.29.9":          true,
	"2.5.29.14":         true,
	"2.5.29.18":         true,
	"2.5.29.35":         true,
	"2.5.29.46":         true,
	"1.3.6.1.5.5.7.1.1": true,
}
