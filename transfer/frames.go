package transfer

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"

	"github.com/sealsock/sealsock/internal/pathless"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/message"
)

// The frames within a connection, each a message of package message: a kind, and its body.
// doc.go has their order.
const (
	frameAddresses byte = 1  // of the sender, 18 bytes each
	frameRoute     byte = 2  // 0 for the relay, 1 for a direct connection
	frameChosen    byte = 3  // on the direct connection that is used
	frameOffer     byte = 4  // entries 4 bytes, bytes of files 8 bytes
	frameEntries   byte = 5  // see entry
	frameHave      byte = 6  // entry 4 bytes, bytes 8 bytes, their SHA-256, any number of times
	frameGo        byte = 7  // the sender may begin
	frameRefuse    byte = 8  // a text
	frameFile      byte = 9  // entry 4 bytes, bytes that the receiver has 8 bytes
	frameData      byte = 10 // bytes of the file
	frameEnd       byte = 11 // SHA-256 of the whole file
	frameDone      byte = 12 // all files were sent
	frameReceived  byte = 13 // all files were stored
	frameFailed    byte = 14 // a text
	frameAgain     byte = 15 // the direct connection has failed
)

const (
	maxData   = 256 << 10
	maxFrame  = 1 + maxData
	maxText   = 512
	haveSize  = 4 + 8 + sha256.Size
	addrSize  = 16 + 2
	maxAddrs  = 16
	batchSize = 64 << 10 // bytes of a frame with entries, about
)

// frames are the frames of one connection.
type frames struct {
	messages *message.Conn
	buf      []byte
}

func newFrames(m *message.Conn) *frames { return &frames{messages: m} }

// send sends a frame that is not data.
func (f *frames) send(kind byte, body ...[]byte) error {
	b := []byte{kind}
	for _, part := range body {
		b = append(b, part...)
	}
	return f.messages.Send(b)
}

// receive returns the next frame, whose body is valid until the next call. A frameFailed is an
// error.
func (f *frames) receive() (kind byte, body []byte, err error) {
	b, err := f.messages.Receive(f.buf[:0])
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return 0, nil, err
	}
	f.buf = b
	switch {
	case len(b) == 0:
		return 0, nil, protocolError("an empty frame")
	case b[0] == frameFailed:
		return 0, nil, &otherError{textOf(b[1:]), ErrOther}
	case b[0] == frameRefuse:
		return 0, nil, &otherError{textOf(b[1:]), ErrRefused}
	}
	return b[0], b[1:], nil
}

// expect receives a frame of one kind.
func (f *frames) expect(want byte) ([]byte, error) {
	kind, body, err := f.receive()
	if err == nil && kind != want {
		err = protocolError("a frame of kind %d where one of kind %d belongs", kind, want)
	}
	return body, err
}

// An otherError is what the other side reports.
type otherError struct {
	text string
	kind error
}

// Error implements error.
func (e *otherError) Error() string {
	if e.kind == ErrRefused {
		return "transfer: the receiver has refused: " + e.text
	}
	return "transfer: the other side has ended the transfer: " + e.text
}

// Unwrap returns ErrOther or ErrRefused.
func (e *otherError) Unwrap() error { return e.kind }

// textOf returns a text of the other side, as one line that is safe to show.
func textOf(b []byte) string {
	text := printable.Line(string(b[:min(len(b), maxText)]))
	if text == "" {
		return "it gives no reason"
	}
	return text
}

// textFor returns the text of an error for the other side, without this package's name and without
// paths.
func textFor(err error) []byte {
	text := strings.TrimPrefix(pathless.Text(err), "transfer: ")
	return []byte(text[:min(len(text), maxText)])
}

// A have is what a receiver has of a file.
type have struct {
	entry  uint32
	length int64
	sum    [sha256.Size]byte
}

func (h *have) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, h.entry)
	b = binary.BigEndian.AppendUint64(b, uint64(h.length))
	return append(b, h.sum[:]...)
}

// parseHaves parses the body of a frameHave into all, which has an entry's at most once.
func parseHaves(b []byte, l *list, all map[uint32]have) error {
	if len(b)%haveSize != 0 {
		return protocolError("a part of a frame is missing")
	}
	for ; len(b) > 0; b = b[haveSize:] {
		h := have{
			entry:  binary.BigEndian.Uint32(b),
			length: int64(binary.BigEndian.Uint64(b[4:])),
			sum:    [sha256.Size]byte(b[12:]),
		}
		_, twice := all[h.entry]
		if twice || uint64(h.entry) >= uint64(len(l.entries)) || !l.entries[h.entry].isFile() ||
			h.length < 0 || h.length > l.entries[h.entry].size {
			return protocolError("it has a part of a file that was not offered")
		}
		all[h.entry] = h
	}
	return nil
}

// parseFile parses the body of a frameFile.
func parseFile(b []byte) (entry uint32, offset int64, err error) {
	if len(b) != 12 {
		return 0, 0, protocolError("the begin of a file has %d bytes", len(b))
	}
	return binary.BigEndian.Uint32(b), int64(binary.BigEndian.Uint64(b[4:])), nil
}

func fileBody(entry int, offset int64) []byte {
	return binary.BigEndian.AppendUint64(
		binary.BigEndian.AppendUint32(nil, uint32(entry)), uint64(offset))
}

// parseOffer parses the body of a frameOffer.
func parseOffer(b []byte) (entries int, bytes int64, err error) {
	if len(b) != 12 {
		return 0, 0, protocolError("an offer has %d bytes", len(b))
	}
	n := binary.BigEndian.Uint32(b)
	bytes = int64(binary.BigEndian.Uint64(b[4:]))
	if n == 0 || n > MaxEntries || bytes < 0 || bytes > MaxBytes {
		return 0, 0, protocolError("an offer of %d files and %d bytes", n, uint64(bytes))
	}
	return int(n), bytes, nil
}

func offerBody(l *list) []byte {
	return binary.BigEndian.AppendUint64(
		binary.BigEndian.AppendUint32(nil, uint32(len(l.entries))), uint64(l.bytes))
}

// addressBody has each address as 16 bytes and its port.
func addressBody(addrs []netip.AddrPort) []byte {
	var b []byte
	for _, a := range addrs {
		ip := a.Addr().As16()
		b = binary.BigEndian.AppendUint16(append(b, ip[:]...), a.Port())
	}
	return b
}

// parseAddresses parses the body of a frameAddresses.
func parseAddresses(b []byte) ([]netip.AddrPort, error) {
	if len(b)%addrSize != 0 || len(b) > maxAddrs*addrSize {
		return nil, protocolError("a list of addresses of %d bytes", len(b))
	}
	var all []netip.AddrPort
	for ; len(b) > 0; b = b[addrSize:] {
		ip := netip.AddrFrom16([16]byte(b)).Unmap()
		all = append(all, netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[16:])))
	}
	return all, nil
}

// failing reports whether an error is one of the connection, which another connection would
// not have.
func failing(err error) bool {
	for _, own := range []error{ErrProtocol, ErrOther, ErrRefused, ErrName, ErrExists, ErrSpace,
		ErrCorrupt, ErrChanged, ErrLimit, errFile} {
		if errors.Is(err, own) {
			return false
		}
	}
	return true
}

// errFile is in errors of the file system.
var errFile = errors.New("transfer: a file cannot be read or written")
