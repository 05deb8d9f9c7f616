package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// A frame is a packet as it was captured.
type frame struct {
	time time.Time
	link uint32 // the type of its beginning, from the registry of tcpdump.org
	data []byte // may be cut
	cut  bool
}

// maxFrame bounds a packet and a block, in bytes. The largest that tcpdump captures has
// 256 KiB.
const maxFrame = 1 << 20

// A source reads a file from its beginning.
type source struct {
	r     *bufio.Reader
	order binary.ByteOrder
	next  func() (*frame, error)

	// of pcap
	link uint32
	unit time.Duration
	// of pcapng, by number
	interfaces []captureInterface
}

// A captureInterface is described by a block of pcapng.
type captureInterface struct {
	link    uint32
	units   uint64 // in a second
	snapLen uint32
}

// maxInterfaces bounds the interfaces of a section.
const maxInterfaces = 1024

// ErrFormat is wrapped by the error for a file that is no capture.
var ErrFormat = errors.New("neither pcap nor pcapng")

// IsCapture reports whether a file begins like a capture.
func IsCapture(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	_, _, pcap := magic(head)
	return pcap || binary.BigEndian.Uint32(head) == blockSection
}

// magic returns the byte order and the unit of the times of a pcap file.
func magic(head []byte) (binary.ByteOrder, time.Duration, bool) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head) {
		case 0xa1b2c3d4:
			return order, time.Microsecond, true
		case 0xa1b23c4d:
			return order, time.Nanosecond, true
		}
	}
	return nil, 0, false
}

// open reads the beginning of a file.
func open(r io.Reader) (*source, error) {
	s := &source{r: bufio.NewReaderSize(r, 1<<16)}
	head, err := s.r.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(head))
	}
	if binary.BigEndian.Uint32(head) == blockSection {
		s.next = s.block
		return s, nil
	}
	order, unit, ok := magic(head)
	if !ok {
		return nil, ErrFormat
	}
	s.order, s.unit, s.next = order, unit, s.packet
	var header [24]byte
	if _, err := io.ReadFull(s.r, header[:]); err != nil {
		return nil, fmt.Errorf("%w: the header is cut", ErrFormat)
	}
	s.link = order.Uint32(header[20:]) & 0xffff // the rest has other flags
	return s, nil
}

// packet reads a packet of pcap.
func (s *source) packet() (*frame, error) {
	var header [16]byte
	if _, err := io.ReadFull(s.r, header[:]); err != nil {
		return nil, err
	}
	seconds, part := s.order.Uint32(header[:]), s.order.Uint32(header[4:])
	captured, length := s.order.Uint32(header[8:]), s.order.Uint32(header[12:])
	data, err := s.take(captured)
	return &frame{
		time: time.Unix(int64(seconds), int64(part)*int64(s.unit)).UTC(),
		link: s.link, data: data, cut: captured < length,
	}, err
}

// take reads n bytes.
func (s *source) take(n uint32) ([]byte, error) {
	if n > maxFrame {
		return nil, fmt.Errorf("a packet of %d bytes: at most %d are accepted", n, maxFrame)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(s.r, b)
	return b, err
}

// The blocks of pcapng that matter. draft-ietf-opsawg-pcapng, Section 4.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockSimple    = 3
	blockEnhanced  = 6
)

// block reads blocks of pcapng up to the next packet.
func (s *source) block() (*frame, error) {
	for {
		typ, body, err := s.nextBlock()
		if err != nil {
			return nil, err
		}
		switch typ {
		case blockInterface:
			if err := s.addInterface(body); err != nil {
				return nil, err
			}
		case blockSimple:
			return s.simple(body)
		case blockEnhanced:
			return s.enhanced(body)
		}
	}
}

