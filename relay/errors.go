package relay

import "fmt"

// A Code is the reason why a relay ends a connection.
type Code byte

// The reasons.
const (
	CodeProtocol    Code = 1 // the client does not keep to the protocol
	CodeVersion     Code = 2 // another version of the protocol
	CodeRoomFull    Code = 3 // the room has as many members as it may have
	CodeRelayFull   Code = 4 // the relay has as many rooms as it may have
	CodeAddressFull Code = 5 // too many connections from one address
	CodeReplaced    Code = 6 // another connection took the member's place
	CodeSlow        Code = 7 // the client does not read
	CodeIdle        Code = 8 // the client sent nothing for too long
	CodeClosing     Code = 9 // the relay ends
)

var codeTexts = map[Code]string{
	CodeProtocol:    "the client does not keep to the protocol",
	CodeVersion:     "client and relay use different versions of the protocol: update the older one",
	CodeRoomFull:    "the room is full",
	CodeRelayFull:   "the relay has no place for another room: try later, or use another relay",
	CodeAddressFull: "the relay has too many connections from this address",
	CodeReplaced:    "another connection took the place of this member",
	CodeSlow:        "the client did not read its messages in time",
	CodeIdle:        "the client sent nothing for too long",
	CodeClosing:     "the relay was closed",
}

// String returns the reason in words.
func (c Code) String() string {
	if text, ok := codeTexts[c]; ok {
		return text
	}
	return fmt.Sprintf("the relay gives the unknown reason %d", byte(c))
}

// An Error is the reason why a relay ended a connection, at the relay and at the client.
type Error struct{ Code Code }

// Error implements error.
func (e *Error) Error() string {
	if e == nil {
		return "relay: no error"
	}
	return "relay: " + e.Code.String()
}

// Is reports whether target is an *Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && e != nil && t != nil && *t == *e
}
