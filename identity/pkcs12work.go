package identity

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // PBKDF2's default in RFC 8018
	"crypto/sha256"
	"errors"
	"strings"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealsock/sealsock/internal/linked"
)

// The library that reads PKCS#12 derives keys with as many iterations as the file
// asks for, and parses keys of any size. So what a file asks for is added up
// before the library sees it. A file of a form that is not understood here is
// refused: the library might read it in another way.

// The bounds on a PKCS#12 file.
const (
	maxSafes   = 2   // the library reads no more
	maxBags    = 128 // in all
	maxDerived = 64  // bytes that a key derivation may be asked for
)

var errWork = errors.New("it requires more than 2 million iterations in total")

// pfx is the outside of a PKCS#12 file (RFC 7292, Section 4).
type pfx struct {
	safes []safe
	work  int // iterations that are asked for where it is not encrypted
	bags  int
}

// safe is an element of AuthenticatedSafe, with its header.
type safe struct {
	raw       []byte
	encrypted bool
}

// checkWork refuses a file that would keep its reader busy for long.
func checkWork(data []byte, file string) (*pfx, error) {
	if linked.DecodePKCS12 == nil {
		return nil, errNoPKCS12(file)
	}
	p, err := parsePFX(data)
	if err != nil {
		return nil, &Error{Code: CodeUnsupportedCipher, File: file, Err: err, Hint: exportHint}
	}
	return p, nil
}

const exportHint = "export it again with usual settings: " +
	"openssl pkcs12 -export -in cert.pem -inkey key.pem -out new.p12"

var (
	errForm = errors.New("its structure is not that of RFC 7292 in DER")
	errKDF  = errors.New("its key derivation is not PBKDF2 or that of PKCS#12")
)

// Object identifiers of PKCS#12, as contents.
const (
	oidData        = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
	oidEncrypted   = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"
	oidBags        = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01" // and one byte
	oidPKCS12PBE   = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01"     // and one byte
	oidPBMAC1      = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"
	oidSHA256      = "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	oidKeyBag      = oidBags + "\x01"
	oidShroudedBag = oidBags + "\x02"
)

var explicit0 = asn1.Tag(0).ContextSpecific().Constructed()

// cursor reads DER; after the first element of another kind than asked for it is
// bad, and returns nothing more.
type cursor struct {
	cryptobyte.String
	bad bool
}

// in returns the content of the next element, which has a tag.
func (c *cursor) in(tag asn1.Tag) *cursor {
	var content cryptobyte.String
	c.bad = c.bad || !c.ReadASN1(&content, tag)
	return &cursor{content, c.bad}
}

// only is in for an element that is the last.
func (c *cursor) only(tag asn1.Tag) *cursor {
	content := c.in(tag)
	content.bad = content.bad || !c.Empty()
	return content
}

func (c *cursor) sequence() *cursor { return c.in(asn1.SEQUENCE) }

func (c *cursor) object() string { return string(c.in(asn1.OBJECT_IDENTIFIER).String) }

func (c *cursor) number() int {
	n := 0
	c.bad = c.bad || !c.ReadASN1Integer(&n)
	return n
}

func parsePFX(data []byte) (*pfx, error) {
	file := &cursor{String: data}
	body := file.only(asn1.SEQUENCE)
	version := body.number()
	content := body.sequence()
	if content.object() != oidData || version != 3 {
		return nil, errForm
	}
	octets := content.only(explicit0).only(asn1.OCTET_STRING)
	all := octets.only(asn1.SEQUENCE)
	p := &pfx{}
	if !body.Empty() {
		if err := p.mac(body.only(asn1.SEQUENCE)); err != nil {
			return nil, err
		}
	}
	for !all.bad && !all.Empty() {
		if len(p.safes) == maxSafes {
			return nil, errForm
		}
		if err := p.safe(all); err != nil {
			return nil, err
		}
	}
	if all.bad || body.bad {
		return nil, errForm
	}
	return p, nil
}

