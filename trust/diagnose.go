package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/certtext"
)

// diagnose turns an error of crypto/x509, which reports the last path that it tried,
// into an error with the cause of the failure.
func diagnose(set *rootSet, certs []*x509.Certificate, purpose Purpose, now time.Time, err error) error {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return diagnoseTop(set, certs, now, err)
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		return diagnoseInvalid(certs, invalid, purpose, now)
	}
	var critical x509.UnhandledCriticalExtension
	if errors.As(err, &critical) {
		return diagnoseCritical(set, certs)
	}
	return &Error{Code: CodeOther, Certificate: certs[0], Err: err}
}

func diagnoseInvalid(certs []*x509.Certificate, invalid x509.CertificateInvalidError,
	purpose Purpose, now time.Time) error {
	leaf, c := certs[0], invalid.Cert
	if c == nil {
		c = leaf
	}
	e := &Error{Certificate: c}
	switch invalid.Reason {
	case x509.Expired:
		if err := checkDates(c, now); err != nil {
			return err
		}
		e.Code, e.Err = CodeOther, invalid
	case x509.NotAuthorizedToSign:
		e.Code = CodeNotAuthority
		e.Hint = "its issuer is not an authority: ask who issued it"
	case x509.TooManyIntermediates:
		e.Code = CodePathLength
		e.Expected = sprintf("at most %d", c.MaxPathLen)
		e.Hint = "the authority exceeded the path length that its issuer allows: ask another authority"
	case x509.IncompatibleUsage, x509.CANotAuthorizedForExtKeyUsage:
		return purposeError(leaf, purpose)
	case x509.CANotAuthorizedForThisName, x509.UnconstrainedName, x509.NameConstraintsWithoutSANs, x509.TooManyConstraints:
		e.Code, e.Err = CodeNameConstraint, errors.New(invalid.Detail)
		e.Certificate = bearer(certs, invalid.Detail)
		e.Hint = "ask an authority that may sign for these names; by default a local authority signs only for local names"
	case x509.NoValidChains:
		e.Code, e.Certificate = CodePolicies, leaf
	case x509.NameMismatch:
		e.Code, e.Certificate = CodeUnknownAuthority, leaf
	default:
		e.Code, e.Err = CodeOther, invalid
	}
	return e
}

func purposeError(leaf *x509.Certificate, purpose Purpose) error {
	e := &Error{Code: CodePurpose, Certificate: leaf, Got: usagesOf(leaf)}
	switch purpose {
	case PurposeServer:
		e.Expected = "server authentication"
	case PurposeClient:
		e.Expected = "client authentication"
	default:
		e.Expected = "any use"
	}
	e.Hint = "ask for a certificate with the extended key usage for " + e.Expected +
		"; its issuers must allow that use too"
	return e
}

