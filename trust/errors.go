package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
)

// Error describes why a peer was refused. Every error of this package's verifying
// functions is one, so that a caller can act on its Code.
type Error struct {
	// Code is the reason.
	Code Code
	// Certificate is the one at fault; nil if there is none, as with a raw
	// public key.
	Certificate *x509.Certificate
	// Expected and Got are what was expected and what was found, where both
	// are known. Text that came from the peer is quoted in them.
	Expected, Got string
	// Hint describes what to do.
	Hint string
	// Received are the peer's certificates, leaf first, unverified as they
	// are; nil if they could not be read.
	Received []*x509.Certificate
	// Pin is the pin of the peer's own key, for Policy.Pins; zero if the peer sent
	// no key that could be read.
	Pin Pin
	// Err is the cause beneath, if any.
	Err error

	host string // of CodeNameMismatch
}

// Code is the reason of a refusal.
type Code uint8

// The reasons.
const (
	CodeOther              Code = iota
	CodeNoCertificate           // the peer sent none
	CodeMalformed               // bytes that are no certificate or key
	CodeNoRoots                 // no root to judge by could be loaded
	CodeUnknownAuthority        // the issuer is neither sent nor trusted
	CodeSelfSigned              // the leaf is self-signed and not trusted
	CodeSelfSignedInChain       // the chain ends in a root that is not trusted
	CodePartialChain            // the path ends in a trusted certificate that is no root
	CodeBadSignature            // a signature does not match its issuer's key
	CodeExpired                 // its last day has passed
	CodeNotYetValid             // its first day is to come
	CodeNameMismatch            // the names it has do not include the expected one
	CodePublicName              // the public name of Encrypted ClientHello is not among its names
	CodeNoName                  // there is no usable name to expect
	CodePurpose                 // not meant for this use
	CodeNotAuthority            // it signed a certificate but may not
	CodeNameConstraint          // an authority may not sign for these names
	CodeChainTooLong            // too many certificates
	CodePathLength              // an authority exceeded the path length of one above it
	CodeUnhandledExtension      // a critical extension that is not understood
	CodeWeakKey                 // an RSA key too small or too large
	CodeUnsupportedKey          // a key of a kind that is not supported
	CodeWeakSignature           // SHA-1 or worse
	CodeStrict                  // breaks a rule that only strict checking enforces
	CodePolicies                // its certificate policies contradict each other
	CodePinMismatch             // none of the pinned keys
	CodeRevoked                 // its authority withdrew it
	CodeRevocationUnknown       // whether it was withdrawn cannot be found out, and must be
	CodeCRLExpired              // the revocation list is out of date
	CodeCRLNotYetValid          // the revocation list is of the future
	CodeCRLInvalid              // the revocation list cannot be used for it
	CodeOCSPInvalid             // the OCSP response cannot be used
	CodeOCSPUnknown             // the OCSP responder does not know it
	CodeMustStaple              // it requires a staple and came without one
	CodePeerChanged             // another key than the file of known peers has
	CodeUnknownPeer             // a new peer that was not accepted
	CodeKnownPeers              // the file of known peers cannot be used
	CodeCallback                // the caller's own check refused it
	CodeDistrusted              // the settings of a root do not allow this use
)

// reasons gives each code its sentence, its number in OpenSSL's list of
// verification errors (x509_vfy.h, X509_V_ERR_…), and a name.
var reasons = [...]struct {
	name     string
	openssl  int
	sentence string
}{
	CodeOther:              {"unspecified", 1, "cannot be verified"},
	CodeNoCertificate:      {"no-certificate", 65, "the peer sent no certificate"},
	CodeMalformed:          {"malformed", 13, "is malformed"},
	CodeNoRoots:            {"no-roots", 69, "no trusted root could be loaded"},
	CodeUnknownAuthority:   {"unknown-authority", 20, "is signed by an unknown authority"},
	CodeSelfSigned:         {"self-signed", 18, "is self-signed and not trusted"},
	CodeSelfSignedInChain:  {"untrusted-root", 19, "has a chain to a root that is not trusted"},
	CodePartialChain:       {"partial-chain", 2, "has no chain to a self-signed root"},
	CodeBadSignature:       {"bad-signature", 7, "has a signature that does not verify with its issuer's key"},
	CodeExpired:            {"expired", 10, "has expired"},
	CodeNotYetValid:        {"not-yet-valid", 9, "is not valid yet"},
	CodeNameMismatch:       {"name-mismatch", 62, "is for another name"},
	CodePublicName:         {"public-name", 62, "is not for the public name of Encrypted ClientHello"},
	CodeNoName:             {"no-name", 62, "cannot be verified without an expected name"},
	CodePurpose:            {"wrong-purpose", 26, "is not valid for this use"},
	CodeNotAuthority:       {"not-an-authority", 79, "may not sign certificates"},
	CodeNameConstraint:     {"name-constraint", 47, "has a name that its authority may not sign for"},
	CodeChainTooLong:       {"chain-too-long", 22, "has a chain that is too long"},
	CodePathLength:         {"path-length", 25, "allows fewer authorities below it than the chain has"},
	CodeUnhandledExtension: {"unhandled-extension", 34, "has a critical extension that is not supported"},
	CodeWeakKey:            {"weak-key", 66, "has an RSA key of an unsafe size"},
	CodeUnsupportedKey:     {"unsupported-key", 6, "has a key that cannot be used"},
	CodeWeakSignature:      {"weak-signature", 68, "is signed with a broken hash"},
	CodeStrict:             {"not-strict", 1, "breaks a rule of RFC 5280"},
	CodePolicies:           {"policies", 43, "has certificate policies that contradict each other"},
	CodePinMismatch:        {"pin-mismatch", 50, "has a key that is not pinned"},
	CodeRevoked:            {"revoked", 23, "was revoked"},
	CodeRevocationUnknown:  {"revocation-unknown", 3, "may have been revoked: its status is unknown"},
	CodeCRLExpired:         {"crl-expired", 12, "may have been revoked: its revocation list expired"},
	CodeCRLNotYetValid:     {"crl-not-yet-valid", 11, "may have been revoked: its revocation list is not valid yet"},
	CodeCRLInvalid:         {"crl-invalid", 8, "may have been revoked: its revocation list cannot be used"},
	CodeOCSPInvalid:        {"ocsp-invalid", 74, "may have been revoked: the OCSP response cannot be used"},
	CodeOCSPUnknown:        {"ocsp-unknown", 75, "may have been revoked: the OCSP responder does not know it"},
	CodeMustStaple:         {"must-staple", 73, "requires a stapled OCSP response, and no usable one was sent"},
	CodePeerChanged:        {"peer-changed", 50, "is not the one in the file of known peers"},
	CodeUnknownPeer:        {"unknown-peer", 50, "has a key that is not known"},
	CodeKnownPeers:         {"known-peers", 50, "cannot be compared with the known peers"},
	CodeCallback:           {"callback", 50, "was refused by the application"},
	CodeDistrusted:         {"distrusted", 28, "is not trusted for this use by the settings of the roots"},
}

