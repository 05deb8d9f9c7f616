package transfer

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/sealsock/sealsock/internal/safename"
)

const (
	// MaxEntries is how many files and folders one transfer may have.
	MaxEntries = 100_000
	// MaxBytes is how many bytes of files one transfer may have: 2^60.
	MaxBytes = 1 << 60
	// maxNames bounds the names of a transfer in bytes.
	maxNames = 16 << 20
)

const (
	entryFile       byte = 1
	entryExecutable byte = 2 // a file that may be executed
	entryFolder     byte = 3

	entryHeader = 1 + 8 + 8 + 2
)

// An entry is a file or a folder of a transfer.
type entry struct {
	kind     byte
	size     int64
	modified int64 // seconds since 1970
	name     string
}

func (e *entry) isFile() bool { return e.kind != entryFolder }

// append appends the entry:
//
//	kind 1 byte, size 8 bytes, time of change 8 bytes, length 2 bytes, name
func (e *entry) append(b []byte) []byte {
	b = append(b, e.kind)
	b = binary.BigEndian.AppendUint64(b, uint64(e.size))
	b = binary.BigEndian.AppendUint64(b, uint64(e.modified))
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.name)))
	return append(b, e.name...)
}

// parseEntry parses an entry and returns what follows it.
func parseEntry(b []byte) (entry, []byte, error) {
	if len(b) < entryHeader {
		return entry{}, nil, protocolError("an entry of the list of files is cut")
	}
	e := entry{
		kind:     b[0],
		size:     int64(binary.BigEndian.Uint64(b[1:])),
		modified: int64(binary.BigEndian.Uint64(b[9:])),
	}
	length := int(binary.BigEndian.Uint16(b[17:]))
	b = b[entryHeader:]
	switch {
	case length > len(b):
		return entry{}, nil, protocolError("a name is cut")
	case e.kind < entryFile || e.kind > entryFolder:
		return entry{}, nil, protocolError("an entry has the unknown kind %d", e.kind)
	case e.size < 0 || e.size > MaxBytes || e.kind == entryFolder && e.size != 0:
		return entry{}, nil, protocolError("an entry has the impossible size %d", e.size)
	}
	e.name = string(b[:length])
	return e, b[length:], nil
}

// time returns the time of the last change, or the zero time if it is out of the range that
// file systems have.
func (e *entry) time() time.Time {
	if e.modified <= 0 || e.modified > math.MaxUint32*2 {
		return time.Time{}
	}
	return time.Unix(e.modified, 0)
}

// A list is what a transfer consists of. Folders precede what is in them.
type list struct {
	entries []entry
	bytes   int64
	names   int

	seen map[string]byte // kinds by folded name
}

// add adds an entry whose name a receiver may create.
func (l *list) add(e entry) error {
	if err := safename.Check(e.name); err != nil {
		return fmt.Errorf("transfer: %w: %w", ErrName, err)
	}
	if l.seen == nil {
		l.seen = make(map[string]byte)
	}
	name := safename.Fold(e.name)
	if l.seen[name] != 0 {
		return fmt.Errorf("transfer: %q: %w: two files have it", e.name, ErrName)
	}
	for i := range len(name) {
		if name[i] == '/' && l.seen[name[:i]] != entryFolder {
			return fmt.Errorf("transfer: %q: %w: its folder is not in the list", e.name, ErrName)
		}
	}
	switch {
	case len(l.entries) >= MaxEntries:
		return fmt.Errorf("transfer: more than %d files and folders: %w: send an archive",
			MaxEntries, ErrLimit)
	case l.names+len(e.name) > maxNames:
		return fmt.Errorf("transfer: names of more than %d bytes: %w: send an archive",
			maxNames, ErrLimit)
	case e.size > MaxBytes-l.bytes:
		return fmt.Errorf("transfer: more than %d bytes: %w", int64(MaxBytes), ErrLimit)
	}
	l.seen[name] = e.kind
	l.entries = append(l.entries, e)
	l.names += len(e.name)
	l.bytes += e.size
	return nil
}

// files returns how many of the entries are files.
func (l *list) files() int {
	n := 0
	for i := range l.entries {
		if l.entries[i].isFile() {
			n++
		}
	}
	return n
}
