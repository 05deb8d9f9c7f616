package trust

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/sealsock/sealsock/internal/filelock"
	"github.com/sealsock/sealsock/internal/readfile"
)

// KnownPeers trusts a peer on first use: its key is written to a file under
// the name it was reached by, and from then on only that key is accepted for
// that name. It replaces a path to a root, where there is none. A peer that the
// roots vouch for is accepted by its path. Its key is not written to the file, since
// it changes with each renewal, but the fact that the roots vouched for it is: a peer
// of that name without a path to a root is refused from then on. The name in the
// certificate is not compared, because the file ties the name to the key; dates
// are checked.
//
// The file has one line for each key: the name, a pin or the word "roots", and
// perhaps a remark, with spaces or tabs in between. Empty lines and those that
// begin with # are passed over. A peer may have several lines. The file may be
// edited by hand at any time. Characters of a name other than printable ASCII
// are written as %xx for each byte of UTF-8.
//
// A name is the address that was dialled, with its port or path, such as
// "box.lan:4433" or "unix:///run/app.sock"; if another name was to be proved it
// stands in front, as in "box.lan@192.0.2.7:4433". A line with a name alone, as
// earlier versions wrote them, counts for every address under that name that has
// no line of its own.
//
// Neither the file nor its folder may be writable by other users, and both
// must belong to this user or to root.
type KnownPeers struct {
	path   string
	accept func(name string, pin Pin) error
	judge  knownJudge

	asking sync.Mutex // held while accept is asked; before mu

	mu    sync.Mutex
	stamp readfile.Stamp
	sum   [sha256.Size]byte // of what was read
	peers map[string][]knownKey
}

// A knownJudge is what a Policy calls of KnownPeers. OpenKnownPeers sets it, so that a program
// that does not call it links nothing that reads and writes the file.
type knownJudge struct {
	check   func(names []string, leaf *x509.Certificate, pin Pin) (first bool, err error)
	vouched func(names ...string)
}

type knownKey struct {
	name    string
	pin     Pin
	byRoots bool // not a key: the roots vouched for it
	line    int
}

// byRoots is the word that stands in place of a pin.
const byRoots = "roots"

// maxKnownFile bounds the file: some 50,000 peers.
const maxKnownFile = 4 << 20

// knownPatience is how long a call waits for another process that writes to the
// file, which takes milliseconds. Tests change it.
var knownPatience = 10 * time.Second

// smallKnownFile is the size up to which the file is read each time: a change
// within one tick of the file system's clock does not show otherwise.
const smallKnownFile = 64 << 10

// OpenKnownPeers uses the file at path, which need not exist yet. For a peer
// whose name is not in it, accept is asked, which may show the pin to a
// person; its error refuses the peer. Only one call of it runs at a time, and
// new peers wait for it. A nil accept takes every new peer. The file is written
// with mode 0600.
func OpenKnownPeers(path string, accept func(name string, pin Pin) error) (*KnownPeers, error) {
	k := &KnownPeers{path: path, accept: accept}
	k.judge = knownJudge{k.check, k.vouched}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(); err != nil {
		return nil, err
	}
	return k, nil
}

var errNoKnownPeers = fmt.Errorf("this KnownPeers is nil or empty: use OpenKnownPeers: %w", os.ErrInvalid)

