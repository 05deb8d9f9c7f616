package talk

import (
	"crypto"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/relay"
)

// secretSize is the size of an invitation's secret in bytes.
const secretSize = 32

// scheme is how the text of an invitation begins.
const scheme = "sealtalk:"

// maxInvitation bounds the text of an invitation.
const maxInvitation = 2048

// An Invitation lets its holder join a room. It does not print: see [Invitation.Text].
type Invitation struct {
	// Relay is the address of the relay, as package sealsock dials it.
	Relay string
	// Pin is the pin of the relay's key, or empty: then authorities vouch for it. It
	// protects only what the relay learns too.
	Pin string

	secret func() []byte
}

// NewInvitation returns an invitation into a new room. An address or a pin with a space, a
// control character or a '#', and a pin with a '?', are an error.
func NewInvitation(address, pin string) (*Invitation, error) {
	secret := make([]byte, secretSize)
	rand.Read(secret) // never fails
	i := &Invitation{address, pin, func() []byte { return secret }}
	// What cannot be read again is refused now.
	if _, err := ParseInvitation(i.Text()); err != nil {
		return nil, err
	}
	return i, nil
}

var errInvitation = errors.New("talk: this is no invitation: it has the form " + scheme +
	"RELAY[?PIN]#SECRET, with a secret of 43 characters")

// ParseInvitation reads the text of an invitation, or its link. No error shows any of it.
func ParseInvitation(text string) (*Invitation, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, linkScheme) {
		return parseLink(text)
	}
	rest, ok := strings.CutPrefix(text, scheme)
	address, encoded, found := strings.Cut(rest, "#")
	address, pin, pinned := strings.Cut(address, "?")
	secret, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	switch {
	case !ok, !found, err != nil, len(secret) != secretSize, len(text) > maxInvitation,
		address == "", pinned && pin == "":
		return nil, errInvitation
	}
	for _, c := range rest {
		if c <= ' ' || c > '~' {
			return nil, errInvitation
		}
	}
	return &Invitation{address, pin, func() []byte { return secret }}, nil
}

// Text returns the invitation with its secret: for those who are invited, over a channel
// that is as confidential as the room shall be. It is empty for a zero Invitation.
func (i *Invitation) Text() string {
	if !i.usable() {
		return ""
	}
	text := scheme + i.Relay
	if i.Pin != "" {
		text += "?" + i.Pin
	}
	return text + "#" + base64.RawURLEncoding.EncodeToString(i.secret())
}

func (i *Invitation) usable() bool { return i != nil && i.secret != nil }

// String keeps the secret out of logs.
func (i Invitation) String() string { return scheme + i.Relay + "#[redacted]" }

// Format keeps the secret out of logs.
func (i Invitation) Format(f fmt.State, _ rune) { io.WriteString(f, i.String()) }

// MarshalText keeps the secret out of logs in JSON.
func (i Invitation) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// derive returns 32 bytes for a purpose.
func (i *Invitation) derive(purpose string) []byte {
	out, err := hkdf.Key(sha256.New, i.secret(), nil, "sealsock talk 1 "+purpose, 32)
	if err != nil {
		panic(err) // only for impossible sizes
	}
	return out
}

func (i *Invitation) room() relay.RoomID { return relay.RoomID(i.derive("room")) }

func (i *Invitation) linkKey() []byte { return i.derive("link") }

// pairKey returns the pre-shared key of two members. Its context ties it to both, so that
// messages to one are of no use with another, and not to their sender either.
func (i *Invitation) pairKey(server, client relay.MemberID) (*engine.PSK, error) {
	external := engine.NewPSK([]byte("sealsock talk 1"), i.derive("pair"))
	return external.Import(append(server[:], client[:]...), crypto.SHA256)
}
