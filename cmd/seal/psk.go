package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/engine"
	"github.com/sealsock/sealsock/iana"
	"github.com/sealsock/sealsock/internal/pskfile"
)

// Limits on the file of --psk-file.
const (
	shortKey   = 16 // bytes; what has less can be guessed from one recorded handshake
	maxOffered = 8  // keys that a client offers: servers check no more
)

const keyLine = "a line is IDENTITY:HEX, as in alice:8f3c…; openssl rand -hex 32 creates a key; lines that begin with # are ignored"

// readKeys reads the pre-shared keys of --psk-file. No error shows any of a line
// that may hold a key.
func readKeys(out *output, file string) ([]*engine.PSK, error) {
	data, err := readSecret(out, "--psk-file", file, pskfile.MaxFile)
	if err != nil {
		return nil, err
	}
	keys, lines, err := pskfile.Parse(data)
	if err != nil {
		return nil, failed(err, "--psk-file %s, %v", file, err).hinted(keyLine)
	}
	if len(keys) == 0 {
		return nil, failed(nil, "--psk-file %s contains no key", file).hinted(keyLine)
	}
	for i, k := range keys {
		if k.KeyLen() < shortKey {
			out.warn("--psk-file %s, line %d: a key of %d bytes can be guessed from a recorded connection: use %d bytes or more",
				file, lines[i], k.KeyLen(), shortKey)
		}
	}
	return keys, nil
}

// offerKeys makes a client offer the keys of a file. Without a flag about which
// certificates to accept, certificates are off.
func offerKeys(out *output, cfg *sealsock.Config, file string, certificates bool) error {
	keys, err := readKeys(out, file)
	if err != nil {
		return err
	}
	if len(keys) > maxOffered {
		return failed(nil, "--psk-file %s has %d keys, and a client offers at most %d", file, len(keys), maxOffered).
			hinted("use a file with only the key of this client")
	}
	cfg.PSKs, cfg.PSKOnly = keys, !certificates
	return nil
}

// findKeys makes a server accept the keys of a file.
func findKeys(cfg *sealsock.Config, keys []*engine.PSK) {
	known := make(map[string]*engine.PSK, len(keys))
	for _, k := range keys {
		known[string(k.Identity)] = k
	}
	cfg.FindPSK = func(_ context.Context, identity []byte) (*engine.PSK, error) { return known[string(identity)], nil }
}

// hasPSKSuite reports whether a list of suites, nil for the defaults, has one that goes
// with the keys: in TLS 1.3 one with their hash, in TLS 1.2 one made for keys.
func hasPSKSuite(list []iana.CipherSuite) bool {
	return list == nil || slices.ContainsFunc(list, func(id iana.CipherSuite) bool {
		name := id.String()
		return strings.Contains(name, "_PSK_WITH_") || !strings.Contains(name, "_WITH_") && strings.HasSuffix(name, "_SHA256")
	})
}

// keyCount is "1 pre-shared key" and the like.
func keyCount(n int) string {
	if n == 1 {
		return "1 pre-shared key"
	}
	return fmt.Sprintf("%d pre-shared keys", n)
}

// pskCommands lists commands that connect with a key of a file: of its first one for
// OpenSSL, which has to have it on its command line.
func pskCommands(file string, first []byte, to string) []string {
	commands := []string{programName() + " connect --psk-file " + quoted(file) + " " + to}
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
	}
	if name := string(first); strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		commands = append(commands, "openssl s_client -quiet -psk_identity "+name+` -psk "$(sed -n 's/^`+name+`://p' `+quoted(file)+`)" -connect `+to)
	}
	return commands
}
