package trust

import (
	"crypto/x509"
	"errors"
)

// As sets target, for errors.As, to the error of package crypto/x509 for the same refusal:
// an x509.HostnameError, x509.UnknownAuthorityError or x509.CertificateInvalidError.
func (e *Error) As(target any) bool {
	if e == nil || e.Certificate == nil || errors.As(e.Err, target) {
		return e != nil && errors.As(e.Err, target)
	}
	switch t := target.(type) {
	case *x509.HostnameError:
		if e.Code != CodeNameMismatch && e.Code != CodePublicName {
			return false
		}
		*t = x509.HostnameError{Certificate: e.Certificate, Host: e.host}
	case *x509.UnknownAuthorityError:
		if !unknownAuthority[e.Code] {
			return false
		}
		*t = x509.UnknownAuthorityError{Cert: e.Certificate}
	case *x509.CertificateInvalidError:
		reason, ok := invalidReasons[e.Code]
		if !ok {
			return false
		}
		*t = x509.CertificateInvalidError{Cert: e.Certificate, Reason: reason, Detail: e.Got}
	default:
		return false
	}
	return true
}

// unknownAuthority has the codes that crypto/x509 has one error for.
var unknownAuthority = map[Code]bool{
	CodeUnknownAuthority: true, CodeSelfSigned: true, CodeSelfSignedInChain: true,
	CodePartialChain: true, CodeBadSignature: true,
}

// invalidReasons has the reasons of crypto/x509.
var invalidReasons = map[Code]x509.InvalidReason{
	CodeExpired: x509.Expired, CodeNotYetValid: x509.Expired,
	CodePurpose: x509.IncompatibleUsage, CodeNotAuthority: x509.NotAuthorizedToSign,
	CodeNameConstraint: x509.CANotAuthorizedForThisName, CodePathLength: x509.TooManyIntermediates,
}
