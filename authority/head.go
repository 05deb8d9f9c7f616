package authority

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"
	"slices"
)

// ErrDamaged is wrapped by errors about a folder whose record of certificates
// and revocations was cut, changed, or contradicts a list that was signed. No
// method issues, revokes, lists or answers from then on; [Authority.Repair]
// mends it.
var ErrDamaged = errors.New("the authority signs nothing until it is repaired")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrDamaged)
}

// head is the file beside the journal that counts its lines, so that a journal
// without its last lines is detected. It is written after each
// line and before anything that the line tells of leaves the package. A crash in
// between leaves a journal with one line more than its head, which is accepted.
type head struct {
	Bytes   int64  `json:"bytes"`   // length of the lines that it counts
	Entries int    `json:"entries"` // their number
	Revoked int    `json:"revoked"` // the certificates that they revoke
	Hash    string `json:"hash"`    // their hash chain, see journal.advance

	List     *big.Int `json:"list,omitempty"` // number of the newest list of the intermediate
	RootList *big.Int `json:"root_list,omitempty"`
}

func (h head) exists() bool { return h.Hash != "" }

// mark is a line that the head did not count yet when it was read.
type mark struct {
	bytes int64
	sum   [sha256.Size]byte
}

// headFile is the name of the head, and maxHead bounds it.
const (
	headFile = "journal.head"
	maxHead  = 4 << 10
)

func (j *journal) headPath() string { return filepath.Join(filepath.Dir(j.path), headFile) }

// readHead returns a head that does not exist for a folder that has none.
func readHead(path string) (head, error) {
	data, err := readFile(path, maxHead)
	if errors.Is(err, fs.ErrNotExist) {
		return head{}, nil
	}
	if err != nil {
		return head{}, err
	}
	var h head
	if err := json.Unmarshal(data, &h); err != nil || h.Bytes <= 0 || h.Entries <= 0 ||
		len(h.Hash) != 2*sha256.Size {
		return head{}, damaged("%s does not contain the length of the journal", path)
	}
	return h, nil
}

// advance takes a whole line into the hash chain: each link is the SHA-256 of
// the link before and the line. It remembers links that a head may name later.
func (j *journal) advance(line []byte, counted int64) {
	h := sha256.New()
	h.Write(j.sum[:])
	h.Write(line)
	h.Sum(j.sum[:0])
	j.size += int64(len(line)) + 1
	if j.size >= counted {
		j.marks = append(j.marks, mark{j.size, j.sum})
	}
}

// compare holds what was read against the head.
func (j *journal) compare(h head) error {
	if !h.exists() {
		j.marks = nil
		switch {
		case j.needHead:
			return damaged("%s is missing", j.headPath())
		case j.entries == 0:
			return damaged("%s is empty", j.path)
		}
		return nil // made by an earlier version: the next write adds a head
	}
	if h.Bytes > j.size {
		return damaged("%s was truncated: it has %d of %d entries and %d of %d revocations",
			j.path, j.entries, h.Entries, j.revoked, h.Revoked)
	}
	at := slices.IndexFunc(j.marks, func(m mark) bool { return m.bytes == h.Bytes })
	switch {
	case at >= 0 && hex.EncodeToString(j.marks[at].sum[:]) == h.Hash:
		j.head, j.marks = h, j.marks[at:]
		return nil
	case h.Bytes < j.head.Bytes:
		return damaged("%s is older than the journal beside it", j.headPath())
	}
	return damaged("%s was changed: its %d entries do not match %s", j.path, h.Entries,
		headFile)
}

// writeHead writes a head that counts every line that was read. The folder is
// locked.
func (j *journal) writeHead() error {
	h := j.head
	h.Bytes, h.Entries, h.Revoked, h.Hash = j.size, j.entries, j.revoked, hex.EncodeToString(j.sum[:])
	data, err := h.line()
	if err != nil {
		return err
	}
	if err := writeFile(j.headPath(), data); err != nil {
		return err
	}
	j.head, j.marks, j.needHead = h, []mark{{j.size, j.sum}}, true
	return nil
}

func (h head) line() ([]byte, error) {
	data, err := json.Marshal(h)
	return append(data, '\n'), err
}

// firstHead is the head of a journal with one line.
func firstHead(line []byte) ([]byte, error) {
	var j journal
	j.advance(bytes.TrimSuffix(line, []byte("\n")), 0)
	return head{Bytes: j.size, Entries: 1, Hash: hex.EncodeToString(j.sum[:])}.line()
}
