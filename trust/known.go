package trust

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/filelock"
	"github.com/sealsock/sealsock/internal/readfile"
)

// KnownPeers trusts a peer on first use: its key is written to a file under
// the name it was reached by, and from then on only that key is accepted for
// that name. It stands in for a path to a root, where there is none. A peer that
// the roots vouch for is accepted as ever; its key is not written down, since it
// changes with each renewal, but that the roots vouched for it is: whoever comes
// later under its name without a path to a root is refused. The name in the
// certificate is not compared, because the file ties the name to the key; dates
// are checked.
//
// The file has one line for each key: the name, a pin or the word "roots", and
// perhaps a remark. Empty lines and those that begin with # are passed over. A
// peer may have several lines. The file may be edited by hand at any time.
type KnownPeers struct {
	path   string
	accept func(name string, pin Pin) error

	mu    sync.Mutex
	stamp fileStamp
	peers map[string][]knownKey
}

type knownKey struct {
	pin     Pin
	byRoots bool // not a key: the roots vouched for it
	line    int
}

// byRoots is the word that stands in place of a pin.
const byRoots = "roots"

// fileStamp tells whether a file changed.
type fileStamp struct {
	size     int64
	modified time.Time
}

// maxKnownFile bounds the file: some 50,000 peers.
const maxKnownFile = 4 << 20

// OpenKnownPeers uses the file at path, which need not exist yet. For a peer
// whose name is not in it, accept is asked, which may show the pin to a
// person; its error refuses the peer. A nil accept takes every new peer. The
// file is written with mode 0600.
func OpenKnownPeers(path string, accept func(name string, pin Pin) error) (*KnownPeers, error) {
	k := &KnownPeers{path: path, accept: accept}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(); err != nil {
		return nil, err
	}
	return k, nil
}

// Pins returns the keys known for a name.
func (k *KnownPeers) Pins(name string) ([]Pin, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(); err != nil {
		return nil, err
	}
	var pins []Pin
	for _, key := range k.peers[knownName(name)] {
		if !key.byRoots {
			pins = append(pins, key.pin)
		}
	}
	return pins, nil
}

// Add writes a key down for a name.
func (k *KnownPeers) Add(name string, pin Pin) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.add(knownName(name), pin.String())
}

// vouched notes that the roots vouch for a name that is not in the file yet. It
// is no reason to refuse the peer if that cannot be written.
func (k *KnownPeers) vouched(name string) {
	name = knownName(name)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refresh() == nil && len(k.peers[name]) == 0 {
		_, _ = k.addFirst(name, byRoots)
	}
}

