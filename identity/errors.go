package identity

import (
	"fmt"
)

// Error is why a file or bytes are no identity.
type Error struct {
	// Code is the reason.
	Code Code
	// File is the name of the file at fault; empty for bytes.
	File string
	// Detail tells more: what was found, where, which two things disagree.
	Detail string
	// Hint tells what to do.
	Hint string
	// Err is the cause beneath, if any.
	Err error
}

// Code is the reason why an identity could not be loaded.
type Code uint8

// The reasons.
const (
	CodeOther                Code = iota
	CodeNotFound                  // no such file
	CodePermission                // not allowed to read it
	CodeDirectory                 // a directory
	CodeUnreadable                // reading failed
	CodeTooLarge                  // larger than any key or chain
	CodeEmpty                     // nothing in it
	CodeUnknownFormat             // neither PEM nor DER nor PKCS#12
	CodeBrokenPEM                 // a PEM block that is cut off or mangled
	CodeForeignFormat             // another program's format: OpenSSH, PuTTY, PGP, Java
	CodeNoCertificate             // no certificate among what it holds
	CodeNoKey                     // no private key among what it holds
	CodeMalformedCertificate      // a certificate that cannot be read
	CodeMalformedKey              // a key that cannot be read
	CodeSeveralKeys               // more than one private key
	CodeMismatch                  // the key does not belong to the certificate
	CodeEncrypted                 // a password is needed
	CodeWrongPassword             // the password is wrong
	CodePassword                  // the password could not be had
	CodeUnsupportedCipher         // encrypted in a way that is not supported
	CodeUnsupportedCurve          // an elliptic curve that TLS here does not use
	CodeUnsupportedKey            // a key of a kind that cannot sign here
	CodeWeakKey                   // an RSA key of an unsafe size
	CodeBrokenChain               // certificates that do not belong together
)

// reasons gives each code a short name and its sentence.
var reasons = [...]struct{ name, sentence string }{
	CodeOther:                {"unspecified", "cannot be used"},
	CodeNotFound:             {"not-found", "does not exist"},
	CodePermission:           {"permission", "cannot be read by this user: permission denied"},
	CodeDirectory:            {"directory", "is a directory"},
	CodeUnreadable:           {"unreadable", "cannot be read"},
	CodeTooLarge:             {"too-large", "is too large to be a certificate or key"},
	CodeEmpty:                {"empty", "is empty"},
	CodeUnknownFormat:        {"unknown-format", "is neither PEM nor DER nor PKCS#12"},
	CodeBrokenPEM:            {"broken-pem", "has a malformed PEM block"},
	CodeForeignFormat:        {"foreign-format", "is in another program's format"},
	CodeNoCertificate:        {"no-certificate", "contains no certificate"},
	CodeNoKey:                {"no-key", "contains no private key"},
	CodeMalformedCertificate: {"malformed-certificate", "has a certificate that cannot be read"},
	CodeMalformedKey:         {"malformed-key", "has a private key that cannot be read"},
	CodeSeveralKeys:          {"several-keys", "contains more than one private key"},
	CodeMismatch:             {"mismatch", "is not the key of the certificate"},
	CodeEncrypted:            {"encrypted", "is encrypted and needs a password"},
	CodeWrongPassword:        {"wrong-password", "cannot be decrypted: the password is wrong"},
	CodePassword:             {"password", "is encrypted, and its password could not be obtained"},
	CodeUnsupportedCipher:    {"unsupported-cipher", "is encrypted in a way that is not supported"},
	CodeUnsupportedCurve:     {"unsupported-curve", "has a key on an elliptic curve that is not supported"},
	CodeUnsupportedKey:       {"unsupported-key", "has a key of a type that is not supported"},
	CodeWeakKey:              {"weak-key", "has an RSA key of an unsafe size"},
	CodeBrokenChain:          {"broken-chain", "has certificates that do not form a chain"},
}

// String returns a short name for the code, such as "wrong-password"; it does
// not change between versions.
func (c Code) String() string {
	if int(c) < len(reasons) {
		return reasons[c].name
	}
	return fmt.Sprintf("code-%d", uint8(c))
}

// Error returns one line without the hint.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	subject, sentence := e.File, reasons[CodeOther].sentence
	if subject == "" {
		subject = "the data"
	}
	if int(e.Code) < len(reasons) {
		sentence = reasons[e.Code].sentence
	}
	text := subject + " " + sentence
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause beneath.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}