// Pins returns the keys known for a name.
func (k *KnownPeers) Pins(name string) ([]Pin, error) {
	if k == nil {
		return nil, errNoKnownPeers
	}
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
	if k == nil {
		return errNoKnownPeers
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.add(knownName(name), pin.String())
}

// vouched notes that the roots vouch for a name that is not in the file yet. It
// is no reason to refuse the peer if that cannot be written.
func (k *KnownPeers) vouched(names ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refresh() == nil && len(k.known(names)) == 0 {
		_, _ = k.addFirst(names, byRoots)
	}
}

// known returns the keys for the first of names that has any. The first is the
// peer's address, the second, if there is one, its name alone.
func (k *KnownPeers) known(names []string) []knownKey {
	for _, name := range names {
		if keys := k.peers[knownName(name)]; len(keys) > 0 {
			return keys
		}
	}
	return nil
}

// Line returns the line for a name and a key, without an end.
func (k *KnownPeers) Line(name string, pin Pin) string {
	return knownName(name) + " " +
		pin.String()
}

// firstUse is check, for a Policy. It reports whether the peer was new.
func (k *KnownPeers) firstUse(peer *Peer, leaf *x509.Certificate, pin Pin) (bool, error) {
	if k.judge.check == nil {
		return false, &Error{Code: CodeKnownPeers, Certificate: leaf, Err: errNoKnownPeers}
	}
	return k.judge.check(peer.knownNames(), leaf, pin)
}

// byPath notes that the roots vouch for a peer.
func (k *KnownPeers) byPath(peer *Peer) {
	if k.judge.vouched != nil && peer.knownAs() != "" {
		k.judge.vouched(peer.knownNames()...)
	}
}

// check accepts a key that is known for one of the names, see known, or new for
// the first. The error names the line of the file that has another key.
func (k *KnownPeers) check(names []string, leaf *x509.Certificate, pin Pin) (first bool,
	err error) {
	name := knownName(names[0])
	if name == "" {
		return false, &Error{Code: CodeNoName, Certificate: leaf, Hint: "set the name of the peer"}
	}
	known, err := k.lookUp(names, leaf)
	if err == nil && len(known) == 0 {
		known, err = k.meet(names, leaf, pin)
		first = len(known) == 0
	}
	if err != nil || first {
		return err == nil, err
	}
	return false, k.compare(name, leaf, pin, known)
}

// lookUp returns the keys that the file has for one of the names, see known.
func (k *KnownPeers) lookUp(names []string, leaf *x509.Certificate) ([]knownKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refresh(); err != nil {
		return nil, &Error{Code: CodeKnownPeers, Certificate: leaf, Err: err,
			Hint: "repair the file, or use another"}
	}
	return k.known(names), nil
}

// meet asks about a new key and writes it down. It asks about one at a time, and k.mu is not held
// meanwhile: peers that are known do not wait for the answer, and accept may call methods of k. It
// returns the keys that another connection wrote down for one of the names meanwhile.
func (k *KnownPeers) meet(names []string, leaf *x509.Certificate, pin Pin) ([]knownKey, error) {
	if k.accept != nil {
		k.asking.Lock()
		defer k.asking.Unlock()
		if known, err := k.lookUp(names, leaf); err != nil || len(known) > 0 {
			return known, err
		}
		if err := k.accept(knownName(names[0]), pin); err != nil {
			return nil, &Error{Code: CodeUnknownPeer, Certificate: leaf, Got: pin.String(), Err: err,
				Hint: "compare the key with its owner over another channel, then accept it"}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	known, err := k.addFirst(names, pin.String())
	if err != nil {
		return nil, &Error{Code: CodeKnownPeers, Certificate: leaf, Err: err,
			Hint: "make the file writable, or use another"}
	}
	return known, nil
}

// compare accepts a key that is among those known for the name.
func (k *KnownPeers) compare(name string, leaf *x509.Certificate, pin Pin, known []knownKey) error {
	if slices.ContainsFunc(known, func(key knownKey) bool { return !key.byRoots && key.pin == pin }) {
		return nil
	}
	expected := known[0].pin.String()
	if known[0].byRoots {
		expected = "a certificate issued under the roots"
	}
	hint := "the connection may be intercepted. If the owner of " + name +
		" confirms over another channel that the key was changed, remove that line and connect again"
	if known[0].name != name {
		hint += "; if the line is of another service, add a line for " + name
	}
	return &Error{Code: CodePeerChanged, Certificate: leaf, Got: pin.String(), Hint: hint,
		Expected: sprintf("%s (line %d of %s)", expected, known[0].line, k.path)}
}

// open opens the file for a line about name, and keeps other processes from
// adding theirs until it is closed.
func (k *KnownPeers) open(name string) (*os.File, error) {
	if name == "" {
		return nil, errors.New("a known peer needs a name")
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(k.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), knownPatience)
	defer cancel()
	err = filelock.Lock(ctx, f)
	switch {
	case err == nil || errors.Is(err, errors.ErrUnsupported):
		return f, nil
	case errors.Is(err, filelock.ErrHeld):
		err = fmt.Errorf("another process has held the lock of %s for %v: try again when it has ended, "+
			"or end it: %w", k.path, knownPatience, filelock.ErrHeld)
	default:
		err = &os.PathError{Op: "lock", Path: k.path, Err: err}
	}
	f.Close()
	return nil, err
}

// addFirst writes down the first key for a name. If another process did so
// meanwhile, it writes nothing and returns what is known now: else two keys,
// seen at the same moment, would both be accepted from then on.
func (k *KnownPeers) addFirst(names []string, key string) (known []knownKey, err error) {
	name := knownName(names[0])
	f, err := k.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := k.refresh(); err != nil {
		return nil, err
	}
	if known := k.known(names); len(known) > 0 {
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
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size()+int64(len(line)) > maxKnownFile {
		return fmt.Errorf("%s is full, with 4 MiB: remove names from it", k.path)
	}
	if _, err := f.WriteString(line); err != nil {
		// A full disk may have taken a part of the line, and a file with half a line is refused.
		return errors.Join(err, f.Truncate(info.Size()))
	}
	return f.Close()
}

// endsLine reports whether the file is empty or ends its last line, which an
// editor may not have done.
func (k *KnownPeers) endsLine() bool {
	data, err := readfile.Regular(k.path, maxKnownFile)
	return err != nil || len(data) == 0 || data[len(data)-1] == '\n'
}

// refresh reads the file if it may have changed since the last time.
func (k *KnownPeers) refresh() error {
	f, err := readfile.Open(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		k.stamp, k.peers = readfile.Stamp{}, nil
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := private(k.path, info); err != nil {
		return err
	}
	stamp := readfile.StampOf(info)
	if k.peers != nil && stamp == k.stamp && info.Size() > smallKnownFile {
		return nil
	}
	return k.read(f, stamp)
}

// read parses the contents of the file, unless they were parsed before.
func (k *KnownPeers) read(f io.Reader, stamp readfile.Stamp) error {
	data, err := io.ReadAll(io.LimitReader(f, maxKnownFile+1))
	if err != nil {
		return err
	}
	if len(data) > maxKnownFile {
		return fmt.Errorf("%s has more than 4 MiB: that is not a file of known peers", k.path)
	}
	sum := sha256.Sum256(data)
	if k.peers != nil && sum == k.sum {
		k.stamp = stamp
		return nil
	}
	peers, err := parseKnown(data)
	if err != nil {
		return fmt.Errorf("%s: %w", k.path, err)
	}
	k.stamp, k.sum, k.peers = stamp, sum, peers
	return nil
}

func parseKnown(data []byte) (map[string][]knownKey, error) {
	peers := make(map[string][]knownKey)
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		name, rest, err := knownFields(strings.TrimRight(line, "\r\n"))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if name == "" || name[0] == '#' {
			continue
		}
		key := knownKey{name: knownName(name), byRoots: rest == byRoots, line: n}
		if !key.byRoots {
			if key.pin, err = ParsePin(rest); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
		peers[key.name] = append(peers[key.name], key)
	}
	return peers, nil
}

// knownFields returns the first two fields of a line. Spaces and tabs separate
// fields, and nothing else: a name with another white space or a control
// character looks like two fields to a person, and is refused.
func knownFields(line string) (name, key string, err error) {
	fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(fields) == 0 || fields[0][0] == '#' {
		return "", "", nil
	}
	if strings.ContainsFunc(fields[0], func(r rune) bool {
		return !unicode.IsGraphic(r) ||
			unicode.IsSpace(r)
	}) {
		return "", "", errors.New("the name has an invisible character: write it as %xx")
	}
	if len(fields) < 2 {
		return "", "", errors.New("expected a name and a pin")
	}
	return fields[0], fields[1], nil
}

// knownName is a name as it stands in the file. Case counts in paths and other
// addresses with a scheme only. What is no printable ASCII is escaped, so no name
// makes a second field or line.
func knownName(name string) string {
	name = strings.TrimSpace(name)
	if !strings.Contains(name, "://") {
		name = strings.ToLower(name)
	}
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c >= 0x7f || c == '#' && i == 0 {
			fmt.Fprintf(&b, "%%%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
