package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"
)

// maxOption bounds the value of an option, in bytes.
const maxOption = 64 << 10

// An Option is a socket option with a Go type. This package has those of
// SOL_SOCKET; a family's are in its package. The zero Option has no use.
type Option[T any] struct {
	name   string
	number OptionNumber
	codec  codec[T]
}

// An OptionNumber is the level and the name that getsockopt(2) and
// setsockopt(2) take.
type OptionNumber struct{ Level, Name int }

// codec turns a value into bytes and back.
type codec[T any] struct {
	size   int // of the space for reading
	encode func(T) ([]byte, error)
	decode func([]byte) (T, error)
}

// String returns the option's C name: "SO_KEEPALIVE".
func (o Option[T]) String() string { return o.name }

// Number returns the option's numbers on this system, and false if the system
// does not have the option.
func (o Option[T]) Number() (OptionNumber, bool) {
	return o.number, o.number != OptionNumber{}
}

// Set sets the option.
func (o Option[T]) Set(s *Socket, value T) error {
	if err := o.check(); err != nil {
		return s.opError("set", nil, err)
	}
	raw, err := o.codec.encode(value)
	if err != nil {
		return s.opError("set", nil, fmt.Errorf("%s: %w", o.name, err))
	}
	err = s.setOption(o.number.Level, o.number.Name, raw)
	return s.opError("set", nil, o.explain(err))
}

// Get reads the option.
func (o Option[T]) Get(s *Socket) (T, error) {
	var zero T
	if err := o.check(); err != nil {
		return zero, s.opError("get", nil, err)
	}
	raw := make([]byte, o.codec.size)
	n, err := s.getOption(o.number.Level, o.number.Name, raw)
	if err != nil {
		return zero, s.opError("get", nil, o.explain(err))
	}
	v, err := o.codec.decode(raw[:n])
	if err != nil {
		return zero, s.opError("get", nil, fmt.Errorf("%s: %w", o.name, err))
	}
	return v, nil
}

func (o Option[T]) check() error {
	if _, ok := o.Number(); !ok {
		return fmt.Errorf("option %s: not on %s: %w", o.name, runtime.GOOS, errors.ErrUnsupported)
	}
	return nil
}

func (o Option[T]) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("option %s: %w", o.name, err)
}

// NewInt makes an option whose value is a C int.
func NewInt(name string, n OptionNumber) Option[int] {
	return Option[int]{name, n, codec[int]{4, encodeInt, decodeInt}}
}

// NewBool makes an option whose value is a C int that is 0 or 1.
func NewBool(name string, n OptionNumber) Option[bool] {
	return Option[bool]{name, n, codec[bool]{
		size: 4,
		encode: func(on bool) ([]byte, error) {
			if on {
				return encodeInt(1)
			}
			return encodeInt(0)
		},
		decode: func(raw []byte) (bool, error) {
			n, err := decodeInt(raw)
			return n != 0, err
		},
	}}
}

// NewDuration makes an option whose value is a C int that counts units.
func NewDuration(name string, n OptionNumber, unit time.Duration) Option[time.Duration] {
	return Option[time.Duration]{name, n, codec[time.Duration]{
		size: 4,
		encode: func(d time.Duration) ([]byte, error) {
			n := d / unit
			if d%unit > 0 {
				n++ // never shorter than asked
			}
			if d < 0 || n > math.MaxInt32 {
				return nil, fmt.Errorf("%v is not in 0 to %d times %v", d, math.MaxInt32, unit)
			}
			return encodeInt(int(n))
		},
		decode: func(raw []byte) (time.Duration, error) {
			n, err := decodeInt(raw)
			return time.Duration(n) * unit, err
		},
	}}
}

// NewString makes an option whose value is text with a NUL behind it, at most
// size bytes long.
func NewString(name string, n OptionNumber, size int) Option[string] {
	return Option[string]{name, n, codec[string]{
		size: size,
		encode: func(s string) ([]byte, error) {
			if len(s) >= size || strings.IndexByte(s, 0) >= 0 {
				return nil, fmt.Errorf("%q is not text of less than %d bytes", s, size)
			}
			return append([]byte(s), 0), nil
		},
		decode: func(raw []byte) (string, error) {
			text, _, _ := strings.Cut(string(raw), "\x00")
			return text, nil
		},
	}}
}

