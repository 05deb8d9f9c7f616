package authority

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealsock/sealsock/identity"
)

// Authority is an open folder. It may be used by many goroutines, and other
// processes may use the folder at the same time. nil and the zero value have no folder: their
// methods return errors that errors.Is(os.ErrInvalid) recognises.
type Authority struct {
	dir      string
	settings settings
	root     *x509.Certificate
	now      func() time.Time

	mu      chan struct{} // full while a call uses what follows; see lock
	until   time.Time     // when the patience of that call ends
	inter   *x509.Certificate
	signer  identity.Signer // the intermediate's
	journal journal
	agrees  bool // the journal was held against the kept list
}

// Options describe a new authority. The zero value suits local use.
type Options struct {
	// Name is the common name of the root; empty means one with a random
	// number in it, so that two authorities cannot be taken for one another.
	Name string
	// Algorithm is that of the two keys; empty means ECDSA on P-256. RootAlgorithm is
	// that of the root alone; empty means Algorithm.
	Algorithm, RootAlgorithm Algorithm
	// Names are further names it may vouch for: DNS domains, with all below
	// them, IP addresses, and networks such as 203.0.113.0/24.
	Names []string
	// AnyName makes an authority without name constraints. Anyone who gets hold
	// of its key can then pose as anyone towards those who trust its root.
	AnyName bool
	// Lifetime is that of the root; zero means ten years.
	Lifetime time.Duration
	// URL is where Handler will be served, as for SetURL.
	URL string
}

// settings are what authority.json holds.
type settings struct {
	Version   int       `json:"version"`
	Created   time.Time `json:"created"`
	Algorithm Algorithm `json:"algorithm"`
	AnyName   bool      `json:"any_name,omitempty"`
	URL       string    `json:"url,omitempty"`  // where Handler is served
	Head      bool      `json:"head,omitempty"` // the journal has a head
}

// The files of the folder.
const (
	settingsFile = "authority.json"
	rootFile     = "root.pem"
	rootKeyFile  = "root.key"
	interFile    = "intermediate.pem"
	interKeyFile = "intermediate.key"
	journalFile  = "journal"
	leavesDir    = "leaves"
)

// The lifetimes of authorities.
const (
	rootLifetime  = 10 * 365 * 24 * time.Hour
	interLifetime = 5 * 365 * 24 * time.Hour
	backdate      = time.Hour // for peers whose clocks are behind
)

// ErrNotExist is wrapped by the error of Open for a folder without an
// authority, ErrExist by that of Create for one that has one.
var (
	ErrNotExist = fs.ErrNotExist
	ErrExist    = fs.ErrExist
)

// DefaultDir returns the folder of the user's own authority, below the folder
// that the operating system has for a user's configuration.
func DefaultDir() (string, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("this user has no configuration folder: %w", err)
	}
	return filepath.Join(config, "sealsock", "ca"), nil
}

