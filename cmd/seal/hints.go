package main

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/authority"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/trust"
)

// The packages of sealsock name no flags in their hints. These functions add the flags
// that carry out a hint, by the code of the error.

// withFlags appends the flags of this command to a hint.
func withFlags(hint, flags string) string {
	if hint == "" || flags == "" {
		return hint
	}
	return hint + " (" + flags + ")"
}

// anyFlag matches the name of a flag.
var anyFlag = regexp.MustCompile(`--[a-z][a-z-]*`)

// ownFlags removes from a hint what withFlags has added, if the command, whose flags these are,
// lacks one of them.
func ownFlags(hint string, flags *pflag.FlagSet) string {
	at := strings.LastIndex(hint, " (")
	if at < 0 || flags == nil || !strings.HasSuffix(hint, ")") ||
		strings.Contains(hint[at:], "seal ") {
		return hint
	}
	for _, flag := range anyFlag.FindAllString(hint[at:], -1) {
		if flags.Lookup(flag[2:]) == nil {
			return hint[:at]
		}
	}
	return hint
}

// trustHint is the hint of an error about the peer.
func trustHint(e *trust.Error) string {
	flags := ""
	switch e.Code {
	case trust.CodeUnknownAuthority, trust.CodeSelfSigned, trust.CodeSelfSignedInChain:
		flags = "--ca FILE, or --pin " + e.Pin.String()
	case trust.CodePinMismatch:
		flags = "--pin " + e.Pin.String()
	case trust.CodeNoRoots:
		flags = "--ca FILE"
	case trust.CodeNoName:
		flags = "--name NAME"
	case trust.CodeNameMismatch:
		if e.Certificate != nil && len(namesOf(e.Certificate)) > 0 {
			flags = "--name NAME"
		}
	case trust.CodeNoCertificate:
		flags = "seal connect --cert FILE --key FILE"
	case trust.CodeKnownPeers:
		flags = "--known-peers FILE"
	case trust.CodeRevocationUnknown, trust.CodeCRLExpired, trust.CodeCRLNotYetValid,
		trust.CodeCRLInvalid, trust.CodeOCSPInvalid, trust.CodeOCSPUnknown:
		flags = "--crl FILE, or --revocation prefer"
	}
	return withFlags(e.Hint, flags)
}

// identityHint is the hint of an error about a file with a certificate or key.
func identityHint(e *identity.Error) string {
	flags := ""
	switch e.Code {
	case identity.CodeEncrypted, identity.CodePassword:
		flags = "--key-password-file FILE"
	case identity.CodeNoKey:
		flags = "--key FILE"
	}
	return withFlags(e.Hint, flags)
}

// protocolFlags are the flags for the hint of an error of the engine.
func protocolFlags(e *engine.Error) string {
	switch {
	case e.Remedy == engine.RemedyLegacy:
		return "--legacy"
	case e.Remedy == engine.RemedyPSKWithoutDHE:
		return "--psk-without-dhe"
	case e.Fault == engine.FaultAlert && e.Alert == iana.AlertCertificateRequired:
		return "--cert FILE --key FILE"
	case e.Fault == engine.FaultAlert && e.Alert == iana.AlertUnknownPSKIdentity:
		return "--psk-file FILE"
	}
	return ""
}

// alertHints has what a user can do about alerts of the other side, where its error has no
// hint.
var alertHints = map[iana.Alert]string{
	iana.AlertInternalError: "the other side failed, or has reached its limit of clients: " +
		"see its log",
	iana.AlertAccessDenied: "the other side does not serve this client: see its log",
	iana.AlertUnsupportedCertificate: "use a certificate for this role (for a client, seal ca issue " +
		"--client NAME), with a kind of key that the other side supports",
}

// storeHint is the hint of a trust store that could not be changed.
func storeHint(r authority.StoreResult) string {
	if errors.Is(r.Err, fs.ErrPermission) {
		return withFlags(r.Hint, "sudo, with SEALSOCK_HOME set to your folder")
	}
	return r.Hint
}
