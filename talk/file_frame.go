package talk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"unicode/utf8"
)

// The frames about files, among the texts. Each has the number of a file, which the sender of
// the file has chosen. The sender sends offer, and after accept data, end, or stop at any time.
// The receiver sends accept, more, and stored, or refuse at any time.
const (
	frameOffer  byte = 6  // number 4 bytes, size 8 bytes, name
	frameAccept byte = 7  // number
	frameData   byte = 8  // number, bytes of the file
	frameEnd    byte = 9  // number, SHA-256 of the file
	frameMore   byte = 10 // number, bytes that were written so far 8 bytes
	frameStored byte = 11 // number
	frameRefuse byte = 12 // number, a text
	frameStop   byte = 13 // number
)

const (
	maxFileName = 255
	maxReason   = 256
)

// A fileFrame is a frame about a file. Which fields it has depends on its kind.
type fileFrame struct {
	kind   byte
	number uint32
	size   int64  // offer, more
	name   string // offer; the reason of refuse
	data   []byte // data, end
}

// append appends the frame to b.
func (f *fileFrame) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, f.kind), f.number)
	switch f.kind {
	case frameOffer:
		b = append(binary.BigEndian.AppendUint64(b, uint64(f.size)), f.name...)
	case frameMore:
		b = binary.BigEndian.AppendUint64(b, uint64(f.size))
	case frameRefuse:
		b = append(b, f.name[:min(len(f.name), maxReason)]...)
	case frameData, frameEnd:
		b = append(b, f.data...)
	}
	return b
}

// fileBodies has how many bytes may follow the number.
var fileBodies = map[byte]struct{ least, most int }{
	frameOffer:  {8 + 1, 8 + maxFileName},
	frameAccept: {0, 0},
	frameData:   {1, fileChunk},
	frameEnd:    {sha256.Size, sha256.Size},
	frameMore:   {8, 8},
	frameStored: {0, 0},
	frameRefuse: {0, maxReason},
	frameStop:   {0, 0},
}

// parseFileFrame parses a frame. It keeps no part of b.
func parseFileFrame(b []byte) (fileFrame, error) {
	var f fileFrame
	if len(b) < 5 {
		return f, errFrame
	}
	f.kind, f.number = b[0], binary.BigEndian.Uint32(b[1:])
	b = b[5:]
	size, known := fileBodies[f.kind]
	if !known || len(b) < size.least || len(b) > size.most {
		return f, errFrame
	}
	switch f.kind {
	case frameOffer, frameMore:
		f.size = int64(binary.BigEndian.Uint64(b))
		f.name = string(b[8:])
	case frameRefuse:
		f.name = string(b)
	case frameData, frameEnd:
		f.data = bytes.Clone(b)
	}
	if f.size < 0 || f.size > MaxFileSize || f.kind == frameOffer && !utf8.ValidString(f.name) {
		return f, errFrame
	}
	return f, nil
}