// Open opens the authority in dir; empty means DefaultDir.
func Open(dir string) (*Authority, error) {
	dir, err := folder(dir)
	if err != nil {
		return nil, err
	}
	data, err := readFile(filepath.Join(dir, settingsFile), maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		if used(dir) {
			return nil, fmt.Errorf("%s is missing, but %s holds what an authority issued: "+
				"restore it from a backup",
				settingsFile, dir)
		}
		return nil, fmt.Errorf("no authority in %s: %w", dir, ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, now: time.Now, mu: make(chan struct{}, 1)}
	if a.settings, err = parseSettings(data, filepath.Join(dir, settingsFile)); err != nil {
		return nil, err
	}
	if a.root, err = readCertificate(filepath.Join(dir, rootFile)); err != nil {
		return nil, err
	}
	if a.inter, err = readCertificate(filepath.Join(dir, interFile)); err != nil {
		return nil, err
	}
	a.journal = journal{path: filepath.Join(dir, journalFile), most: maxJournal,
		needHead: a.settings.Head}
	return a, nil
}

// Create makes an authority in dir, which may not have one yet; empty means
// DefaultDir.
func Create(dir string, o Options) (*Authority, error) {
	dir, err := folder(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lockFolder(dir, lockPatience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := os.Stat(filepath.Join(dir, settingsFile)); err == nil {
		return nil, fmt.Errorf("there is an authority in %s already: %w", dir, ErrExist)
	}
	if used(dir) {
		return nil, fmt.Errorf("%s holds what an authority issued, but no %s: "+
			"restore it from a backup, or move the folder away",
			dir, settingsFile)
	}
	if err := create(dir, o, time.Now()); err != nil {
		return nil, err
	}
	return Open(dir)
}

// OpenOrCreate opens the authority in dir or makes one. If two processes come
// at the same time, one makes it and both open it.
func OpenOrCreate(dir string, o Options) (*Authority, error) {
	a, err := Open(dir)
	if !errors.Is(err, ErrNotExist) {
		return a, err
	}
	a, err = Create(dir, o)
	if errors.Is(err, ErrExist) {
		return Open(dir)
	}
	return a, err
}

// made reports whether Open returned a.
func (a *Authority) made() bool { return a != nil && a.root != nil }

var errNotMade = fmt.Errorf("this Authority is nil or a zero value: use Open or Create: %w",
	os.ErrInvalid)

// Dir returns the folder.
func (a *Authority) Dir() string {
	if !a.made() {
		return ""
	}
	return a.dir
}

// Root returns the root's certificate.
func (a *Authority) Root() *x509.Certificate {
	if !a.made() {
		return nil
	}
	return a.root
}

// Intermediate returns the certificate that signs leaves.
func (a *Authority) Intermediate() *x509.Certificate {
	if !a.made() {
		return nil
	}
	a.mu <- struct{}{}
	defer a.unlock()
	return a.inter
}

// RootPEM returns the root's certificate in PEM: what others need in order to
// trust leaves of this authority.
func (a *Authority) RootPEM() []byte {
	if !a.made() {
		return nil
	}
	return certificatePEM(a.root.Raw)
}

// RootFile returns the name of the file that holds RootPEM.
func (a *Authority) RootFile() string {
	if !a.made() {
		return ""
	}
	return filepath.Join(a.dir, rootFile)
}

func folder(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	return DefaultDir()
}

// create writes all files of an authority; the settings come last and make it
// count.
func create(dir string, o Options, now time.Time) error {
	algorithm, err := o.Algorithm.orDefault()
	if err != nil {
		return err
	}
	rootAlgorithm := algorithm
	if o.RootAlgorithm != "" {
		if rootAlgorithm, err = o.RootAlgorithm.orDefault(); err != nil {
			return err
		}
	}
	permitted, err := permittedNames(o)
	if err != nil {
		return err
	}
	rootKey, err := rootAlgorithm.generate()
	if err != nil {
		return err
	}
	interKey, err := algorithm.generate()
	if err != nil {
		return err
	}
	root, inter, err := signAuthorities(o, permitted, rootKey, interKey, now)
	if err != nil {
		return err
	}
	if err := checkURL(o.URL); err != nil {
		return err
	}
	settingsJSON, err := settings{
		Version: 1, Created: now.UTC().Truncate(time.Second), Algorithm: algorithm, AnyName: o.AnyName,
		URL: strings.TrimSuffix(o.URL, "/"), Head: true,
	}.marshal()
	if err != nil {
		return err
	}
	firstLine, err := entry{Op: opIntermediate, Time: now.UTC(), Serial: serialText(inter.SerialNumber), Certificate: inter.Raw}.line()
	if err != nil {
		return err
	}
	firstHead, err := firstHead(firstLine)
	if err != nil {
		return err
	}
	return writeAuthority(dir, rootKey, interKey, map[string][]byte{
		rootFile: certificatePEM(root.Raw), interFile: certificatePEM(inter.Raw),
		journalFile: firstLine, headFile: firstHead, settingsFile: settingsJSON,
	})
}

// writeAuthority writes the files in an order that ends with the settings.
func writeAuthority(dir string, rootKey, interKey crypto.Signer, files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Join(dir, leavesDir), 0o700); err != nil {
		return err
	}
	rootKeyPEM, err := keyPEM(rootKey)
	if err != nil {
		return err
	}
	interKeyPEM, err := keyPEM(interKey)
	if err != nil {
		return err
	}
	files[rootKeyFile], files[interKeyFile] = rootKeyPEM, interKeyPEM
	for _, name := range []string{rootKeyFile, rootFile, interKeyFile, interFile, journalFile,
		headFile, settingsFile} {
		if err := writeFile(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	return nil
}

// key returns the key that signs leaves; a.mu is held.
func (a *Authority) key() (crypto.Signer, error) {
	if a.signer != nil {
		return a.signer, nil
	}
	signer, err := a.keyOf(a.inter, interKeyFile, interFile)
	if err != nil {
		return nil, err
	}
	a.signer = identity.NewSigner(signer)
	return signer, nil
}

// rootKey returns the key of the root. It is read each time and not kept, where it could be read
// from memory: to read the file takes less time than a signature.
func (a *Authority) rootKey() (crypto.Signer, error) {
	return a.keyOf(a.root, rootKeyFile, rootFile)
}

// keyOf reads the key of a certificate. What another key signs could not be verified.
func (a *Authority) keyOf(c *x509.Certificate, keyFile, file string) (crypto.Signer, error) {
	signer, err := identity.LoadKey(filepath.Join(a.dir, keyFile))
	if err != nil {
		return nil, err
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(c.PublicKey) {
		return nil, fmt.Errorf("%s is not the key of %s: restore both from the same backup", keyFile, file)
	}
	return signer, nil
}

func readCertificate(path string) (*x509.Certificate, error) {
	data, err := readFile(path, maxCertificate)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is damaged: no certificate in PEM", path)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return c, nil
}

func certificatePEM(chain ...[]byte) []byte {
	var b bytes.Buffer
	for _, der := range chain {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return b.Bytes()
}

func keyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("this key cannot be written to a file: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
