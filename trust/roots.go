package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sealsock/sealsock/internal/certtext"
	"github.com/sealsock/sealsock/internal/pubkey"
	"github.com/sealsock/sealsock/internal/readfile"
)

// Roots is a set of certificates that may vouch for others. The zero value is
// empty and ready to use. It is safe for concurrent use: connections being made
// see the set as it was before or after an addition.
type Roots struct {
	current atomic.Pointer[rootSet] // nil when it must be rebuilt

	mu       sync.Mutex
	platform *x509.CertPool // of the operating system, where it verifies by itself
	entries  []Root
	known    map[string]bool             // by DER
	settings map[string][]*trustSettings // by what is signed of a certificate
	hashed   []*hashDir
}

var errNoRoots = fmt.Errorf("this Roots is nil: %w", os.ErrInvalid)

// Root is one certificate of a set.
type Root struct {
	Certificate *x509.Certificate // shared; must not be modified
	Source      string            // the file it came from, or "" for bytes
}

// Stats counts what a set holds.
type Stats struct {
	Certificates int // all of them
	Authorities  int // those marked as a certificate authority
	Directories  int // hashed directories, from which certificates load when asked for
}

// rootSet is what one verification uses; it never changes.
type rootSet struct {
	pool    *x509.CertPool
	memo    *pathMemo
	subject map[string][]*x509.Certificate

	settings map[string][]*trustSettings // by what is signed of a certificate

	originals map[*x509.Certificate]*x509.Certificate // by what is in pool instead
}

func (s *rootSet) bySubject(raw []byte) []*x509.Certificate { return s.subject[string(raw)] }

// The bounds on files given as roots.
const (
	maxRootFile  = 16 << 20
	maxRootFiles = 10_000
)

// AddPEM adds every certificate in text and returns how many it found. The
// blocks CERTIFICATE, X509 CERTIFICATE and TRUSTED CERTIFICATE count, others
// are passed over. The last is OpenSSL's form with settings: uses that the
// certificate is trusted for or rejected for, which hold for every path that it is
// in, also if it is added without them as well. It is an error if there is none, or
// if one cannot be read; the others are added all the same.
func (r *Roots) AddPEM(text []byte) (int, error) {
	if r == nil {
		return 0, errNoRoots
	}
	return r.addPEM(text, "")
}

// AddDER adds one certificate.
func (r *Roots) AddDER(der []byte) error {
	if r == nil {
		return errNoRoots
	}
	_, err := r.addDER(der, "")
	return err
}

// AddFile adds the certificates of a file in PEM or DER and returns how many
// it found.
func (r *Roots) AddFile(path string) (int, error) {
	if r == nil {
		return 0, errNoRoots
	}
	data, err := readBounded(path)
	if err != nil {
		return 0, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return 0, fmt.Errorf("%s: it is empty", path)
	}
	n, err := r.addBytes(data, path)
	if err != nil {
		return n, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}

// AddDir adds a directory. If it has names as OpenSSL's rehash makes them (eight
// hexadecimal digits, a dot, a number), it is searched by those names when an
// authority is looked for, also for files that appear later, and the count
// is zero. Otherwise every file in it that holds certificates is read now, and
// files that hold none are passed over.
func (r *Roots) AddDir(path string) (int, error) {
	if r == nil {
		return 0, errNoRoots
	}
	names, err := readNames(path)
	if err != nil {
		return 0, err
	}
	if slices.ContainsFunc(names, isHashedCertificate) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.hashed = append(r.hashed, &hashDir{path: path})
		r.current.Store(nil)
		return 0, nil
	}
	total := 0
	for _, name := range names {
		data, err := readBounded(filepath.Join(path, name))
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return total, err
			}
			continue
		}
		// A directory of certificates may hold a README: count only what is one.
		n, _ := r.addBytes(data, filepath.Join(path, name))
		total += n
	}
	if total == 0 {
		return 0, fmt.Errorf("%s: %w", path, ErrNoCertificates)
	}
	return total, nil
}

// ErrNoCertificates is returned for a file or directory of roots without any.
var ErrNoCertificates = errors.New("no certificate found: expected PEM blocks that begin with -----BEGIN CERTIFICATE-----, or DER")

// List returns the certificates loaded so far, those of hashed directories as
// they were asked for. For the system's roots on Windows and macOS it returns the
// contents of their stores, which are not all that counts there: the system decides.
func (r *Roots) List() []Root {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listLocked()
}

func (r *Roots) listLocked() []Root {
	if r.platform == nil {
		return slices.Clone(r.entries)
	}
	return append(slices.Clone(platformListing()), r.entries...)
}

