package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/readfile"
)

// Lists is a set of revocation lists. The zero value is empty and ready to
// use. Files are looked at again when they changed, at most every few seconds,
// since authorities issue new lists all the time. It is safe for concurrent
// use.
type Lists struct {
	mu      sync.Mutex
	given   []*crl // from bytes
	files   map[string]*listFile
	hashed  []string // directories
	checked time.Time
}

var errNoLists = fmt.Errorf("this Lists is nil: %w", os.ErrInvalid)

// listFile is a file and what it held when it was last read.
type listFile struct {
	stamp  readfile.Stamp
	lists  []*crl
	err    error
	hashed bool // it stands in a hashed directory
}

// recheck is how often files are looked at.
const recheck = 5 * time.Second

// maxListFile bounds a file, and a list that is fetched.
const maxListFile = 64 << 20

// ErrNoLists is returned for a file or directory without a revocation list.
var ErrNoLists = errors.New("no revocation list found: expected PEM blocks that begin with -----BEGIN X509 CRL-----, or DER")

// AddBytes adds the lists in PEM or DER and returns how many it found.
func (l *Lists) AddBytes(data []byte) (int, error) {
	if l == nil {
		return 0, errNoLists
	}
	lists, err := parseLists(data, "given")
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given = append(l.given, lists...)
	return len(lists), nil
}

// AddFile adds the lists of a file in PEM or DER and returns how many it
// found. The file must be readable now.
func (l *Lists) AddFile(path string) (int, error) {
	if l == nil {
		return 0, errNoLists
	}
	f := &listFile{}
	f.read(path)
	if f.err != nil {
		return 0, f.err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = make(map[string]*listFile)
	}
	l.files[path] = f
	return len(f.lists), nil
}

// AddDir adds a directory. If it has names as OpenSSL's rehash makes them for
// lists (eight hexadecimal digits, ".r", a number), it is searched by those
// names when a list is looked for, and the count is zero. Otherwise every file
// in it that holds lists is added. A file without any is passed over; one that
// cannot be read, or holds a list that cannot be used, is an error.
func (l *Lists) AddDir(path string) (int, error) {
	if l == nil {
		return 0, errNoLists
	}
	names, err := readNames(path)
	if err != nil && !errors.Is(err, ErrNoCertificates) {
		return 0, err
	}
	total := 0
	for _, name := range names {
		if isHashed(name, "r") {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.hashed = append(l.hashed, path)
			return 0, nil
		}
		file := filepath.Join(path, name)
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			continue
		}
		n, err := l.AddFile(file)
		if err != nil && !holdsNoList(file) {
			return total, err
		}
		total += n
	}
	if total == 0 {
		return 0, fmt.Errorf("%s: %w", path, ErrNoLists)
	}
	return total, nil
}

// holdsNoList reports whether a file that gave no list is something else: a note, or
// certificates. One that is called a list, or is DER and no certificate, is a list
// that cannot be used.
func holdsNoList(path string) bool {
	data, err := readBounded(path)
	if err != nil || strings.EqualFold(filepath.Ext(path), ".crl") {
		return false
	}
	if bytes.Contains(data, []byte("-----BEGIN X509 CRL")) {
		return false
	}
	if len(data) > 0 && data[0] == 0x30 {
		_, err := x509.ParseCertificate(data)
		return err == nil
	}
	return true
}

// Len returns how many lists are loaded.
func (l *Lists) Len() int {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.given)
	for _, f := range l.files {
		n += len(f.lists)
	}
	return n
}

// check looks c up in the lists of its issuer. Nil and nil means that there is
// none. An error means that there is, or may be, one that cannot be used.
func (l *Lists) check(c, issuer *x509.Certificate, now time.Time) (*RevocationCheck, error) {
	lists, problems := l.of(issuer.RawSubject)
	if len(lists) == 0 {
		return nil, joinOne(problems)
	}
	return choose(lists, c, issuer, now)
}

// of returns the lists of the issuer with a name, from files as they are now, and
// what is wrong with files that may hold one.
func (l *Lists) of(issuer []byte) ([]*crl, []error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.checked) > recheck || now.Round(0).Sub(l.checked.Round(0)).Abs() > recheck {
		l.checked = now
		for path, f := range l.files {
			f.refresh(path)
		}
	}
	var found []*crl
	problems := l.lookUp(issuer)
	for _, list := range l.given {
		if bytes.Equal(list.RawIssuer, issuer) {
			found = append(found, list)
		}
	}
	for _, f := range l.files {
		if f.err != nil && !f.hashed {
			problems = append(problems, f.err)
		}
		for _, list := range f.lists {
			if bytes.Equal(list.RawIssuer, issuer) {
				found = append(found, list)
			}
		}
	}
	return found, problems
}

// lookUp adds the files that hashed directories have for a name, and returns what
// is wrong with them.
func (l *Lists) lookUp(rawName []byte) []error {
	if len(l.hashed) == 0 {
		return nil
	}
	hash, ok := nameHash(rawName)
	if !ok {
		return []error{errors.New("the issuer's name has no hash to look for")}
	}
	var problems []error
	if l.files == nil {
		l.files = make(map[string]*listFile)
	}
	for _, dir := range l.hashed {
		for i := range maxSameHash {
			path := filepath.Join(dir, fmt.Sprintf("%08x.r%d", hash, i))
			f := l.files[path]
			if f == nil {
				if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
					break
				}
				f = &listFile{hashed: true}
				f.read(path)
				l.files[path] = f
			}
			if f.err != nil {
				problems = append(problems, f.err)
			}
		}
	}
	return problems
}

func (f *listFile) refresh(path string) {
	info, err := os.Stat(path)
	if err == nil && readfile.StampOf(info) == f.stamp {
		return
	}
	f.read(path)
}

// read keeps the old lists if the file cannot be read: they are valid until
// they expire.
func (f *listFile) read(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		f.err = err
		return
	case !info.Mode().IsRegular() || info.Size() > maxListFile:
		f.err = fmt.Errorf("%s is not a revocation list: it is not a regular file or has more than 64 MiB",
			path)
		return
	}
	data, err := readfile.Regular(path, maxListFile)
	if err != nil {
		f.err = err
		return
	}
	lists, err := parseLists(data, path)
	if err != nil {
		f.err = fmt.Errorf("%s: %w", path, err)
		return
	}
	f.lists, f.err, f.stamp = lists, nil, readfile.StampOf(info)
}

func parseLists(data []byte, source string) ([]*crl, error) {
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		if len(bytes.TrimSpace(data)) == 0 {
			return nil, ErrNoLists
		}
		list, err := parseCRL(data, source)
		if err != nil {
			return nil, err
		}
		return []*crl{list}, nil
	}
	var all []*crl
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "X509 CRL" {
			continue
		}
		list, err := parseCRL(block.Bytes, source)
		if err != nil {
			return nil, err
		}
		all = append(all, list)
	}
	if all == nil {
		return nil, ErrNoLists
	}
	return all, nil
}
