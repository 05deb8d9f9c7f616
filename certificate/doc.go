// Package certificate shows certificates as data: every field decoded, as Go
// values, JSON or text, whether or not anyone would trust them.
//
// [Parse] reads what crypto/x509 refuses, too: negative serial numbers, unknown
// curves, broken extensions, names with NUL characters. What is odd about a
// certificate is listed in its Problems; what cannot be read in one extension
// does not hide the others. Nothing here decides about trust: package trust
// does.
//
// [Read] takes a file apart, in PEM, DER or PKCS#12, and returns certificates,
// requests, revocation lists and keys in the order in which they stand. Of a
// private key it shows the public half only.
package certificate
