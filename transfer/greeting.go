package transfer

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/sealsock/sealsock/internal/cpace"
	"github.com/sealsock/sealsock/relay"
)

// The messages in the room of a number, each the payload of a message of the relay:
//
//	version 1 byte, kind 1 byte, session 16 bytes, body
//
// The receiver sends start and proof, and the sender answers each. Messages may be lost, so
// the receiver repeats them and the sender repeats its answers.
const (
	greetVersion = 1

	greetStart    byte = 1 // the receiver's share, 32 bytes
	greetAnswer   byte = 2 // the sender's share, 32 bytes
	greetProof    byte = 3 // the receiver's tag, 64 bytes
	greetAccepted byte = 4 // the sender's tag, 64 bytes
	greetRefused  byte = 5 // the reason, 1 byte; behind reasonBusy its proof, 32 bytes
)

// A reason is why a sender refuses a receiver.
type reason byte

const (
	reasonWrong reason = 1 // the code is wrong
	reasonUsed  reason = 2 // too many attempts with wrong codes
	reasonBusy  reason = 3 // as many receivers as allowed
)

const sessionSize = 16

// greetSizes has the size of the body of each kind.
var greetSizes = map[byte]int{
	greetStart: cpace.ShareSize, greetAnswer: cpace.ShareSize,
	greetProof: cpace.TagSize, greetAccepted: cpace.TagSize, greetRefused: 1,
}

// A greeting is one of these messages.
type greeting struct {
	kind    byte
	session [sessionSize]byte
	body    []byte
}

var (
	errGreeting        = errors.New("transfer: a message is none of this protocol")
	errGreetingVersion = errors.New(
		"transfer: the other side has another version: update the older one")
)

func (g *greeting) append() []byte {
	return slices.Concat([]byte{greetVersion, g.kind}, g.session[:], g.body)
}

// parseGreeting parses b. The body is a part of b.
func parseGreeting(b []byte) (*greeting, error) {
	if len(b) < 2+sessionSize {
		return nil, errGreeting
	}
	if b[0] != greetVersion {
		return nil, errGreetingVersion
	}
	g := &greeting{kind: b[1], session: [sessionSize]byte(b[2:]), body: b[2+sessionSize:]}
	size, ok := greetSizes[g.kind]
	if g.kind == greetRefused && len(g.body) > 0 && reason(g.body[0]) == reasonBusy {
		size += busyProofSize
	}
	if !ok || len(g.body) != size {
		return nil, errGreeting
	}
	return g, nil
}

// exchange begins the key exchange of a receiver and a sender for a code. It counts for these
// two members alone.
func exchange(
	code *Code, receiver, sender relay.MemberID, session [sessionSize]byte,
) *cpace.Exchange {
	channel := slices.Concat([]byte("sealsock transfer 1 code\x00"), receiver[:], sender[:])
	return cpace.New([]byte(code.secret()), channel, session[:])
}

// meetingRoom is the room of a number, whose members are a sender and its receivers.
func meetingRoom(number uint32) relay.RoomID {
	b := append([]byte("sealsock transfer 1 number\x00"), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b[len(b)-4:], number)
	return sha256.Sum256(b)
}

// busyProofSize is the size of the proof behind reasonBusy in bytes.
const busyProofSize = 32

// busyProof shows that the sender of reasonBusy has the code. After this reason a receiver
// begins another exchange. Without a proof, any member of the room could demand one exchange
// after another, and test a guess with each.
func (p pairKey) busyProof() []byte { return p.derive("busy") }

// A pairKey is what a sender and a receiver have agreed on.
type pairKey struct{ key func() []byte }

// derive returns 32 bytes for a purpose.
func (p pairKey) derive(purpose string) []byte {
	out, err := hkdf.Key(sha256.New, p.key(), nil, "sealsock transfer 1 "+purpose, 32)
	if err != nil {
		panic(err) // only for impossible sizes
	}
	return out
}
