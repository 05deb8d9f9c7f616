package relay

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Version is the version of the protocol.
const Version = 1

// MaxPayload is the size of the longest payload in bytes.
const MaxPayload = 32 << 10

// maxMessage is the size of the longest message of the protocol.
const maxMessage = 1 + memberSize + MaxPayload

const (
	memberSize = 16
	roomSize   = 32
	tokenSize  = 16
)

// A RoomID identifies a room. It should be the output of a one-way function, such as HKDF.
type RoomID [roomSize]byte

// A MemberID identifies a member of a room.
type MemberID [memberSize]byte

// String returns the identifier in hexadecimal.
func (m MemberID) String() string { return hex.EncodeToString(m[:]) }

// A Token is the secret with which a member keeps its place in a room. It does not print.
type Token struct{ secret func() [tokenSize]byte }

// NewToken returns a token of random bytes.
func NewToken() Token {
	var b [tokenSize]byte
	rand.Read(b[:]) // never fails
	return tokenOf(b)
}

func tokenOf(b [tokenSize]byte) Token { return Token{func() [tokenSize]byte { return b }} }

// bytes returns zeros for the zero Token.
func (t Token) bytes() (b [tokenSize]byte) {
	if t.secret == nil {
		return b
	}
	return t.secret()
}

// Member returns the identifier of the member that joins a room with the token.
func (t Token) Member(room RoomID) MemberID {
	token := t.bytes()
	h := sha256.New()
	io.WriteString(h, "sealsock relay 1 member\x00")
	h.Write(room[:])
	h.Write(token[:])
	return MemberID(h.Sum(nil))
}

// String keeps the token out of logs.
func (t Token) String() string { return "[redacted]" }

// Format keeps the token out of logs.
func (t Token) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText keeps the token out of logs in JSON.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Kind is the type of a message.
type Kind byte

// The kinds of messages: those to the relay, and those from it.
const (
	KindJoin          Kind = 1
	KindSend          Kind = 2
	KindPing          Kind = 3
	KindWelcome       Kind = 16
	KindDeliver       Kind = 17
	KindJoined        Kind = 18
	KindLeft          Kind = 19
	KindUndeliverable Kind = 20
	KindPong          Kind = 21
	KindError         Kind = 22
)

// A Message is a message of the protocol. Which fields it has depends on its kind.
type Message struct {
	Kind    Kind
	Room    RoomID     // join
	Token   Token      // join
	Member  MemberID   // send, deliver, joined, left, undeliverable
	Members []MemberID // welcome
	Payload []byte     // send, deliver
	Code    Code       // error

	memory *payloadMemory // that Payload is in, or nil
}

// ErrMalformed is in the error for bytes that are no message of the protocol.
var ErrMalformed = errors.New("malformed message")

// Append appends the message to b.
func (m *Message) Append(b []byte) []byte {
	if m == nil {
		return b
	}
	b = m.appendHead(b)
	if m.Kind == KindSend || m.Kind == KindDeliver {
		b = append(b, m.Payload...)
	}
	return b
}

// appendHead appends what precedes the payload.
func (m *Message) appendHead(b []byte) []byte {
	b = append(b, byte(m.Kind))
	switch m.Kind {
	case KindJoin:
		token := m.Token.bytes()
		b = append(append(append(b, Version), m.Room[:]...), token[:]...)
	case KindSend, KindDeliver, KindJoined, KindLeft, KindUndeliverable:
		b = append(b, m.Member[:]...)
	case KindWelcome:
		for _, id := range m.Members {
			b = append(b, id[:]...)
		}
	case KindError:
		b = append(b, byte(m.Code))
	}
	return b
}

// Parse parses b. The payload of the message is a part of b. An error has ErrMalformed in
// it, or is an [*Error] with CodeVersion for a join of another version.
func Parse(b []byte) (*Message, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("relay: an empty message: %w", ErrMalformed)
	}
	m, rest := &Message{Kind: Kind(b[0])}, b[1:]
	size, known := bodySizes[m.Kind]
	switch {
	case !known:
		return nil, fmt.Errorf("relay: a message of the unknown kind %d: %w", b[0], ErrMalformed)
	case m.Kind == KindJoin && len(rest) > 0 && rest[0] != Version:
		return nil, &Error{CodeVersion}
	case len(rest) < size.least || len(rest) > size.most || len(rest)%size.unit != 0:
		return nil, fmt.Errorf("relay: a message of kind %d with %d bytes: %w",
			b[0], len(rest), ErrMalformed)
	}
	m.setBody(rest)
	return m, nil
}

// setBody sets the fields of a message from a body whose size was checked.
func (m *Message) setBody(rest []byte) {
	switch m.Kind {
	case KindJoin:
		m.Room, m.Token = RoomID(rest[1:]), tokenOf([tokenSize]byte(rest[1+roomSize:]))
	case KindSend, KindDeliver:
		m.Member, m.Payload = MemberID(rest), rest[memberSize:]
	case KindJoined, KindLeft, KindUndeliverable:
		m.Member = MemberID(rest)
	case KindWelcome:
		for ; len(rest) > 0; rest = rest[memberSize:] {
			m.Members = append(m.Members, MemberID(rest))
		}
	case KindError:
		m.Code = Code(rest[0])
	}
}

// bodySizes has how many bytes may follow the kind, and of what they are a multiple.
var bodySizes = map[Kind]struct{ least, most, unit int }{
	KindJoin:          {1 + roomSize + tokenSize, 1 + roomSize + tokenSize, 1},
	KindSend:          {memberSize, memberSize + MaxPayload, 1},
	KindPing:          {0, 0, 1},
	KindWelcome:       {0, MaxPayload, memberSize},
	KindDeliver:       {memberSize, memberSize + MaxPayload, 1},
	KindJoined:        {memberSize, memberSize, 1},
	KindLeft:          {memberSize, memberSize, 1},
	KindUndeliverable: {memberSize, memberSize, 1},
	KindPong:          {0, 0, 1},
	KindError:         {1, 1, 1},
}
