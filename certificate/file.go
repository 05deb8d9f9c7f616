package certificate

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/certtext"
)

// Item is one object in a file. One of its pointers is set. If the package does
// not decode this kind of object, all are nil and Note describes it.
type Item struct {
	Kind        Kind            `json:"kind"`
	Certificate *Certificate    `json:"certificate,omitempty"`
	Request     *Request        `json:"request,omitempty"`
	List        *RevocationList `json:"list,omitempty"`
	Key         *Key            `json:"key,omitempty"`
	Note        string          `json:"note,omitempty"`
}

// Kind is the kind of an item.
type Kind string

// The kinds of items.
const (
	KindCertificate Kind = "certificate"
	KindRequest     Kind = "request"
	KindList        Kind = "revocation list"
	KindPrivateKey  Kind = "private key"
	KindPublicKey   Kind = "public key"
	KindOther       Kind = "other"
)

// Key is a key in a file. For a private key it holds only the public key.
type Key struct {
	PublicKey
	Encrypted bool `json:"encrypted,omitempty"` // and not decrypted, because no password was given
}

// maxItems bounds the number of items in one file.
const maxItems = 10_000

// Read decodes a file in PEM, with any text between the blocks, DER, PKCS#12 or
// PKCS#7.
// The options give the password of encrypted content. Without a password, an
// encrypted key is returned as an item with Encrypted set, and an encrypted
// PKCS#12 file is an error of package identity.
func Read(data []byte, options ...identity.Option) ([]Item, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the file is empty")
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return readDER(data, options)
	}
	var items []Item
	for rest := data; len(items) < maxItems; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		items = append(items, readBlock(block, options)...)
	}
	if len(items) == 0 {
		return nil, errors.New("the file has a line -----BEGIN but no complete PEM block: copy it again, including the line -----END")
	}
	return items, nil
}

// isPKCS7 reports whether a label of PEM is that of PKCS#7. RFC 7468, Sections 8 and 9.
func isPKCS7(label string) bool { return label == "PKCS7" || label == "CMS" }

func readBlock(b *pem.Block, options []identity.Option) []Item {
	if !isPKCS7(b.Type) {
		return []Item{readOne(b, options)}
	}
	items, err := readPKCS7(b.Bytes)
	if err != nil {
		return []Item{{Kind: KindOther, Note: err.Error()}}
	}
	return items
}

func readOne(b *pem.Block, options []identity.Option) Item {
	var item Item
	var err error
	switch label := b.Type; {
	case label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE":
		item.Kind = KindCertificate
		item.Certificate, err = Parse(b.Bytes)
	case strings.HasSuffix(label, "CERTIFICATE REQUEST"):
		item.Kind = KindRequest
		item.Request, err = ParseRequest(b.Bytes)
	case label == "X509 CRL":
		item.Kind = KindList
		item.List, err = ParseRevocationList(b.Bytes)
	case strings.HasSuffix(label, "PRIVATE KEY"):
		item.Kind = KindPrivateKey
		item.Key, err = readKey(pem.EncodeToMemory(b), options)
	case label == "PUBLIC KEY":
		item.Kind = KindPublicKey
		item.Key = &Key{PublicKey: new(Certificate).publicKey(b.Bytes)}
	default:
		return Item{Kind: KindOther, Note: fmt.Sprintf("a block %s of %d bytes", certtext.Quote(label), len(b.Bytes))}
	}
	if err != nil {
		item.Note = err.Error()
	}
	return item
}

// readKey returns the public key of a private key.
func readKey(data []byte, options []identity.Option) (*Key, error) {
	signer, err := identity.ParseKey(data, options...)
	var e *identity.Error
	if errors.As(err, &e) && e.Code == identity.CodeEncrypted {
		return &Key{Encrypted: true}, nil
	}
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, err
	}
	return &Key{PublicKey: new(Certificate).publicKey(der)}, nil
}

// readDER determines the kind of a DER structure. A certificate, a request and
// a list begin with the same bytes, so it tries each, starting with the one
// that crypto/x509 accepts.
func readDER(data []byte, options []identity.Option) ([]Item, error) {
	if identity.IsPKCS12(data) {
		id, err := identity.ParsePKCS12(data, options...)
		if err != nil {
			return nil, err
		}
		return itemsOf(id)
	}
	if items, err := readPKCS7(data); !errors.Is(err, errNoPKCS7) {
		return items, err
	}
	if r, err := ParseRequest(data); err == nil {
		return []Item{{Kind: KindRequest, Request: r}}, nil
	}
	if l, err := ParseRevocationList(data); err == nil && !l.ThisUpdate.IsZero() {
		return []Item{{Kind: KindList, List: l}}, nil
	}
	if c, err := Parse(data); err == nil {
		return []Item{{Kind: KindCertificate, Certificate: c}}, nil
	}
	if key, err := readKey(data, options); err == nil {
		return []Item{{Kind: KindPrivateKey, Key: key}}, nil
	}
	if _, err := x509.ParsePKIXPublicKey(data); err == nil {
		return []Item{{Kind: KindPublicKey, Key: &Key{PublicKey: new(Certificate).publicKey(data)}}}, nil
	}
	return nil, errors.New("neither PEM nor DER of a certificate, request, revocation list, key, " +
		"PKCS#12 or PKCS#7 file")
}

// itemsOf lists what a PKCS#12 file holds.
func itemsOf(id *identity.Identity) ([]Item, error) {
	der, err := x509.MarshalPKIXPublicKey(id.Signer.Public())
	if err != nil {
		return nil, err
	}
	items := []Item{{Kind: KindPrivateKey, Key: &Key{PublicKey: new(Certificate).publicKey(der)}}}
	for _, der := range id.Chain {
		c, err := Parse(der)
		if err != nil {
			return nil, err
		}
		items = append(items, Item{Kind: KindCertificate, Certificate: c})
	}
	return items, nil
}

// ToPEM writes a certificate in DER as PEM.
func ToPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// ToDER returns the first certificate of a text in PEM as DER.
func ToDER(text []byte) ([]byte, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("no PEM block of a certificate, which begins with -----BEGIN CERTIFICATE-----")
		}
		if block.Type == "CERTIFICATE" {
			return block.Bytes, nil
		}
	}
}
