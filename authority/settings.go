package authority

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sealsock/sealsock/identity"
)

func (s settings) marshal() ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	return append(data, '\n'), err
}

func parseSettings(data []byte, file string) (settings, error) {
	var s settings
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s is damaged: %w", file, err)
	}
	if s.Version != 1 {
		return s, fmt.Errorf("%s has version %d: this program supports version 1", file, s.Version)
	}
	return s, nil
}

// refreshSettings takes over what another process set. The folder is locked.
func (a *Authority) refreshSettings() error {
	file := filepath.Join(a.dir, settingsFile)
	data, err := readFile(file, maxSettings)
	if err != nil {
		return err
	}
	s, err := parseSettings(data, file)
	if err == nil {
		a.settings = s
	}
	return err
}

// URL returns where Handler is served, or "".
func (a *Authority) URL() string {
	if !a.made() {
		return ""
	}
	a.mu <- struct{}{}
	defer a.unlock()
	return a.settings.URL
}

// SetURL sets where Handler is served, such as "http://ca.lan:8440": from then
// on leaves name it as the place of the responder and of the list. Empty means
// nowhere. It must be http, since asking about a certificate over TLS would ask
// about another certificate.
func (a *Authority) SetURL(base string) error {
	if !a.made() {
		return errNotMade
	}
	if err := checkURL(base); err != nil {
		return err
	}
	if err := a.lock(); err != nil {
		return err
	}
	defer a.unlock()
	unlock, err := a.lockFolder()
	if err != nil {
		return err
	}
	defer unlock()
	if err := a.refreshSettings(); err != nil {
		return err
	}
	changed := a.settings
	changed.URL = strings.TrimSuffix(base, "/")
	changed.Head = changed.Head || a.journal.head.exists()
	if err := a.writeSettings(changed); err != nil {
		return err
	}
	a.settings = changed
	return nil
}

func (a *Authority) writeSettings(s settings) error {
	data, err := s.marshal()
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(a.dir, settingsFile), data)
}

func checkURL(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not the URL of an authority: expected http:// and a host", base)
	}
	return nil
}

// nameServices puts the addresses of the responder, the list and the
// intermediate into a leaf. The folder is locked.
func (a *Authority) nameServices(t *x509.Certificate) {
	if base := a.settings.URL; base != "" {
		t.OCSPServer = []string{base + "/ocsp"}
		t.CRLDistributionPoints = []string{base + "/crl"}
		t.IssuingCertificateURL = []string{base + "/intermediate.cer"}
	}
}

// Renew issues a certificate like an earlier one: the same names, uses and
// lifetime. If signer is not nil it is the key to certify, and pins of the old
// certificate keep matching; else a new key of the algorithm is made.
func (a *Authority) Renew(old *Record, signer crypto.Signer, algorithm Algorithm) (*identity.Identity, *Record, error) {
	if !a.made() {
		return nil, nil, errNotMade
	}
	if old == nil {
		return nil, nil, fmt.Errorf("the Record to renew is nil: %w", os.ErrInvalid)
	}
	return a.Issue(Request{
		Names: old.Names, Client: old.Client, Server: old.Server, Lifetime: lifetimeOf(old), Signer: identity.NewSigner(signer), Algorithm: algorithm,
	})
}

func lifetimeOf(r *Record) time.Duration { return min(r.NotAfter.Sub(r.NotBefore), MaxLifetime) }

// refreshIntermediate takes over an intermediate that another process renewed.
// It renews it when it would soon no longer outlive leaves, or names another
// address of the services than the settings do. Its key and name stay, so that
// its lists and responses remain valid for all its leaves. The folder is
// locked.
func (a *Authority) refreshIntermediate() error {
	path := filepath.Join(a.dir, interFile)
	current, err := readCertificate(path)
	if err != nil {
		return err
	}
	a.inter = current
	now := a.now()
	if err := a.checkClock(now); err != nil {
		return err
	}
	lasts := current.NotAfter.Sub(now) > MaxLifetime || !a.root.NotAfter.After(current.NotAfter)
	// One of the future was made while the clock was ahead.
	if lasts && !now.Before(current.NotBefore) && namesServices(current, a.settings.URL) {
		return nil
	}
	rootKey, err := a.rootKey()
	if err != nil {
		return err
	}
	renewed, err := signIntermediate(a.root, rootKey, current.PublicKey, a.settings.URL, now)
	if err != nil {
		return err
	}
	e := entry{Op: opIntermediate, Time: now.UTC(), Serial: serialText(renewed.SerialNumber), Certificate: renewed.Raw}
	if err := a.journal.append(e); err != nil {
		return err
	}
	if err := writeFile(path, certificatePEM(renewed.Raw)); err != nil {
		return err
	}
	a.inter = renewed
	return nil
}

// checkClock returns an error if nothing that is issued now would ever be valid.
func (a *Authority) checkClock(now time.Time) error {
	switch {
	case now.After(a.root.NotAfter):
		return fmt.Errorf("the root in %s expired on %s: make another authority, and distribute its root",
			a.dir, day(a.root.NotAfter))
	case now.Before(a.root.NotBefore):
		return fmt.Errorf("the clock of this machine shows %s, when the authority in %s was not made yet",
			day(now), a.dir)
	}
	return nil
}

func namesServices(c *x509.Certificate, base string) bool {
	if base == "" {
		return len(c.OCSPServer) == 0
	}
	return slices.Equal(c.OCSPServer, []string{base + "/ocsp"})
}

// Warnings tell what needs a person's attention, one sentence each: files that
// others can read, and certificates near their end.
func (a *Authority) Warnings() ([]string, error) {
	if !a.made() {
		return nil, errNotMade
	}
	var all []string
	for _, name := range []string{rootKeyFile, interKeyFile} {
		if info, err := os.Stat(filepath.Join(a.dir, name)); err == nil && exposed(info) {
			all = append(all, fmt.Sprintf("%s can be read by other users: run chmod 600 on it", filepath.Join(a.dir, name)))
		}
	}
	now := a.now()
	if a.root.NotAfter.Sub(now) < 180*24*time.Hour {
		all = append(all, fmt.Sprintf("the root expires on %s: create a new authority and distribute its root before that", day(a.root.NotAfter)))
	}
	records, err := a.List()
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.Status == StatusExpiring {
			all = append(all, fmt.Sprintf("the certificate %s of %s expires on %s: renew it", r.Serial, strings.Join(r.Names, ", "), day(r.NotAfter)))
		}
	}
	return all, nil
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }
