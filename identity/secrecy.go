package identity

import (
	"errors"
	"fmt"
	"io"
)

// Format is String for each verb, so that no way of printing shows a key.
func (id Identity) Format(s fmt.State, _ rune) { io.WriteString(s, id.String()) }

// MarshalText is String, so that JSON and XML show no key.
func (id Identity) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// GobEncode refuses: a private key must not be sent by accident.
func (id Identity) GobEncode() ([]byte, error) {
	return nil, errors.New("identity: an identity holds a private key and is not encoded")
}
