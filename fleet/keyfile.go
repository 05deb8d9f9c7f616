package fleet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/internal/readfile"
)

// What a file of secrets has at most.
const (
	maxFile  = 16 << 10 // bytes
	maxKeys  = 32
	leastKey = 2
)

// A KeyFile is ticket keys from a file, which is read again when it has changed. It is a
// sealsock.TicketKeys. Each line of the file has a key of 32 bytes as 64 hexadecimal digits;
// empty lines, and lines that begin with #, are ignored:
//
//	# the key that seals
//	3a6c…
//	# keys that open tickets only: the next one, and earlier ones
//	91f0…
//	c7d2…
//
// A file has 2 to 32 keys, no key twice. The first seals tickets, all of them open tickets. To
// rotate the keys of several servers without a gap, distribute a file in which the new key is
// the second one, and then a file in which it is the first one, before the old ones. A key may
// be removed when the tickets that it sealed have expired.
//
// The owner alone may have access to the file. It is best replaced by renaming a new file.
type KeyFile struct {
	name    string
	onError func(error)

	mu     sync.Mutex
	keys   []sealsock.TicketKey
	stamp  readfile.Stamp
	looked time.Time // when the file was looked at last
	failed string    // the error that was reported last
}

// OpenKeyFile reads a file of ticket keys. onError, if not nil, is called when the file has
// changed and cannot be used: the earlier keys remain in use. It must not block.
func OpenKeyFile(name string, onError func(error)) (*KeyFile, error) {
	if onError == nil {
		onError = func(error) {}
	}
	f := &KeyFile{name: name, onError: onError}
	if err := f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

// TicketKeys implements sealsock.TicketKeys. It looks at the file at most once a second.
func (f *KeyFile) TicketKeys(now time.Time) []sealsock.TicketKey {
	if f == nil || f.name == "" {
		return nil
	}
	f.mu.Lock()
	keys, due := f.keys, now.Sub(f.looked).Abs() >= time.Second
	if due {
		f.looked = now
	}
	f.mu.Unlock()
	if !due {
		return keys
	}
	if err := f.Reload(); err != nil {
		f.report(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.keys
}

// report reports each error once.
func (f *KeyFile) report(err error) {
	f.mu.Lock()
	known := f.failed == err.Error()
	f.failed = err.Error()
	f.mu.Unlock()
	if !known {
		f.onError(err)
	}
}

// Reload reads the file now if it has changed. After an error the earlier keys remain in use.
func (f *KeyFile) Reload() error {
	if f == nil || f.name == "" {
		return errNotMade
	}
	info, err := os.Stat(f.name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	same := readfile.StampOf(info) == f.stamp
	f.mu.Unlock()
	if same {
		return nil
	}
	return f.read()
}

var errNotMade = fmt.Errorf("fleet: a nil or zero value: use its constructor: %w", os.ErrInvalid)

func (f *KeyFile) read() error {
	lines, stamp, err := readSecrets(f.name)
	if err != nil {
		return err
	}
	if len(lines) < leastKey {
		return fmt.Errorf("fleet: %s has %d ticket keys, and needs %d: one that seals, and the "+
			"next or the previous one", f.name, len(lines), leastKey)
	}
	var keys []sealsock.TicketKey
	for _, secret := range lines {
		keys = append(keys, sealsock.NewTicketKey(secret))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys, f.stamp, f.failed = keys, stamp, ""
	return nil
}

// ErrAccess is in the error for a file of secrets that others than its owner may read or change.
var ErrAccess = errors.New("others than the owner have access to this file of secrets")

// readSecrets reads a file with a secret in each line.
func readSecrets(name string) (list [][32]byte, stamp readfile.Stamp, err error) {
	f, err := readfile.Open(name)
	if err != nil {
		return nil, stamp, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, stamp, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, stamp, &fs.PathError{Op: "read", Path: name,
			Err: fmt.Errorf("%w: its mode is %04o: chmod 600", ErrAccess, info.Mode().Perm())}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, stamp, err
	}
	if len(text) > maxFile {
		return nil, stamp, &readfile.TooLargeError{Path: name, Most: maxFile}
	}
	if list, err = parseSecrets(text); err != nil {
		return nil, stamp, fmt.Errorf("fleet: %s, %w", name, err)
	}
	return list, readfile.StampOf(info), nil
}

// parseSecrets parses lines of 64 hexadecimal digits. No error shows any of a line.
func parseSecrets(text []byte) (list [][32]byte, err error) {
	known := make(map[[32]byte]int)
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		var secret [32]byte
		if len(line) != hex.EncodedLen(len(secret)) {
			return nil, fmt.Errorf("line %d has %d characters: a secret is 64 hexadecimal "+
				"digits, as openssl rand -hex 32 makes it", n, len(line))
		}
		if _, err := hex.Decode(secret[:], line); err != nil {
			return nil, fmt.Errorf("line %d has a character that is no hexadecimal digit", n)
		}
		first, twice := known[secret]
		switch {
		case secret == [32]byte{}:
			return nil, fmt.Errorf("line %d is all zeros, which is no secret", n)
		case twice:
			return nil, fmt.Errorf("line %d is the same as line %d", n, first)
		case len(list) == maxKeys:
			return nil, fmt.Errorf("line %d is more than %d secrets", n, maxKeys)
		}
		known[secret] = n
		list = append(list, secret)
	}
	return list, nil
}

// A Secret is what the members of a fleet have in common, and no other has. It never prints.
type Secret struct{ bytes func() [32]byte }

// NewSecret returns a secret of 32 random bytes. 32 zero bytes are no secret.
func NewSecret(b [32]byte) Secret {
	if b == [32]byte{} {
		return Secret{}
	}
	return Secret{func() [32]byte { return b }}
}

// ReadSecret reads the secret of a fleet from a file: one line of 64 hexadecimal digits. Empty
// lines, and lines that begin with #, are ignored. The owner alone may have access to the file.
func ReadSecret(name string) (Secret, error) {
	lines, _, err := readSecrets(name)
	if err != nil {
		return Secret{}, err
	}
	if len(lines) != 1 {
		return Secret{}, fmt.Errorf("fleet: %s has %d secrets, and must have one", name, len(lines))
	}
	return NewSecret(lines[0]), nil
}

// Valid reports whether s is a secret, and not the zero value.
func (s Secret) Valid() bool { return s.bytes != nil }

// Bytes returns the secret, or zeros for the zero Secret.
func (s Secret) Bytes() (b [32]byte) {
	if s.bytes == nil {
		return b
	}
	return s.bytes()
}

// Format prints [redacted] for every verb, so that no output or log shows the secret.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// MarshalText keeps the secret out of logs in JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
