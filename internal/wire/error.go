package wire

import (
	"fmt"

	"github.com/sealsock/sealsock/iana"
)

// ParseError describes what is wrong with a message from the peer.
type ParseError struct {
	Message iana.HandshakeType
	Field   string     // the RFC's name of the field or extension, "" for the message as a whole
	Reason  string     // a clause in lower case
	Alert   iana.Alert // the alert that the RFC has for it
}

// Error returns "client_hello: key_share: 3 bytes left over" and the like.
func (e *ParseError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s: %s", e.Message, e.Reason)
	}
	return fmt.Sprintf("%s: %s: %s", e.Message, e.Field, e.Reason)
}
