package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/record"
	"github.com/sealsock/sealsock/internal/wire"
)

// A Fault is the cause of an error.
type Fault uint8

// The kinds of fault.
const (
	// FaultPeer: the peer broke the rules of the protocol.
	FaultPeer Fault = iota + 1
	// FaultIncompatible: both sides keep the rules but have nothing in common.
	FaultIncompatible
	// FaultCertificate: the peer's certificate or key was not accepted.
	FaultCertificate
	// FaultAlert: the peer ended the connection with an alert, which gives
	// the peer's view.
	FaultAlert
	// FaultLimit: the peer exceeded a limit of this side.
	FaultLimit
	// FaultUsage: the caller asked for something that is not possible.
	FaultUsage
	// FaultLocal: something failed on this side, a signer or the random source.
	FaultLocal
	// FaultTransport: the connection below failed or was cut. The engine
	// itself never reports it; its caller does.
	FaultTransport
)

// String names the fault in words.
func (f Fault) String() string {
	switch f {
	case FaultPeer:
		return "protocol violation by the peer"
	case FaultIncompatible:
		return "no common parameters"
	case FaultCertificate:
		return "the peer's certificate is not accepted"
	case FaultAlert:
		return "alert from the peer"
	case FaultLimit:
		return "limit exceeded by the peer"
	case FaultUsage:
		return "incorrect use"
	case FaultLocal:
		return "local failure"
	case FaultTransport:
		return "transport failure"
	}
	return fmt.Sprintf("fault %d", uint8(f))
}

// An Error is why a connection failed: whose fault it is, which alert went with
// it, what was expected and what came, and what to do. It is final.
type Error struct {
	Fault    Fault
	Alert    iana.Alert // sent to the peer, or with FaultAlert received from it
	Reason   string     // one clause, lower case, no full stop
	Expected string     // the messages or values that would have been right, if that helps
	Got      string     // what came instead
	Hint     string     // what to do about it; may be empty
	Remedy   Remedy     // the setting that the hint is about, if there is one
	Err      error      // the cause below, if there is one
	quic     uint64     // the code of QUIC in place of the alert's; 0 for the alert's
	// Plaintext is what a peer that does not use TLS has sent first, at most 5 bytes; nil
	// for every other error.
	Plaintext []byte
	// Standard, if not nil, is the error of package crypto/tls for the same: errors.As
	// and errors.Is find it, and the text leaves it out.
	Standard error
}

// As finds Standard.
func (e *Error) As(target any) bool {
	return e != nil && e.Standard != nil && errors.As(e.Standard, target)
}

// Is finds Standard.
func (e *Error) Is(target error) bool {
	return e != nil && e.Standard != nil && errors.Is(e.Standard, target)
}