// nextBlock reads one block. A section may change the byte order, which its block tells.
func (s *source) nextBlock() (uint32, []byte, error) {
	var header [8]byte
	if _, err := io.ReadFull(s.r, header[:]); err != nil {
		return 0, nil, err
	}
	if binary.BigEndian.Uint32(header[:]) == blockSection {
		mark, err := s.r.Peek(4)
		if err != nil {
			return 0, nil, io.ErrUnexpectedEOF
		}
		switch s.interfaces = nil; {
		case binary.LittleEndian.Uint32(mark) == 0x1a2b3c4d:
			s.order = binary.LittleEndian
		case binary.BigEndian.Uint32(mark) == 0x1a2b3c4d:
			s.order = binary.BigEndian
		default:
			return 0, nil, fmt.Errorf("%w: the byte order is unknown", ErrFormat)
		}
	}
	n := s.order.Uint32(header[4:])
	if n < 12 || n%4 != 0 {
		return 0, nil, fmt.Errorf("a block of %d bytes: it has at least 12, and a multiple of 4", n)
	}
	b, err := s.take(n - 8)
	if err != nil {
		return 0, nil, err
	}
	return s.order.Uint32(header[:]), b[:len(b)-4], nil // the length stands again at the end
}

// addInterface reads an interface: its type, and the options that matter.
func (s *source) addInterface(b []byte) error {
	if len(b) < 8 || len(s.interfaces) >= maxInterfaces {
		return fmt.Errorf("%w: an interface is cut, or there are over %d", ErrFormat, maxInterfaces)
	}
	i := captureInterface{
		link: uint32(s.order.Uint16(b)), units: 1e6, snapLen: s.order.Uint32(b[4:]),
	}
	for b = b[8:]; len(b) >= 4; {
		code, n := s.order.Uint16(b), int(s.order.Uint16(b[2:]))
		if b = b[4:]; code == 0 || n > len(b) {
			break
		}
		if code == 9 && n == 1 { // if_tsresol
			i.units = units(b[0])
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	s.interfaces = append(s.interfaces, i)
	return nil
}

// units returns the units of a second that if_tsresol stands for: a power of ten or, with
// the highest bit, of two.
func units(b byte) uint64 {
	base, exponent := uint64(10), b&0x7f
	if b&0x80 != 0 {
		base = 2
	}
	n := uint64(1)
	for range exponent {
		if n > 1<<59 {
			return 1 << 59
		}
		n *= base
	}
	return n
}

// enhanced reads a packet with a time.
func (s *source) enhanced(b []byte) (*frame, error) {
	if len(b) < 20 {
		return nil, fmt.Errorf("%w: a packet block of %d bytes", ErrFormat, len(b))
	}
	number, captured, length := s.order.Uint32(b), s.order.Uint32(b[12:]), s.order.Uint32(b[16:])
	if int64(number) >= int64(len(s.interfaces)) || int64(captured) > int64(len(b)-20) {
		return nil, fmt.Errorf("%w: a packet of no interface, or longer than its block", ErrFormat)
	}
	i := s.interfaces[number]
	at := uint64(s.order.Uint32(b[4:]))<<32 | uint64(s.order.Uint32(b[8:]))
	rest := float64(at%i.units) / float64(i.units) * float64(time.Second)
	return &frame{
		time: time.Unix(int64(at/i.units&(1<<40-1)), int64(rest)).UTC(),
		link: i.link, data: b[20 : 20+captured], cut: captured < length,
	}, nil
}

// simple reads a packet without a time, of the first interface.
func (s *source) simple(b []byte) (*frame, error) {
	if len(b) < 4 || len(s.interfaces) == 0 {
		return nil, fmt.Errorf("%w: a packet of no interface", ErrFormat)
	}
	length := s.order.Uint32(b)
	captured := min(int64(length), int64(len(b)-4))
	if n := s.interfaces[0].snapLen; n > 0 {
		captured = min(captured, int64(n))
	}
	return &frame{
		link: s.interfaces[0].link, data: b[4 : 4+captured], cut: captured < int64(length),
	}, nil
}