// String returns a short name for the code, such as "name-mismatch"; it does
// not change between versions.
func (c Code) String() string {
	if int(c) < len(reasons) {
		return reasons[c].name
	}
	return sprintf("code-%d", uint8(c))
}

// OpenSSL returns the code's number in OpenSSL's list (X509_V_ERR_…), which
// Python's ssl module reports as verify_code. Reasons that OpenSSL does not
// know are 50, its "application verification failure".
func (c Code) OpenSSL() int {
	if int(c) < len(reasons) {
		return reasons[c].openssl
	}
	return 1
}

// Error returns one line: the certificate concerned, the reason, and what was
// expected and found. The hint is not part of it.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	b.WriteString(e.refusal())
	switch {
	case e.Expected != "" && e.Got != "":
		b.WriteString(": expected " + e.Expected + ", got " + e.Got)
	case e.Expected != "":
		b.WriteString(": expected " + e.Expected)
	case e.Got != "":
		b.WriteString(": " + e.Got)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// refusal returns what is at fault and the sentence of the code.
func (e *Error) refusal() string {
	sentence := reasons[CodeOther].sentence
	if int(e.Code) < len(reasons) {
		sentence = reasons[e.Code].sentence
	}
	switch {
	case e.Code == CodeNoCertificate || e.Code == CodeNoRoots:
		return sentence
	case e.Certificate != nil:
		return "certificate " + certtext.Describe(e.Certificate) + " " + sentence
	case e.Code == CodePinMismatch || e.Code == CodePeerChanged || e.Code == CodeUnknownPeer:
		return "the peer " + sentence
	}
	return "the certificate " + sentence
}

// Unwrap returns the cause beneath.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// MarshalJSON writes the error for programs: code, OpenSSL's number, message,
// hint, both sides, the alert that is sent, and the certificate's subject,
// issuer, serial number, dates and SHA-256.
func (e *Error) MarshalJSON() ([]byte, error) {
	if e == nil {
		return []byte("null"), nil
	}
	type certificate struct {
		Subject   string    `json:"subject"`
		Issuer    string    `json:"issuer"`
		Serial    string    `json:"serial"`
		NotBefore time.Time `json:"not_before"`
		NotAfter  time.Time `json:"not_after"`
		SHA256    string    `json:"sha256"`
	}
	out := struct {
		Code        string       `json:"code"`
		OpenSSL     int          `json:"openssl_code"`
		Message     string       `json:"message"`
		Hint        string       `json:"hint,omitempty"`
		Expected    string       `json:"expected,omitempty"`
		Got         string       `json:"got,omitempty"`
		Alert       string       `json:"alert"`
		Certificate *certificate `json:"certificate,omitempty"`
	}{e.Code.String(), e.Code.OpenSSL(), e.Error(), e.Hint, e.Expected, e.Got, e.Alert().String(), nil}
	if c := e.Certificate; c != nil {
		sum := sha256.Sum256(c.Raw)
		out.Certificate = &certificate{
			Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: certtext.Serial(c),
			NotBefore: certtext.Encodable(c.NotBefore), NotAfter: certtext.Encodable(c.NotAfter),
			SHA256: hex.EncodeToString(sum[:]),
		}
	}
	return json.Marshal(out)
}

var sprintf = fmt.Sprintf

func callbackError(leaf *x509.Certificate, err error) error {
	if own, ok := err.(*Error); ok {
		return own
	}
	return &Error{Code: CodeCallback, Certificate: leaf, Err: err}
}
