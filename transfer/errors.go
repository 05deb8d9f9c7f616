package transfer

import (
	"errors"
	"fmt"
	"os"
)

// Errors of a transfer, for errors.Is.
var (
	// ErrWrongCode: a code was wrong, or a program between the two sides tried one.
	ErrWrongCode = errors.New("transfer: the code is wrong, or somebody between the two sides " +
		"guessed one: this attempt counts")
	// ErrUsedUp: the sender has had too many attempts with wrong codes.
	ErrUsedUp = errors.New("transfer: the sender has ended this code because a wrong one was " +
		"tried")
	// ErrBusy: the sender has as many receivers as it may have.
	ErrBusy = errors.New("transfer: the sender has as many receivers as it may have")
	// ErrNoSender: no sender with the number of the code is at the relay.
	ErrNoSender = errors.New("transfer: no sender with this number is at the relay: compare the " +
		"code and the address of the relay with the sender's")
	// ErrName: the sender offers a name that a receiver must not create.
	ErrName = errors.New("unsafe name")
	// ErrExists: a file that the sender offers is there already.
	ErrExists = errors.New("the file exists")
	// ErrSpace: the disk has not enough space.
	ErrSpace = errors.New("not enough space on the disk")
	// ErrCorrupt: a file that arrived is not the one that was sent.
	ErrCorrupt = errors.New("the checksum does not match")
	// ErrRefused: the receiver did not accept the files.
	ErrRefused = errors.New("refused")
	// ErrProtocol: the other side breaks the protocol.
	ErrProtocol = errors.New("the other side breaks the protocol")
	// ErrChanged: a file changed while it was sent.
	ErrChanged = errors.New("the file has changed since it was offered")
	// ErrKind: what was named to be sent is a pipe, a device or a socket.
	ErrKind = fmt.Errorf("neither a file nor a folder: %w", os.ErrInvalid)
	// ErrLimit: there are more files, or longer names, than one transfer may have.
	ErrLimit = errors.New("too much for one transfer")
	// ErrOther: the other side reports an error.
	ErrOther = errors.New("the other side reports")
	// ErrGone: the other side was absent for too long, or ended.
	ErrGone = errors.New("transfer: the other side has gone")
)

var (
	errNotMade = fmt.Errorf("transfer: a nil or zero value: use its constructor: %w",
		os.ErrInvalid)
	errCrowded = errors.New("transfer: every number that was tried is in use at this relay: " +
		"try again, or use another relay")
)

func protocolError(format string, args ...any) error {
	return fmt.Errorf("transfer: %s: %w", fmt.Sprintf(format, args...), ErrProtocol)
}