// Stats counts the certificates that List returns.
func (r *Roots) Stats() Stats {
	if r == nil {
		return Stats{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.listLocked()
	s := Stats{Certificates: len(all), Directories: len(r.hashed)}
	for _, e := range all {
		if e.Certificate.IsCA {
			s.Authorities++
		}
	}
	return s
}

// Clone returns a copy that can be added to on its own.
func (r *Roots) Clone() *Roots {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &Roots{platform: r.platform, entries: slices.Clone(r.entries),
		known: maps.Clone(r.known), settings: maps.Clone(r.settings)}
	for _, d := range r.hashed {
		c.hashed = append(c.hashed, &hashDir{path: d.path})
	}
	return c
}

func (r *Roots) addBytes(data []byte, source string) (int, error) {
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return r.addPEM(data, source)
	}
	return r.addDER(data, source)
}

func (r *Roots) addPEM(text []byte, source string) (int, error) {
	n := 0
	var bad []error
	for len(text) > 0 {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if !isCertificate(block) {
			continue
		}
		r.mu.Lock()
		err := r.addBlockLocked(block, source)
		r.mu.Unlock()
		if err != nil {
			bad = append(bad, err)
			continue
		}
		n++
	}
	if n == 0 && len(bad) == 0 {
		return 0, ErrNoCertificates
	}
	if len(bad) > 3 {
		bad = bad[:3]
	}
	return n, errors.Join(bad...)
}

func isCertificate(block *pem.Block) bool {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE", trustedBlock:
		return true
	}
	return false
}

// trustedBlock is OpenSSL's form with settings.
const trustedBlock = "TRUSTED CERTIFICATE"

// addBlockLocked adds the certificate of a PEM block with its settings.
func (r *Roots) addBlockLocked(block *pem.Block, source string) error {
	der := block.Bytes
	if block.Type == trustedBlock {
		var settings *trustSettings
		var err error
		if der, settings, err = parseTrusted(der); err != nil {
			r.addSettingsLocked(der, settings)
			return err
		}
		r.addSettingsLocked(der, settings)
	}
	_, err := r.addDERLocked(der, source)
	return err
}

func (r *Roots) addSettingsLocked(der []byte, settings *trustSettings) {
	key := signedPart(der)
	all := r.settings[key]
	same := func(s *trustSettings) bool { return s.raw == settings.raw }
	if settings == nil || slices.ContainsFunc(all, same) {
		return
	}
	if r.settings == nil {
		r.settings = make(map[string][]*trustSettings)
	}
	r.settings[key] = append(slices.Clip(all), settings)
	r.current.Store(nil)
}

func (r *Roots) addDER(der []byte, source string) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addDERLocked(der, source)
}

func (r *Roots) addDERLocked(der []byte, source string) (int, error) {
	if r.known[string(der)] {
		return 1, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return 0, fmt.Errorf("a certificate cannot be read: %w", err)
	}
	if pubkey.TooCostly(certtext.Key(c)) {
		return 0, checkKey(c)
	}
	if r.known == nil {
		r.known = make(map[string]bool)
	}
	r.known[string(der)] = true
	r.entries = append(r.entries, Root{Certificate: c, Source: source})
	r.current.Store(nil)
	return 1, nil
}

// snapshot returns the set as it is now.
func (r *Roots) snapshot() *rootSet {
	if set := r.current.Load(); set != nil {
		return set
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.snapshotLocked()
}

func (r *Roots) snapshotLocked() *rootSet {
	if set := r.current.Load(); set != nil {
		return set
	}
	set := &rootSet{pool: x509.NewCertPool(), settings: maps.Clone(r.settings),
		originals: make(map[*x509.Certificate]*x509.Certificate),
		subject:   make(map[string][]*x509.Certificate, len(r.entries))}
	if r.platform != nil {
		set.pool = r.platform.Clone()
	} else {
		set.memo = newPathMemo()
	}
	for _, e := range r.entries {
		twin := forVerify(e.Certificate, false)
		set.originals[twin] = e.Certificate
		set.pool.AddCert(twin)
		name := string(e.Certificate.RawSubject)
		set.subject[name] = append(set.subject[name], e.Certificate)
	}
	r.current.Store(set)
	return set
}

func readNames(path string) ([]string, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxRootFiles)
	if err != nil && len(names) == 0 {
		if info, statErr := dir.Stat(); statErr == nil && info.IsDir() {
			return nil, fmt.Errorf("%s: %w", path, ErrNoCertificates)
		}
		return nil, err
	}
	slices.SortFunc(names, strings.Compare) // which every program links
	return names, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory: expected a file of certificates", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxRootFile:
		return nil, fmt.Errorf("%s has more than 16 MiB: that is not a file of certificates", path)
	}
	return readfile.Regular(path, maxRootFile)
}