func usagesOf(c *x509.Certificate) string {
	if usableForNothing(c) {
		return "an empty list of uses"
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 {
		return "no restriction of its own, but one in an issuer"
	}
	text := ""
	for i, u := range c.ExtKeyUsage {
		if i > 0 {
			text += ", "
		}
		text += usageName(u)
	}
	for i, oid := range c.UnknownExtKeyUsage {
		if i == 4 {
			break
		}
		if text != "" {
			text += ", "
		}
		text += oid.String()
	}
	return text
}

func usageName(u x509.ExtKeyUsage) string {
	switch u {
	case x509.ExtKeyUsageAny:
		return "any use"
	case x509.ExtKeyUsageServerAuth:
		return "server authentication"
	case x509.ExtKeyUsageClientAuth:
		return "client authentication"
	case x509.ExtKeyUsageCodeSigning:
		return "code signing"
	case x509.ExtKeyUsageEmailProtection:
		return "e-mail protection"
	case x509.ExtKeyUsageTimeStamping:
		return "time stamping"
	case x509.ExtKeyUsageOCSPSigning:
		return "OCSP signing"
	}
	return sprintf("use %d", u)
}

// bearer returns the certificate that has the name which crypto/x509 quotes in an
// error about name constraints, and the leaf if there is none.
func bearer(certs []*x509.Certificate, detail string) *x509.Certificate {
	for _, c := range certs {
		names := slices.Concat(c.DNSNames, c.EmailAddresses)
		for _, ip := range c.IPAddresses {
			names = append(names, ip.String())
		}
		for _, u := range c.URIs {
			names = append(names, u.String())
		}
		for _, n := range names {
			if strings.Contains(detail, strconv.Quote(n)) {
				return c
			}
		}
	}
	return certs[0]
}

func diagnoseCritical(set *rootSet, certs []*x509.Certificate) error {
	for _, c := range certs {
		if len(unhandled(c)) > 0 {
			return criticalError(c)
		}
		for _, root := range set.bySubject(c.RawIssuer) {
			if len(unhandled(root)) > 0 {
				return criticalError(root)
			}
		}
	}
	return &Error{Code: CodeUnhandledExtension, Certificate: certs[0]}
}

func criticalError(c *x509.Certificate) error {
	return &Error{Code: CodeUnhandledExtension, Certificate: c,
		Got:  "extension " + unhandled(c)[0].String(),
		Hint: "the extension restricts the certificate in a way that is not supported, so the certificate must be rejected"}
}

// maxInquiries bounds the signatures that are checked for the sake of a better
// error: a peer can send certificates that could all have signed one another.
const maxInquiries = 40

// inquiry asks what was wrong with a path, within bounds.
type inquiry struct {
	now  time.Time
	left int
}

// diagnoseTop follows names and signatures from the leaf upwards as far as they lead,
// and returns what was wrong at that point.
func diagnoseTop(set *rootSet, certs []*x509.Certificate, now time.Time, cause error) error {
	leaf, top := certs[0], certs[0]
	twin := false
	q := &inquiry{now, maxInquiries}
	for q.left > 0 {
		if q.selfSigned(top) {
			return selfSignedError(leaf, top, twin)
		}
		trusted := set.bySubject(top.RawIssuer)
		named := namedBy(top, trusted)
		twin = twin || len(named) < len(trusted)
		if _, err := q.parents(top, named); err != nil {
			return err
		}
		above, err := q.parents(top, namedBy(top, issuersAmong(certs, top)))
		if err != nil {
			return err
		}
		if above == nil {
			break
		}
		top = above
	}
	e := &Error{Code: CodeUnknownAuthority, Certificate: leaf,
		Got: sprintf("%s, which is neither sent by the peer nor among the roots", quoteName(top.Issuer))}
	var unknown x509.UnknownAuthorityError
	if !errors.As(cause, &unknown) {
		e.Err = cause
	}
	e.Hint = "if you know that authority, add it to the roots; if it is an intermediate, the peer should send " +
		"its certificate; to accept this peer alone, pin its key"
	if twin {
		e.Hint = twinHint + e.Hint
	}
	return e
}

// twinHint comes before other hints if a trusted authority has the issuer's name but
// another key.
const twinHint = "a trusted authority has the same name but another key: compare the fingerprints of the two; "

// namedBy leaves the certificates that a child's authority key identifier
// points to, where both sides have one.
func namedBy(child *x509.Certificate, parents []*x509.Certificate) []*x509.Certificate {
	var named []*x509.Certificate
	for _, p := range parents {
		if len(child.AuthorityKeyId) == 0 || len(p.SubjectKeyId) == 0 || bytes.Equal(child.AuthorityKeyId, p.SubjectKeyId) {
			named = append(named, p)
		}
	}
	return named
}

// parents finds the certificate that signed child among those that have the
// issuer's name. If there are such and none did, it returns why the first cannot
// have signed it.
func (q *inquiry) parents(child *x509.Certificate, parents []*x509.Certificate) (*x509.Certificate, error) {
	var first error
	for _, parent := range parents {
		if q.left == 0 {
			break
		}
		q.left--
		err := diagnoseLink(child, parent, q.now)
		if err == nil {
			return parent, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (q *inquiry) selfSigned(c *x509.Certificate) bool {
	if !certtext.SelfIssued(c) {
		return false
	}
	q.left--
	return selfSigned(c)
}

func diagnoseLink(child, parent *x509.Certificate, now time.Time) error {
	if len(unhandled(parent)) > 0 {
		return criticalError(parent)
	}
	if err := checkKey(parent); err != nil {
		return err
	}
	err := child.CheckSignatureFrom(parent)
	var insecure x509.InsecureAlgorithmError
	var constraint x509.ConstraintViolationError
	switch {
	case errors.As(err, &insecure):
		return &Error{Code: CodeWeakSignature, Certificate: child, Got: child.SignatureAlgorithm.String(),
			Hint: "ask for a new certificate; authorities no longer sign with this hash"}
	case errors.As(err, &constraint):
		return &Error{Code: CodeNotAuthority, Certificate: parent,
			Hint: "it signed " + certtext.Describe(child) + " but is not allowed to: ask who issued it"}
	case errors.Is(err, x509.ErrUnsupportedAlgorithm):
		if parent.PublicKey != nil { // which is supported: its signature is not
			return &Error{Code: CodeBadSignature, Certificate: child,
				Got:  "a signature algorithm that is not supported",
				Hint: "ask for a certificate that is signed with ECDSA, Ed25519, RSA or pure ML-DSA"}
		}
		return unsupportedKey(parent, keyName(parent))
	case err != nil:
		return &Error{Code: CodeBadSignature, Certificate: child,
			Got:  "a signature that does not verify with the key of " + quoteName(parent.Subject),
			Hint: "another authority has the same name, or the certificate was changed: compare the fingerprints of the authority's certificate"}
	}
	return checkDates(parent, now)
}

func selfSignedError(leaf, top *x509.Certificate, twin bool) error {
	if top == leaf {
		return &Error{Code: CodeSelfSigned, Certificate: leaf,
			Hint: "if you know its origin, add it to the roots or pin its key"}
	}
	e := &Error{Code: CodeSelfSignedInChain, Certificate: leaf, Got: quoteName(top.Subject),
		Hint: "a root that the peer sends proves nothing: if you know it, add it to the roots, or pin the peer's key"}
	if twin {
		e.Hint = twinHint + e.Hint
	}
	return e
}

func issuersAmong(certs []*x509.Certificate, child *x509.Certificate) []*x509.Certificate {
	var found []*x509.Certificate
	for _, c := range certs[1:] {
		if c != child && bytes.Equal(c.RawSubject, child.RawIssuer) {
			found = append(found, c)
		}
	}
	return found
}

func selfSigned(c *x509.Certificate) bool {
	return certtext.SelfIssued(c) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}
