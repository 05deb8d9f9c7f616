package alg

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/sealsock/sealsock/socket"
)

// Family is the kernel's cryptography.
var Family = socket.Family{
	Name: "alg", Number: number, Module: "af_alg algif_hash algif_skcipher algif_aead algif_rng",
	Decode: decode, EmptyMessages: true, Nameless: true,
}

// Sizes in struct sockaddr_alg.
const (
	typeSize = 14
	nameSize = 64
)

// An Addr names an algorithm. It is comparable.
type Addr struct {
	Type string // "hash", "skcipher", "aead" or "rng"
	Name string // "sha256", "cbc(aes)"

	Features, Mask uint32 // of the implementation to choose; usually 0
}

var _ socket.Addr = Addr{}

// Network returns "alg".
func (a Addr) Network() string { return "alg" }

// String returns "type/name".
func (a Addr) String() string { return a.Type + "/" + a.Name }

// AppendSockaddr appends a struct sockaddr_alg.
func (a Addr) AppendSockaddr(b []byte) ([]byte, error) {
	if len(a.Type) >= typeSize || len(a.Name) >= nameSize {
		return b, fmt.Errorf("algorithm %s: its type or its name is too long", a)
	}
	b = socket.AppendHeader(b, number, 88)
	b = append(append(b, a.Type...), make([]byte, typeSize-len(a.Type))...)
	b = binary.NativeEndian.AppendUint32(b, a.Features)
	b = binary.NativeEndian.AppendUint32(b, a.Mask)
	return append(append(b, a.Name...), make([]byte, nameSize-len(a.Name))...), nil
}

func decode(raw []byte) (socket.Addr, error) {
	if len(raw) < 88 {
		return nil, fmt.Errorf("struct sockaddr_alg of %d bytes", len(raw))
	}
	text := func(b []byte) string { b, _, _ = bytes.Cut(b, []byte{0}); return string(b) }
	return Addr{text(raw[2:16]), text(raw[24:88]), binary.NativeEndian.Uint32(raw[16:]), binary.NativeEndian.Uint32(raw[20:])}, nil
}

// Level is SOL_ALG, the level of the options and the ancillary data.
const Level = 279

// Names of the options and types of the ancillary data.
const (
	setKey      = 1
	setIV       = 2
	setOp       = 3
	setAssocLen = 4
	setAuthSize = 5
	setEntropy  = 6
)

// An Op is the operation of a cipher.
type Op uint32

// The ops have the kernel's numbers.
const (
	DecryptOp Op = 0
	EncryptOp Op = 1
)

// An Operation is the ancillary data of the message that begins an operation.
// The types of this package send it; it is exported for sockets that are used
// directly.
type Operation struct {
	Op       Op
	IV       []byte // nil for none
	AssocLen int    // bytes at the beginning that are only authenticated
}

// Ancillary returns the items for a message.
func (o Operation) Ancillary() []socket.Ancillary {
	items := []socket.Ancillary{socket.RawAncillary{Level: Level, Type: setOp, Data: binary.NativeEndian.AppendUint32(nil, uint32(o.Op))}}
	if o.IV != nil {
		iv := binary.NativeEndian.AppendUint32(nil, uint32(len(o.IV)))
		items = append(items, socket.RawAncillary{Level: Level, Type: setIV, Data: append(iv, o.IV...)})
	}
	if o.AssocLen > 0 {
		items = append(items, socket.RawAncillary{Level: Level, Type: setAssocLen, Data: binary.NativeEndian.AppendUint32(nil, uint32(o.AssocLen))})
	}
	return items
}

// Open opens a socket for an algorithm, with its key unless that is nil. Accept
// on it returns sockets for operations, each with a separate state.
func Open(a Addr, key []byte) (*socket.Socket, error) {
	return Family.Open(socket.SeqPacket, 0, func(s *socket.Socket) error {
		if err := s.Bind(a); err != nil {
			return explain(a, err)
		}
		if key == nil {
			return nil
		}
		err := s.SetOption(socket.OptionNumber{Level: Level, Name: setKey}, key)
		if err != nil {
			return &net.OpError{
				Op: "set", Net: "alg", Addr: a,
				Err: fmt.Errorf("a key of %d bytes: %w", len(key), cause(err)),
			}
		}
		return nil
	})
}

// operation opens an algorithm and one socket for its operations.
func operation(a Addr, key []byte) (*socket.Socket, error) {
	s, err := Open(a, key)
	if err != nil {
		return nil, err
	}
	defer s.Close() // the operation keeps its own reference
	return s.Accept(context.Background())
}

// explain describes the errno of a failed bind to an algorithm.
func explain(a Addr, err error) error {
	if isNotFound(err) {
		return &net.OpError{Op: "bind", Net: "alg", Addr: a, Err: fmt.Errorf("this kernel has no %s called %q: %w", a.Type, a.Name, errors.ErrUnsupported)}
	}
	return err
}

// cause returns the error inside an *net.OpError.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

var errNotMade = fmt.Errorf("it is nil or a zero value: use the New function of its type: %w",
	os.ErrInvalid)

func opError(op string, a Addr, err error) error {
	return &net.OpError{Op: op, Net: "alg", Addr: a, Err: err}
}