// check accepts a key that is known for the name, or new. The error tells
// which line of the file says otherwise.
func (k *KnownPeers) check(name string, leaf *x509.Certificate, pin Pin) (first bool, err error) {
	name = knownName(name)
	if name == "" {
		return false, &Error{Code: CodeNoName, Certificate: leaf, Hint: "say which name to know this peer by (--name)"}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(); err != nil {
		return false, &Error{Code: CodeKnownPeers, Certificate: leaf, Err: err, Hint: "repair the file, or name another (--known-peers FILE)"}
	}
	if known := k.peers[name]; len(known) > 0 {
		return false, k.compare(name, leaf, pin, known)
	}
	if k.accept != nil {
		if err := k.accept(name, pin); err != nil {
			return false, &Error{Code: CodeUnknownPeer, Certificate: leaf, Got: pin.String(), Err: err,
				Hint: "compare the key with its owner by another way, then accept it"}
		}
	}
	known, err := k.addFirst(name, pin.String())
	if err != nil {
		return false, &Error{Code: CodeKnownPeers, Certificate: leaf, Err: err, Hint: "make the file writable, or name another (--known-peers FILE)"}
	}
	if len(known) > 0 {
		return false, k.compare(name, leaf, pin, known)
	}
	return true, nil
}

// compare accepts a key that is among those known for the name.
func (k *KnownPeers) compare(name string, leaf *x509.Certificate, pin Pin, known []knownKey) error {
	if slices.ContainsFunc(known, func(key knownKey) bool { return !key.byRoots && key.pin == pin }) {
		return nil
	}
	expected := known[0].pin.String()
	if known[0].byRoots {
		expected = "a certificate that the roots vouch for"
	}
	return &Error{Code: CodePeerChanged, Certificate: leaf,
		Expected: sprintf("%s (line %d of %s)", expected, known[0].line, k.path), Got: pin.String(),
		Hint: "someone may be in between. If the owner of " + name + " confirms by another way that the key was changed, remove that line and connect again"}
}

// open opens the file for a line about name, and keeps other processes from
// adding theirs until it is closed.
func (k *KnownPeers) open(name string) (*os.File, error) {
	if name == "" || strings.ContainsAny(name, " \t\r\n") || strings.HasPrefix(name, "#") {
		return nil, fmt.Errorf("%s cannot be the name of a known peer", quote(name))
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(k.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := filelock.Lock(f); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		f.Close()
		return nil, &os.PathError{Op: "lock", Path: k.path, Err: err}
	}
	return f, nil
}

// addFirst writes down the first key for a name. If another process did so
// meanwhile, it writes nothing and returns what is known now: else two keys,
// seen at the same moment, would both be accepted from then on.
func (k *KnownPeers) addFirst(name, key string) (known []knownKey, err error) {
	f, err := k.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := k.refresh(); err != nil {
		return nil, err
	}
	if known := k.peers[name]; len(known) > 0 {
		return known, nil
	}
	return nil, k.appendTo(f, name, key)
}

// add writes a key down beside those that there may be.
func (k *KnownPeers) add(name, key string) error {
	f, err := k.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return k.appendTo(f, name, key)
}

// appendTo appends one line in one write, so that those who read see all or
// nothing of it.
func (k *KnownPeers) appendTo(f *os.File, name, key string) error {
	line := fmt.Sprintf("%s %s first seen %s\n", name, key, time.Now().UTC().Format("2006-01-02 15:04"))
	if !k.endsLine() {
		line = "\n" + line
	}
	if _, err := f.WriteString(line); err != nil {
		return err
	}
	return f.Close()
}

// endsLine reports whether the file is empty or ends its last line, which an
// editor may not have done.
func (k *KnownPeers) endsLine() bool {
	data, err := readfile.Regular(k.path, maxKnownFile)
	return err != nil || len(data) == 0 || data[len(data)-1] == '\n'
}

// refresh reads the file if it changed since the last time.
func (k *KnownPeers) refresh() error {
	info, err := os.Stat(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		k.stamp, k.peers = fileStamp{}, nil
		return nil
	}
	if err != nil {
		return err
	}
	stamp := fileStamp{info.Size(), info.ModTime()}
	if k.peers != nil && stamp == k.stamp {
		return nil
	}
	if info.IsDir() || info.Size() > maxKnownFile {
		return fmt.Errorf("%s is no file of known peers: it is a directory or has more than 4 MiB", k.path)
	}
	data, err := readfile.Regular(k.path, maxKnownFile)
	if err != nil {
		return err
	}
	peers, err := parseKnown(data)
	if err != nil {
		return fmt.Errorf("%s: %w", k.path, err)
	}
	k.stamp, k.peers = stamp, peers
	return nil
}

func parseKnown(data []byte) (map[string][]knownKey, error) {
	peers := make(map[string][]knownKey)
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) < 2 {
			return nil, fmt.Errorf("line %d: expected a name and a pin", n)
		}
		key := knownKey{byRoots: fields[1] == byRoots, line: n}
		if !key.byRoots {
			var err error
			if key.pin, err = ParsePin(fields[1]); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
		name := knownName(fields[0])
		peers[name] = append(peers[name], key)
	}
	return peers, lines.Err()
}

// knownName folds what a name may be written like.
func knownName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
