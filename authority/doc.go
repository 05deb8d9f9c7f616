// Package authority is a small private certificate authority in a folder.
//
// [OpenOrCreate] makes a root and an intermediate on first use, and
// [Authority.Issue] signs leaves for servers and clients. Unless it is made
// otherwise, both authorities carry name constraints: they can vouch for this
// machine and for local networks only, so that a root that is installed for
// convenience cannot be used against the names of others. See [LocalNames].
//
// # What is on disk
//
// The folder has mode 0700 and its files 0600:
//
//	authority.json     settings; written last, so its presence means complete
//	root.pem           certificate of the root; the one thing others need
//	root.key           its key, used only to sign the intermediate
//	intermediate.pem   certificate that signs leaves, sent along with them
//	intermediate.key   its key
//	journal            one line of JSON for each certificate and revocation
//	journal.head       how many lines there are, and their hash
//	list.crl, root.crl the newest revocation lists
//	leaves/            certificates with keys kept for [Authority.ForNames]
//	lock               locked by the process that writes
//
// Every file is replaced by writing another and renaming it. The journal only
// grows: a line is on the disk before the certificate it tells of leaves the
// package, so no serial number is ever used without a record; a line cut off by a
// crash belongs to a certificate that was not returned, and is dropped.
//
// A journal that lost lines would give certificates back that were revoked. So
// journal.head counts its lines, and each revocation also goes into list.crl at
// once. While they contradict each other every method returns an error that wraps
// [ErrDamaged], and [Authority.Repair] makes one record of what is left. No list
// is ever signed that revokes less than the list before it.
package authority
