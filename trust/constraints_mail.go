package trust

import (
	"crypto/x509"
	encodingasn1 "encoding/asn1"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// subjectMails returns the e-mail addresses in the subject. RFC 5280, Section
// 4.2.1.10: constraints "MUST be applied to the attribute of type emailAddress in the
// subject distinguished name" if there is no such alternative name. Here, as in
// OpenSSL, they apply in any case.
func subjectMails(c *x509.Certificate) []string {
	var mails []string
	for _, attribute := range c.Subject.Names {
		if attribute.Type.Equal(oidMailAddress) {
			text, _ := attribute.Value.(string) // of another type it is refused where it is constrained
			mails = append(mails, text)
		}
	}
	return mails
}

var oidMailAddress = encodingasn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

// readUnicodeMail returns the address of a SmtpUTF8Mailbox. RFC 9598, Section 6:
// constraints on e-mail addresses apply to it.
func readUnicodeMail(content cryptobyte.String) (string, bool) {
	var value, text cryptobyte.String
	ok := content.SkipASN1(asn1.OBJECT_IDENTIFIER) && content.ReadASN1(&value, explicit(0)) &&
		content.Empty() && value.ReadASN1(&text, asn1.UTF8String) && value.Empty()
	return string(text), ok
}

// cutMailbox splits an address that can be compared: what other programs may take for
// another address cannot. Such are quoted local parts, comments, spaces, and hosts
// that are not in ASCII or end with a period.
func cutMailbox(address string) (local, host string, ok bool) {
	local, host, _ = strings.Cut(address, "@")
	plain := local != "" && utf8.ValidString(local) && isASCII(host) && validLabels(host) &&
		!strings.ContainsFunc(address, unicode.IsSpace) &&
		!strings.ContainsFunc(address, unicode.IsControl) &&
		!strings.ContainsAny(local, `"\(),:;<>[]`) && !strings.ContainsAny(host, `@"\(),;<>`)
	return local, host, plain
}