// NewBytes makes an option whose value is at most size bytes.
func NewBytes(name string, n OptionNumber, size int) Option[[]byte] {
	return Option[[]byte]{name, n, codec[[]byte]{
		size:   size,
		encode: func(b []byte) ([]byte, error) { return b, nil },
		decode: func(b []byte) ([]byte, error) { return b, nil },
	}}
}

// NewStruct makes an option whose value is a C struct, described by a Go
// struct with fields of fixed size and explicit padding. A kernel that knows
// fewer fields leaves the last ones zero.
func NewStruct[T any](name string, n OptionNumber) Option[T] {
	var zero T
	size := binary.Size(zero)
	return Option[T]{name, n, codec[T]{
		size:   size,
		encode: func(v T) ([]byte, error) { return binary.Append(nil, binary.NativeEndian, v) },
		decode: func(raw []byte) (v T, err error) {
			raw = append(raw, make([]byte, size-len(raw))...)
			_, err = binary.Decode(raw, binary.NativeEndian, &v)
			return v, err
		},
	}}
}

func encodeInt(n int) ([]byte, error) {
	if n64 := int64(n); n64 < math.MinInt32 || n64 > math.MaxUint32 {
		return nil, fmt.Errorf("%d has more than 32 bits", n)
	}
	return binary.NativeEndian.AppendUint32(nil, uint32(n)), nil
}

// decodeInt also reads the single byte that some options are.
func decodeInt(raw []byte) (int, error) {
	switch {
	case len(raw) >= 4:
		return int(int32(binary.NativeEndian.Uint32(raw))), nil
	case len(raw) >= 1:
		return int(raw[0]), nil
	}
	return 0, errors.New("the system returned no value")
}

// SetOption sets any option to raw bytes.
func (s *Socket) SetOption(n OptionNumber, value []byte) error {
	return s.opError("set", nil, s.setOption(n.Level, n.Name, value))
}

// SetOptionInt sets any option that is a C int.
func (s *Socket) SetOptionInt(n OptionNumber, value int) error {
	raw, err := encodeInt(value)
	if err != nil {
		return s.opError("set", nil, err)
	}
	return s.SetOption(n, raw)
}

// SetOptionLength calls setsockopt(2) without a value and with a length, which
// a few options take as their value.
func (s *Socket) SetOptionLength(n OptionNumber, length int) error {
	err := s.control("setsockopt", func(fd uintptr) error {
		return sysSetOption(fd, n.Level, n.Name, nil, length)
	})
	return s.opError("set", nil, err)
}

// GetOption reads any option into value and returns how many bytes it has. What
// does not fit is cut.
func (s *Socket) GetOption(n OptionNumber, value []byte) (int, error) {
	if len(value) > maxOption {
		return 0, s.opError("get", nil, fmt.Errorf("an option of %d bytes, more than %d", len(value), maxOption))
	}
	size, err := s.getOption(n.Level, n.Name, value)
	return size, s.opError("get", nil, err)
}

// GetOptionInt reads any option that is a C int.
func (s *Socket) GetOptionInt(n OptionNumber) (int, error) {
	raw := make([]byte, 4)
	size, err := s.getOption(n.Level, n.Name, raw)
	if err != nil {
		return 0, s.opError("get", nil, err)
	}
	v, err := decodeInt(raw[:size])
	return v, s.opError("get", nil, err)
}

func (s *Socket) setOption(level, name int, value []byte) error {
	if len(value) > maxOption {
		return os.NewSyscallError("setsockopt", fmt.Errorf("a value of %d bytes, more than %d", len(value), maxOption))
	}
	return s.control("setsockopt", func(fd uintptr) error {
		var p unsafe.Pointer
		if len(value) > 0 {
			p = unsafe.Pointer(&value[0])
		}
		return sysSetOption(fd, level, name, p, len(value))
	})
}

func (s *Socket) getOption(level, name int, value []byte) (size int, err error) {
	err = s.control("getsockopt", func(fd uintptr) error {
		var err error
		size, err = sysGetOption(fd, level, name, value)
		return err
	})
	return size, err
}
