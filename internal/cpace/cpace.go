package cpace

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"

	"github.com/gtank/ristretto255"
)

const (
	// ShareSize is the size of a share in bytes.
	ShareSize = 32
	// TagSize is the size of a tag that confirms a key, in bytes.
	TagSize = sha512.Size
	// KeySize is the size of the key in bytes.
	KeySize = sha512.Size
)

const (
	dsi    = "CPaceRistretto255"
	dsiISK = dsi + "_ISK"
	block  = 128 // bytes that SHA-512 hashes at once
)

// ErrShare is in the error for a share that no honest party sends.
var ErrShare = errors.New("cpace: the other side's share is not valid")

// An Exchange is one party's part of one exchange. Use it for one key alone.
type Exchange struct {
	scalar  func() *ristretto255.Scalar
	session []byte
	share   [ShareSize]byte
}

// New begins an exchange. The channel describes the two parties, and the session is a value
// of this exchange alone; both parties must give the same three values, and only the password
// need be secret.
func New(password, channel, session []byte) *Exchange {
	var uniform [64]byte
	rand.Read(uniform[:]) // never fails
	scalar, err := ristretto255.NewScalar().SetUniformBytes(uniform[:])
	if err != nil {
		panic(err) // only for another size
	}
	return newExchange(password, channel, session, scalar)
}

func newExchange(password, channel, session []byte, scalar *ristretto255.Scalar) *Exchange {
	e := &Exchange{scalar: func() *ristretto255.Scalar { return scalar }, session: session}
	share := ristretto255.NewIdentityElement().ScalarMult(scalar,
		generator(password, channel, session))
	e.share = [ShareSize]byte(share.Bytes())
	return e
}

// generator is calculate_generator of the draft.
func generator(password, channel, session []byte) *ristretto255.Element {
	hash := sha512.Sum512(generatorString(password, channel, session))
	g, err := ristretto255.NewIdentityElement().SetUniformBytes(hash[:])
	if err != nil {
		panic(err) // only for another size
	}
	return g
}

// generatorString fills the first block of the hash with zeros, so that the time of the
// second does not depend on the length of the password.
func generatorString(password, channel, session []byte) []byte {
	b := appendParts(nil, []byte(dsi), password)
	zeros := max(0, block-1-len(b))
	return appendParts(b, make([]byte, zeros), channel, session)
}

// appendParts is lv_cat of the draft: each part follows its length in LEB128.
func appendParts(b []byte, parts ...[]byte) []byte {
	for _, p := range parts {
		n := len(p)
		for ; n >= 1<<7; n >>= 7 {
			b = append(b, byte(n)|1<<7)
		}
		b = append(append(b, byte(n)), p...)
	}
	return b
}

// Share returns what to send to the other party.
func (e *Exchange) Share() []byte { return e.share[:] }

// Initiator returns the keys of the party that sent its share first. The data of each party
// is sent with its share.
func (e *Exchange) Initiator(ownData, otherShare, otherData []byte) (*Keys, error) {
	k, err := e.secret(otherShare)
	if err != nil {
		return nil, err
	}
	return e.keys(k, e.share[:], ownData, otherShare, otherData), nil
}

// Responder returns the keys of the other party.
func (e *Exchange) Responder(ownData, otherShare, otherData []byte) (*Keys, error) {
	k, err := e.secret(otherShare)
	if err != nil {
		return nil, err
	}
	return e.keys(k, otherShare, otherData, e.share[:], ownData), nil
}

// secret is scalar_mult_vfy of the draft, with its condition to abort. A share that is this
// party's own was reflected: with the same data, the party's own tag would verify.
func (e *Exchange) secret(share []byte) ([]byte, error) {
	if bytes.Equal(share, e.share[:]) {
		return nil, ErrShare
	}
	other, err := ristretto255.NewIdentityElement().SetCanonicalBytes(share)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShare, err)
	}
	product := ristretto255.NewIdentityElement().ScalarMult(e.scalar(), other)
	if product.Equal(ristretto255.NewIdentityElement()) == 1 {
		return nil, ErrShare
	}
	return product.Bytes(), nil
}

// keys derives the key and the tags that confirm it. A is the initiator and B the responder.
func (e *Exchange) keys(secret, shareA, dataA, shareB, dataB []byte) *Keys {
	transcriptA := appendParts(nil, shareA, dataA)
	transcriptB := appendParts(nil, shareB, dataB)
	all := appendParts(nil, []byte(dsiISK), e.session, secret)
	all = append(append(all, transcriptA...), transcriptB...)
	key := sha512.Sum512(all)
	macKey := sha512.Sum512(append(append([]byte("CPaceMac"), e.session...), key[:]...))
	return &Keys{
		key:       func() []byte { return key[:] },
		initiator: tag(macKey[:], transcriptA),
		responder: tag(macKey[:], transcriptB),
	}
}

func tag(key, transcript []byte) []byte {
	mac := hmac.New(sha512.New, key)
	mac.Write(transcript)
	return mac.Sum(nil)
}

// Keys are the result of an exchange. They are equal on both sides if the passwords are, and
// neither side knows that before it has verified the other's tag.
type Keys struct {
	key                  func() []byte
	initiator, responder []byte
}

// Key returns the key, of [KeySize] bytes.
func (k *Keys) Key() []byte { return k.key() }

// InitiatorTag returns the tag with which the initiator proves that it has the key.
func (k *Keys) InitiatorTag() []byte { return k.initiator }

// ResponderTag returns the tag with which the responder proves that it has the key.
func (k *Keys) ResponderTag() []byte { return k.responder }
