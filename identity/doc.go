// Package identity loads who I am: a certificate, the chain that leads to its
// authority, and the key that proves it.
//
// [Load] reads files as they come: PEM or DER, key and chain in one file or in
// two, PKCS#8, PKCS#1 or SEC 1 keys, encrypted or not, and PKCS#12. What it
// cannot read it explains: an [*Error] names the file, what it holds instead,
// and what to do. A chain in the wrong order is put right, and
// [Identity.Notes] reports it.
//
// A key need not be a file: [New] takes any crypto.Signer, as PKCS#11 modules,
// agents and cloud services offer.
package identity
