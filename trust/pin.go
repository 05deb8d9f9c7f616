package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/internal/certtext"
)

// Pin is the SHA-256 of a public key in DER (SubjectPublicKeyInfo). Unlike a
// hash of a certificate it stays the same when the certificate is renewed with
// its key. Pins are public and may be compared with ==.
type Pin [sha256.Size]byte

// ParsePin reads "sha256/" followed by Base64, as RFC 7469 and curl have it
// (curl's "sha256//" too), or 64 hexadecimal digits with or without colons,
// after "sha256/", "sha256:" or nothing.
func ParsePin(text string) (Pin, error) {
	body := strings.TrimSpace(text)
	for _, prefix := range []string{"sha256/", "sha256:", "SHA256:"} {
		if rest, ok := strings.CutPrefix(body, prefix); ok {
			body = rest
			break
		}
	}
	if raw, err := hex.DecodeString(strings.ReplaceAll(body, ":", "")); err == nil && len(raw) == sha256.Size {
		return Pin(raw), nil
	}
	body = strings.TrimRight(body, "=")
	if len(body) > base64.RawStdEncoding.EncodedLen(sha256.Size) {
		// The second slash of curl's form, and not one that is Base64.
		body = strings.TrimPrefix(body, "/")
	}
	raw, err := base64.RawStdEncoding.DecodeString(body)
	if err != nil || len(raw) != sha256.Size {
		return Pin{}, fmt.Errorf("%s is not a pin: expected sha256/ and the Base64 of 32 bytes, or 64 hexadecimal digits", certtext.Quote(text))
	}
	return Pin(raw), nil
}

// PinOf returns the pin of a certificate's key. Of nil it is the zero Pin, which no key has.
func PinOf(c *x509.Certificate) Pin {
	if c == nil {
		return Pin{}
	}
	return pinOf(c.RawSubjectPublicKeyInfo)
}

// String returns the pin as "sha256/" and Base64.
func (p Pin) String() string { return "sha256/" + base64.StdEncoding.EncodeToString(p[:]) }

func pinOf(spki []byte) Pin { return sha256.Sum256(spki) }

// checkPins leaves the paths on which a certificate has one of the pinned
// keys.
func (p *Policy) checkPins(result *Result) error {
	var kept [][]*x509.Certificate
	for _, chain := range result.Chains {
		if pin, ok := p.pinIn(chain); ok {
			if len(kept) == 0 {
				result.Pin = pin
			}
			kept = append(kept, chain)
		}
	}
	if len(kept) == 0 {
		return p.pinError(result.Leaf)
	}
	result.Chains = kept
	return nil
}

// checkLeafPin requires the leaf itself to have a pinned key.
func (p *Policy) checkLeafPin(result *Result) error {
	pin, ok := p.pinIn([]*x509.Certificate{result.Leaf})
	if !ok {
		return p.pinError(result.Leaf)
	}
	result.Pin = pin
	return nil
}

func (p *Policy) pinIn(chain []*x509.Certificate) (Pin, bool) {
	for _, c := range chain {
		have := PinOf(c)
		for _, want := range p.Pins {
			if want == have {
				return want, true
			}
		}
	}
	return Pin{}, false
}

func (p *Policy) pinError(leaf *x509.Certificate) error {
	have := PinOf(leaf)
	return &Error{Code: CodePinMismatch, Certificate: leaf, Expected: pinList(p.Pins), Got: have.String(),
		Hint: "if its owner confirms over another channel that the key was changed, pin the new one"}
}

func pinList(pins []Pin) string {
	if len(pins) == 0 {
		return "a pinned key"
	}
	texts := make([]string, 0, len(pins))
	for i, p := range pins {
		if i == 4 {
			texts = append(texts, sprintf("%d more", len(pins)-i))
			break
		}
		texts = append(texts, p.String())
	}
	return strings.Join(texts, " or ")
}
