// Package pskfile reads files of pre-shared keys, with a line IDENTITY:HEX for each. No error
// shows any of a line, which may hold a key.
package pskfile

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/sealsock/sealsock/engine"
)

// Limits on a file of keys.
const (
	MaxFile     = 1 << 20 // bytes of a file; the caller keeps it
	maxIdentity = 1024    // bytes of a key's name
	maxKey      = 512     // bytes of a key: what OpenSSL takes
)

// Parse reads lines of IDENTITY:HEX. The identity ends at the last colon. lines
// has the line number of each key.
func Parse(data []byte) (keys []*engine.PSK, lines []int, err error) {
	known := make(map[string]int)
	for n := 1; len(data) > 0; n++ {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte("\n"))
		line = bytes.Trim(line, " \t\r")
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		colon := bytes.LastIndexByte(line, ':')
		if colon < 0 {
			return nil, nil, fmt.Errorf("line %d: there is no colon between identity and key", n)
		}
		identity, text := line[:colon], bytes.TrimSpace(line[colon+1:])
		key := make([]byte, hex.DecodedLen(len(text)))
		_, bad := hex.Decode(key, text)
		first, again := known[string(identity)]
		switch {
		case len(identity) == 0 || len(identity) > maxIdentity:
			return nil, nil, fmt.Errorf("line %d: the identity has %d bytes: it must have 1 to %d", n,
				len(identity), maxIdentity)
		case bad != nil:
			return nil, nil, fmt.Errorf("line %d: the key is not in hexadecimal, two digits a byte", n)
		case len(key) == 0 || len(key) > maxKey:
			return nil, nil, fmt.Errorf("line %d: the key has %d bytes: it must have 1 to %d", n, len(key),
				maxKey)
		case again:
			return nil, nil, fmt.Errorf("line %d: the identity has a key in line %d already", n, first)
		}
		known[string(identity)] = n
		// No hash of its own: SHA-256, as OpenSSL takes it for -psk. RFC 9846,
		// Section 4.2.11: the default where none is given.
		keys = append(keys, engine.NewPSK(bytes.Clone(identity), key))
		lines = append(lines, n)
	}
	return keys, lines, nil
}