// mac adds the work of MacData.
func (p *pfx) mac(mac *cursor) error {
	algorithm := mac.sequence().sequence()
	name := algorithm.object()
	mac.in(asn1.OCTET_STRING)
	iterations := 1
	if !mac.Empty() {
		iterations = mac.number()
	}
	if mac.bad || !mac.Empty() || algorithm.bad {
		return errForm
	}
	if name != oidPBMAC1 {
		return p.add(iterations)
	}
	// RFC 9579, Section 4: the derivation is in the parameters.
	return p.pbkdf2(algorithm.sequence().sequence())
}

func (p *pfx) add(iterations int) error {
	if iterations < 1 || iterations > maxIterations {
		return errWork
	}
	if p.work += iterations; p.work > maxIterations {
		return errWork
	}
	return nil
}

// safe adds the work of the next ContentInfo of a list: that of its encryption,
// or that of the bags in it.
func (p *pfx) safe(list *cursor) error {
	before := list.String
	body := list.sequence()
	kind := body.object()
	content := body.only(explicit0)
	whole := before[:len(before)-len(list.String)]
	p.safes = append(p.safes, safe{whole, kind == oidEncrypted})
	switch {
	case content.bad:
		return errForm
	case kind == oidData:
		return p.contents(content.only(asn1.OCTET_STRING).only(asn1.SEQUENCE))
	case kind == oidEncrypted:
		data := content.only(asn1.SEQUENCE)
		data.number() // its version
		info := data.sequence()
		info.object()
		return p.encryption(info.sequence())
	}
	return errForm // RFC 7292, Section 4.1, has a third kind: for a public key
}

// contents adds the work of the bags of SafeContents.
func (p *pfx) contents(all *cursor) error {
	for !all.bad && !all.Empty() {
		bag := all.sequence()
		kind := bag.object()
		value := bag.in(explicit0)
		if p.bags++; p.bags > maxBags {
			return errors.New("it has more than 128 bags")
		}
		if (kind == oidKeyBag || kind == oidShroudedBag) && len(value.String) > maxPrivate {
			return errors.New("it has a key of more than 6 KiB")
		}
		if kind == oidShroudedBag {
			if err := p.encryption(value.sequence().sequence()); err != nil {
				return err
			}
		}
		all.bad = all.bad || value.bad
	}
	if all.bad {
		return errForm
	}
	return nil
}

// encryption adds the work of an algorithm: PBES2, or one of PKCS#12, which
// derives a key and an initialization vector (RFC 7292, Appendix C).
func (p *pfx) encryption(algorithm *cursor) error {
	name := algorithm.object()
	parameters := algorithm.sequence()
	switch {
	case parameters.bad:
		return errForm
	case name == oidPBES2:
		return p.pbkdf2(parameters.sequence())
	case !strings.HasPrefix(name, oidPKCS12PBE):
		return errKDF
	}
	parameters.in(asn1.OCTET_STRING)
	iterations := parameters.number()
	if parameters.bad {
		return errForm
	}
	if err := p.add(iterations); err != nil {
		return err
	}
	return p.add(iterations)
}

// pbkdf2 adds the work of PBKDF2-params (RFC 8018, Appendix A.2).
func (p *pfx) pbkdf2(kdf *cursor) error {
	name := kdf.object()
	parameters := kdf.sequence()
	if name != oidPBKDF2 {
		return errKDF
	}
	parameters.in(asn1.OCTET_STRING)
	iterations, length := parameters.number(), 0
	if parameters.PeekASN1Tag(asn1.INTEGER) {
		length = parameters.number()
	}
	newHash := sha1.New
	if !parameters.bad && !parameters.Empty() {
		if newHash = pseudoRandom[parameters.only(asn1.SEQUENCE).object()]; newHash == nil {
			return errKDF
		}
	}
	switch {
	case parameters.bad || !parameters.Empty():
		return errForm
	case length < 0 || length > maxDerived:
		return errors.New("it requires a derived key of more than 64 bytes")
	}
	// Each block of the hash's size costs all iterations. The longest key of a
	// cipher has 32 bytes.
	for left := max(length, 32); left > 0; left -= newHash().Size() {
		if err := p.add(iterations); err != nil {
			return err
		}
	}
	return nil
}

