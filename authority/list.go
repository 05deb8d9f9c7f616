package authority

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/sealsock/sealsock/identity"
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
// the intermediate. Programs that check whole chains, as curl does, want both.
// Each is valid for ListLifetime.
func (a *Authority) CRL() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
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

// lists returns both lists in DER: the kept ones if they are younger than
// maxAge and nothing was revoked since, else new ones. a.mu is held.
func (a *Authority) lists(maxAge time.Duration) (leaves, root []byte, err error) {
	key, err := a.key()
	if err != nil {
		return nil, nil, err
	}
	unlock, err := lockFolder(a.dir)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if err := a.journal.load(); err != nil {
		return nil, nil, err
	}
	leaves, err = a.list(listFile, a.inter, key, a.journal.revoked(), maxAge)
	if err != nil {
		return nil, nil, err
	}
	rootKey, err := identity.LoadKey(filepath.Join(a.dir, rootKeyFile))
	if err != nil {
		return nil, nil, err
	}
	root, err = a.list(rootListFile, a.root, rootKey, nil, maxAge)
	return leaves, root, err
}

// list signs a list and keeps it. Its number is the time, or one more than the
// last one's if the clock was set back (RFC 5280, Section 5.2.3: it must
// grow).
func (a *Authority) list(file string, by *x509.Certificate, key crypto.Signer, entries []x509.RevocationListEntry, maxAge time.Duration) ([]byte, error) {
	path := filepath.Join(a.dir, file)
	now := a.now().UTC().Truncate(time.Second)
	number := big.NewInt(now.Unix())
	if kept, err := os.ReadFile(path); err == nil {
		if old, err := x509.ParseRevocationList(kept); err == nil && old.Number != nil {
			if age := now.Sub(old.ThisUpdate); age >= 0 && age < maxAge && len(old.RevokedCertificateEntries) == len(entries) {
				return kept, nil
			}
			if old.Number.Cmp(number) >= 0 {
				number.Add(old.Number, big.NewInt(1))
			}
		}
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: number, ThisUpdate: now, NextUpdate: now.Add(ListLifetime), RevokedCertificateEntries: entries,
	}, by, key)
	if err != nil {
		return nil, err
	}
	return der, writeFile(path, der)
}

// revoked lists what was ever revoked. What has expired stays, since a private
// authority's list is short and clocks differ.
func (j *journal) revoked() []x509.RevocationListEntry {
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
