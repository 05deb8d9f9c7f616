package trust

import "github.com/sealsock/sealsock/iana"

// Alert returns the alert for the refusal (RFC 9846, Section 6.2). It reveals less
// than the error: a peer learns that its certificate is bad, not what this side would
// have accepted.
func (e *Error) Alert() iana.Alert {
	if e == nil {
		return iana.AlertInternalError
	}
	switch e.Code {
	case CodeNoCertificate:
		return iana.AlertCertificateRequired
	case CodeUnknownAuthority, CodeSelfSigned, CodeSelfSignedInChain, CodePartialChain, CodeChainTooLong, CodePathLength, CodeNotAuthority,
		CodeDistrusted:
		return iana.AlertUnknownCA
	case CodeExpired, CodeNotYetValid:
		return iana.AlertCertificateExpired
	case CodePurpose, CodeUnsupportedKey, CodeUnhandledExtension, CodeWeakKey, CodeWeakSignature:
		return iana.AlertUnsupportedCertificate
	case CodeMalformed, CodeBadSignature, CodeNameMismatch, CodePublicName, CodeNameConstraint, CodePolicies, CodeStrict:
		return iana.AlertBadCertificate
	case CodeRevoked:
		return iana.AlertCertificateRevoked
	case CodeMustStaple:
		return iana.AlertBadCertificateStatusResponse
	case CodeNoRoots, CodeNoName:
		return iana.AlertInternalError
	}
	return iana.AlertCertificateUnknown
}
