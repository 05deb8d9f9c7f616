package authority

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"path/filepath"
	"time"
)

// ListLifetime is how long a revocation list is valid.
const ListLifetime = 7 * 24 * time.Hour

// The files that hold the newest lists.
const (
	listFile     = "list.crl"
	rootListFile = "root.crl"
)

// CRL makes new revocation lists and returns them in PEM: that of the
// intermediate, which tells of leaves, and that of the root, which tells of
// the intermediate. Programs that check whole chains, as curl does, need both.
// Each is valid for ListLifetime.
func (a *Authority) CRL() ([]byte, error) {
	if !a.made() {
		return nil, errNotMade
	}
	if err := a.lock(); err != nil {
		return nil, err
	}
	defer a.unlock()
	leaves, root, err := a.lists(0)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, der := range [][]byte{leaves, root} {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
	}
	return b.Bytes(), nil
}

// lists returns both lists in DER. a.mu is held.
func (a *Authority) lists(maxAge time.Duration) (leaves, root []byte, err error) {
	if leaves, err = a.listOf(false, maxAge); err != nil {
		return nil, nil, err
	}
	root, err = a.listOf(true, maxAge)
	return leaves, root, err
}

// listOf returns the list of the root, or of the intermediate, in DER: the kept one if it is
// younger than maxAge and nothing was revoked since, else a new one. a.mu is held.
func (a *Authority) listOf(root bool, maxAge time.Duration) ([]byte, error) {
	unlock, err := a.lockFolder()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := a.loadToWrite(); err != nil {
		return nil, err
	}
	if root {
		return a.rootList(maxAge)
	}
	return a.leafList(maxAge)
}

// rootList is the list of the root. The folder is locked.
func (a *Authority) rootList(maxAge time.Duration) ([]byte, error) {
	return a.list(&kept{rootListFile, a.root, &a.journal.head.RootList, a.rootKey}, nil, maxAge)
}

// leafList is the list of the intermediate. The folder is locked.
func (a *Authority) leafList(maxAge time.Duration) ([]byte, error) {
	return a.list(&kept{listFile, a.inter, &a.journal.head.List, a.key}, a.journal.revocations(),
		maxAge)
}

// kept is a list in the folder.
type kept struct {
	file string
	by   *x509.Certificate
	last **big.Int // the number of the newest that was signed; nil for none

	// key returns the key that signs it. It is in a file, which is read for a new list alone.
	key func() (crypto.Signer, error)
}

// read returns the list, or nil if there is none. One that cannot be used is an
// error: what it revoked may stand nowhere else.
func (k *kept) read(dir string) (*x509.RevocationList, error) {
	path := filepath.Join(dir, k.file)
	der, err := readFile(path, maxList)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	old, err := x509.ParseRevocationList(der)
	if err != nil || old.Number == nil || old.CheckSignatureFrom(k.by) != nil {
		return nil, damaged("%s is not a revocation list of this authority", path)
	}
	return old, nil
}

// list signs a list and keeps it. Its number is the time, or one more than the
// last one's if the clock was set back (RFC 5280, Section 5.2.3: it must
// grow). It never has fewer entries than the last one.
func (a *Authority) list(k *kept, entries []x509.RevocationListEntry,
	maxAge time.Duration) ([]byte, error) {
	now := a.now().UTC().Truncate(time.Second)
	number := big.NewInt(now.Unix())
	old, err := k.read(a.dir)
	if err != nil {
		return nil, err
	}
	if old != nil {
		if err := covers(a.journal.path, entries, old.RevokedCertificateEntries, k.file); err != nil {
			return nil, err
		}
		if age := now.Sub(old.ThisUpdate); age >= 0 && age < maxAge &&
			len(old.RevokedCertificateEntries) == len(entries) {
			return old.Raw, nil
		}
		number = atLeast(number, old.Number)
	}
	if *k.last != nil {
		number = atLeast(number, *k.last)
	}
	key, err := k.key()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: number, ThisUpdate: now, NextUpdate: now.Add(ListLifetime), RevokedCertificateEntries: entries,
	}, k.by, key)
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(a.dir, k.file), der); err != nil {
		return nil, err
	}
	*k.last = number
	return der, a.journal.writeHead()
}

// atLeast returns number, or the one after last if that is more.
func atLeast(number, last *big.Int) *big.Int {
	if next := new(big.Int).Add(last, big.NewInt(1)); next.Cmp(number) > 0 {
		return next
	}
	return number
}

// covers reports as damage that an entry of a signed list is not among entries.
func covers(journal string, entries, signed []x509.RevocationListEntry, list string) error {
	known := make(map[string]bool, len(entries))
	for _, e := range entries {
		known[serialText(e.SerialNumber)] = true
	}
	missing := 0
	for _, e := range signed {
		if !known[serialText(e.SerialNumber)] {
			missing++
		}
	}
	if missing > 0 {
		return damaged("%s was truncated: %d certificates that %s revokes are not revoked in it", journal,
			missing, list)
	}
	return nil
}

// load reads the journal, and the first time holds it against the list that was
// signed last: else an old copy of the journal and its head would pass. a.mu is
// held.
func (a *Authority) load() error {
	if err := a.journal.load(); err != nil || a.agrees {
		return err
	}
	list := &kept{file: listFile, by: a.inter}
	old, err := list.read(a.dir)
	if err != nil {
		return err
	}
	if old != nil {
		if err := covers(a.journal.path, a.journal.revocations(), old.RevokedCertificateEntries,
			listFile); err != nil {
			return err
		}
	}
	a.agrees = true
	return nil
}

// loadToWrite is load for who holds the folder's lock. It takes over the settings, and adds a head to a
// journal of an earlier version, if every leaf that is kept stands in it.
func (a *Authority) loadToWrite() error {
	if err := a.refreshSettings(); err != nil {
		return err
	}
	if err := a.load(); err != nil || a.journal.head.exists() {
		return err
	}
	leaves, err := a.keptLeaves()
	if err != nil {
		return err
	}
	for file, leaf := range leaves {
		if r := a.journal.records[serialText(leaf.SerialNumber)]; r == nil {
			return damaged("%s was truncated: it lacks the certificate in %s", a.journal.path, file)
		}
	}
	if err := a.journal.writeHead(); err != nil {
		return err
	}
	a.settings.Head = true
	return a.writeSettings(a.settings)
}

// revocations lists what was ever revoked. What has expired stays, since a private
// authority's list is short and clocks differ.
func (j *journal) revocations() []x509.RevocationListEntry {
	var entries []x509.RevocationListEntry
	for _, serial := range j.order {
		r := j.records[serial]
		if r.Revoked.IsZero() {
			continue
		}
		n, ok := new(big.Int).SetString(serial, 16)
		if ok {
			entries = append(entries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: r.Revoked, ReasonCode: int(r.Reason)})
		}
	}
	return entries
}