// Error returns a description in one line.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	s := "tls: " + e.Reason
	switch {
	case e.Fault == FaultAlert:
		s = fmt.Sprintf("tls: the peer ended the connection with alert %v", e.Alert)
		if e.Reason != "" {
			s += ": " + e.Reason
		}
	case e.Expected != "" && e.Got != "":
		s += fmt.Sprintf(": expected %s, got %s", e.Expected, e.Got)
	case e.Got != "":
		s += ": got " + e.Got
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause below.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// ErrPending is returned by a callback of Config whose answer will come later,
// through Receiver.Resume.
var ErrPending = errors.New("tls: the answer is pending")

// ErrClosed is returned for writing after close_notify or a fatal alert was sent.
var ErrClosed = &Error{Fault: FaultUsage, Reason: "this side of the connection is closed for writing"}

// ErrNoEarlyData is returned for data before the handshake is done if no 0-RTT data can be
// sent: this side is a server, there is no session or key that allows it, or as much
// as the server accepts was sent.
var ErrNoEarlyData = &Error{
	Fault: FaultUsage, Reason: "the handshake is not complete, and no early data can be sent",
	Hint: "early data needs Config.EarlyData, and a session or key that allows it; " +
		"write other data after the handshake",
}

// A PanicError is a panic in a callback that was recovered. It is the cause in the *Error
// that ends the connection. The engine itself recovers no panics; the packages that run it
// for others do.
type PanicError struct {
	Value any    // what the panic was called with
	Stack string // the stack of its goroutine, at most 16 KiB
}

// Error returns the value. The stack is long, and stays in its field.
func (e *PanicError) Error() string {
	if e == nil {
		return "no panic"
	}
	return fmt.Sprintf("panic: %v", e.Value)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	if e == nil {
		return nil
	}
	err, _ := e.Value.(error)
	return err
}

// broken is the error for a peer that broke a rule.
func broken(alert iana.Alert, format string, args ...any) *Error {
	return &Error{Fault: FaultPeer, Alert: alert, Reason: fmt.Sprintf(format, args...)}
}

// illegal is broken with the alert that most rules name.
func illegal(format string, args ...any) *Error {
	return broken(iana.AlertIllegalParameter, format, args...)
}

// incompatible is the error for a peer that keeps the rules and has nothing in common with
// this side. hint may be empty.
func incompatible(alert iana.Alert, reason, hint string) *Error {
	return &Error{Fault: FaultIncompatible, Alert: alert, Reason: reason, Hint: hint}
}

// nothingCommon is the error for two lists of which nothing is in both.
func nothingCommon[T fmt.Stringer](alert iana.Alert, what string, own, peer []T) *Error {
	e := incompatible(alert, "no "+what+" in common with the client", "")
	e.Expected, e.Got = list(own), list(peer)
	return e
}

// unknownKey is the error for a client whose pre-shared key this server does not have.
func unknownKey() *Error {
	return incompatible(iana.AlertUnknownPSKIdentity,
		"the client offered no pre-shared key of this server", sameKeyHint)
}

const sameKeyHint = "both sides need the same key under the same identity"

// invalidShare is the error for a key share that its group does not accept.
func invalidShare(of string, err error) *Error {
	e := illegal("the %s's key share is invalid", of)
	e.Err = err
	return e
}

// overLimit is the error for a peer that exceeds a limit of this side.
func overLimit(alert iana.Alert, format string, args ...any) *Error {
	return &Error{Fault: FaultLimit, Alert: alert, Reason: fmt.Sprintf(format, args...)}
}

// unexpected is the error for a message that may not come now.
// RFC 9846, Section 4: "abort the handshake with an unexpected_message alert".
func unexpected(s state, got string) *Error {
	return &Error{
		Fault: FaultPeer, Alert: iana.AlertUnexpectedMessage, Reason: "unexpected message",
		Expected: expected(s), Got: got,
	}
}

// missing is the error for an absent mandatory extension. RFC 9846, Section 9.2.
func missing(ext iana.ExtensionType) *Error {
	return broken(iana.AlertMissingExtension, "the peer did not send the %v extension", ext)
}

// usage is the error for a caller that asks for something that is not possible.
func usage(format string, args ...any) *Error {
	return &Error{Fault: FaultUsage, Alert: iana.AlertInternalError, Reason: fmt.Sprintf(format, args...)}
}

// local wraps a failure of this side.
func local(reason string, err error) *Error {
	return &Error{Fault: FaultLocal, Alert: iana.AlertInternalError, Reason: reason, Err: err}
}

// alerter is implemented by errors of verifiers and callbacks that know their alert.
type alerter interface{ Alert() iana.Alert }

// asError turns any error of a state into an *Error, and so decides the alert:
// this is the only place that does.
func asError(err error) *Error {
	var own *Error
	var parse *wire.ParseError
	var knows alerter
	switch {
	case errors.As(err, &own) && own != nil:
		return own
	case errors.As(err, &parse):
		return &Error{Fault: FaultPeer, Alert: parse.Alert, Reason: "malformed message", Err: err}
	case errors.Is(err, record.ErrBadMAC):
		return &Error{Fault: FaultPeer, Alert: iana.AlertBadRecordMAC, Reason: record.ErrBadMAC.Error()}
	case errors.Is(err, record.ErrOverflow):
		return &Error{Fault: FaultPeer, Alert: iana.AlertRecordOverflow, Reason: record.ErrOverflow.Error()}
	case errors.Is(err, record.ErrNoType):
		return &Error{Fault: FaultPeer, Alert: iana.AlertUnexpectedMessage, Reason: record.ErrNoType.Error()}
	case errors.As(err, &knows):
		return &Error{Fault: FaultCertificate, Alert: knows.Alert(), Reason: "the peer is not accepted", Err: err}
	}
	return local("the connection failed", err)
}

// list writes names for an error message.
func list[T fmt.Stringer](items []T) string {
	const most = 12
	var b strings.Builder
	for i, item := range items {
		switch {
		case i == most:
			fmt.Fprintf(&b, " and %d more", len(items)-most)
			return b.String()
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(item.String())
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}

// quoted writes strings from the peer for an error message.
func quoted(items []string) string {
	const longest = 255 // bytes: of an application protocol; a hint may have 65535
	var b strings.Builder
	for i, item := range items[:min(len(items), 12)] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", item[:min(len(item), longest)])
		if len(item) > longest {
			fmt.Fprintf(&b, " and %d bytes more", len(item)-longest)
		}
	}
	return b.String()
}
