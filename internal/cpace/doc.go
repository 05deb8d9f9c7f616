// Package cpace is CPace, a key exchange of two parties who share a password: the cipher
// suite CPACE-RISTR255-SHA512 of draft-irtf-cfrg-cpace, with an initiator and a responder.
//
// Who takes part in an exchange without the password learns nothing about it, except whether
// one guess was right: each further guess needs another exchange. Who only listens, and
// learns the password later, does not learn the key.
package cpace
