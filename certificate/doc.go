// Package certificate decodes certificates for inspection: every field, as Go
// values, JSON or text, whether or not the certificate is valid.
//
// [Parse] also accepts certificates that crypto/x509 rejects: those with
// negative serial numbers, unknown curves, malformed extensions or names with
// NUL characters. It lists such defects in Problems. A malformed extension does
// not prevent the decoding of the others. This package does not verify
// certificates; package trust does.
//
// [Read] reads a file in PEM, DER or PKCS#12 and returns its certificates,
// requests, revocation lists and keys in order. For a private key it returns
// only the public key.
package certificate