// inside refuses a key inside of what is encrypted as a whole: what it asks for
// cannot be seen from outside. The library itself decrypts it, in a file of the
// same safe, a MAC that costs nothing, and one key before it: at the second key
// the library stops, before it derives anything. Programs put keys into a safe of
// their own, each encrypted by itself.
func (p *pfx) inside(password, file string) error {
	for _, s := range p.safes {
		if !s.encrypted {
			continue
		}
		for _, encoded := range encodings(password) {
			_, _, _, err := linked.DecodePKCS12(probe(s.raw, encoded), password)
			if err != nil && strings.Contains(err.Error(), "exactly one key bag") {
				return &Error{Code: CodeUnsupportedCipher, File: file, Hint: exportHint,
					Detail: "its key is in the same encrypted bag as the certificates"}
			}
		}
	}
	return nil
}

// encodings are the forms of a password that the library tries: as text of two
// bytes each with an end (RFC 7292, Appendix B.1), and without one if it is empty.
func encodings(password string) [][]byte {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(password + "\x00")) {
		encoded = append(encoded, byte(unit>>8), byte(unit))
	}
	if password == "" {
		return [][]byte{encoded, nil}
	}
	return [][]byte{encoded}
}

// probe makes a PKCS#12 file of a key and a safe.
func probe(encrypted, password []byte) []byte {
	var content cryptobyte.Builder
	content.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addData(b, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addObject(b, oidKeyBag)
					b.AddASN1(explicit0, func(b *cryptobyte.Builder) { b.AddBytes(probeKey) })
				})
			})
		})
		b.AddBytes(encrypted)
	})
	safes := content.BytesOrPanic() // of lengths that fit
	salt := []byte("sealsock")
	var out cryptobyte.Builder
	out.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(3)
		addData(b, func(b *cryptobyte.Builder) { b.AddBytes(safes) })
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addObject(b, oidSHA256)
					b.AddASN1NULL()
				})
				b.AddASN1OctetString(probeMAC(safes, password, salt))
			})
			b.AddASN1OctetString(salt)
			b.AddASN1Int64(1)
		})
	})
	return out.BytesOrPanic()
}

func addObject(b *cryptobyte.Builder, content string) {
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(content)) })
}

// addData adds a ContentInfo of type data.
func addData(b *cryptobyte.Builder, value func(*cryptobyte.Builder)) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addObject(b, oidData)
		b.AddASN1(explicit0, func(b *cryptobyte.Builder) { b.AddASN1(asn1.OCTET_STRING, value) })
	})
}

// probeMAC is the MAC of RFC 7292, Appendix B, with one iteration and SHA-256:
// the key is one hash, of 64 bytes of the value 3, and of the salt and the
// password, each repeated to a multiple of 64 bytes.
func probeMAC(data, password, salt []byte) []byte {
	const block, forMAC = sha256.BlockSize, 3
	h := sha256.New()
	for range block {
		h.Write([]byte{forMAC})
	}
	for _, part := range [][]byte{salt, password} {
		for i := range (len(part) + block - 1) / block * block {
			h.Write([]byte{part[i%len(part)]})
		}
	}
	mac := hmac.New(sha256.New, h.Sum(nil))
	mac.Write(data)
	return mac.Sum(nil)
}

// probeKey is an Ed25519 key in PKCS#8 (RFC 8410, Section 7), used for nothing.
var probeKey = append([]byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4,
	0x20}, make([]byte, 32)...)
