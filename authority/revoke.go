package authority

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/sealsock/sealsock/identity"
)

// The reasons for revoking a certificate.
const (
	ReasonUnspecified          Reason = 0
	ReasonKeyCompromise        Reason = 1
	ReasonAffiliationChanged   Reason = 3
	ReasonSuperseded           Reason = 4
	ReasonCessationOfOperation Reason = 5
	ReasonPrivilegeWithdrawn   Reason = 9
)

var reasonNames = map[Reason]string{
	ReasonUnspecified:          "unspecified",
	ReasonKeyCompromise:        "key-compromise",
	ReasonAffiliationChanged:   "affiliation-changed",
	ReasonSuperseded:           "superseded",
	ReasonCessationOfOperation: "cessation-of-operation",
	ReasonPrivilegeWithdrawn:   "privilege-withdrawn",
}

// String returns the reason's name, such as "key-compromise".
func (r Reason) String() string {
	if name := reasonNames[r]; name != "" {
		return name
	}
	return fmt.Sprintf("reason-%d", int(r))
}

// check returns an error for a reason that this package does not use.
func (r Reason) check() error {
	if _, known := reasonNames[r]; !known {
		return fmt.Errorf("%v is not a reason for revocation", r)
	}
	return nil
}

// ParseReason reads the name of a reason; empty means unspecified.
func ParseReason(text string) (Reason, error) {
	if text == "" {
		return ReasonUnspecified, nil
	}
	for r, name := range reasonNames {
		if name == text {
			return r, nil
		}
	}
	return 0, fmt.Errorf("no reason %q: choose unspecified, key-compromise, affiliation-changed, superseded, "+
		"cessation-of-operation or privilege-withdrawn", text)
}

// ErrUnknownCertificate is wrapped by the error for a certificate that the
// authority did not issue.
var ErrUnknownCertificate = errors.New("the certificate is not one of this authority")

// Find returns the record of a certificate by its serial number, in
// hexadecimal with or without colons, or by the first eight digits or more of
// it.
func (a *Authority) Find(serial string) (*Record, error) {
	if !a.made() {
		return nil, errNotMade
	}
	if err := a.lock(); err != nil {
		return nil, err
	}
	defer a.unlock()
	if err := a.load(); err != nil {
		return nil, err
	}
	return a.find(serial)
}

// shortestSerial is how much of a serial number names it. Two of a million
// serial numbers agree in their first eight digits now and then; then more are
// asked for.
const shortestSerial = 8

func (a *Authority) find(serial string) (*Record, error) {
	want := strings.TrimLeft(strings.ToLower(strings.ReplaceAll(serial, ":", "")), "0")
	if r := a.journal.record(want, a.now()); r != nil {
		return r, nil
	}
	if len(want) < shortestSerial {
		return nil, fmt.Errorf("%q: %w: give at least %d digits of the serial number", serial, ErrUnknownCertificate, shortestSerial)
	}
	found := ""
	for known := range a.journal.records {
		if !strings.HasPrefix(known, want) {
			continue
		}
		if found != "" {
			return nil, fmt.Errorf("%q is a prefix of several serial numbers: give more digits", serial)
		}
		found = known
	}
	if found == "" {
		return nil, fmt.Errorf("%q: %w", serial, ErrUnknownCertificate)
	}
	return a.journal.record(found, a.now()), nil
}

// FindCertificate returns the record of a certificate given in PEM or DER; of
// several, the first counts.
func (a *Authority) FindCertificate(data []byte) (*Record, error) {
	if !a.made() {
		return nil, errNotMade
	}
	c, err := parseCertificate(data)
	if err != nil {
		return nil, err
	}
	if err := a.lock(); err != nil {
		return nil, err
	}
	defer a.unlock()
	if err := a.load(); err != nil {
		return nil, err
	}
	r := a.journal.record(serialText(c.SerialNumber), a.now()) // of the whole number only
	if r == nil {
		return nil, fmt.Errorf("%s: %w", serialText(c.SerialNumber), ErrUnknownCertificate)
	}
	if string(r.Certificate) != string(c.Raw) {
		return nil, fmt.Errorf("%s: %w: it has the serial number of another certificate", serialText(c.SerialNumber), ErrUnknownCertificate)
	}
	return r, nil
}

// parseCertificate reads the first certificate of PEM or DER.
func parseCertificate(data []byte) (*x509.Certificate, error) {
	der := data
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if der = block.Bytes; block.Type == "CERTIFICATE" {
			break
		}
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("no certificate in PEM or DER: %w", err)
	}
	return c, nil
}

// SerialOf returns the serial number, as Record has it, of the first certificate
// in PEM or DER.
func SerialOf(certificate []byte) (string, error) {
	c, err := parseCertificate(certificate)
	if err != nil {
		return "", err
	}
	return serialText(c.SerialNumber), nil
}

// parseSerial reads a whole serial number in hexadecimal, with colons or
// without.
func parseSerial(text string) (string, error) {
	n, ok := new(big.Int).SetString(strings.ReplaceAll(text, ":", ""), 16)
	if !ok || n.Sign() <= 0 || n.BitLen() > 160 { // RFC 5280, Section 4.1.2.2: 20 bytes
		return "", fmt.Errorf("%q is not a serial number in hexadecimal", text)
	}
	return serialText(n), nil
}

// Revoke revokes a certificate, named as for Find. Peers learn of it by the
// next list (CRL) or by asking the responder (Handler). To revoke a
// certificate again is no error and changes nothing.
func (a *Authority) Revoke(serial string, reason Reason) (*Record, error) {
	if !a.made() {
		return nil, errNotMade
	}
	if err := reason.check(); err != nil {
		return nil, err
	}
	if err := a.lock(); err != nil {
		return nil, err
	}
	defer a.unlock()
	unlock, err := a.lockFolder()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := a.loadToWrite(); err != nil {
		return nil, err
	}
	r, err := a.find(serial)
	if err != nil {
		return nil, err
	}
	if r.Status != StatusRevoked {
		e := entry{Op: opRevoke, Time: a.now().UTC(), Serial: r.Serial, Reason: reason}
		if err := a.journal.append(e); err != nil {
			return nil, err
		}
		a.removeLeaf(r.Serial)
	}
	// The list has each revocation a second time, for a journal that is cut.
	if _, err := a.leafList(ListLifetime / 2); err != nil {
		return nil, fmt.Errorf("%s is revoked, but the list cannot be renewed: %w", r.Serial, err)
	}
	return a.journal.record(r.Serial, a.now()), nil
}

// removeLeaf forgets the kept leaf with a serial number, so that ForNames
// issues another.
func (a *Authority) removeLeaf(serial string) {
	leaves, err := a.keptLeaves()
	if err != nil {
		return
	}
	for file, leaf := range leaves {
		if serialText(leaf.SerialNumber) == serial {
			_ = os.Remove(filepath.Join(a.dir, leavesDir, file))
		}
	}
}

// keptLeaves are the leaves that ForNames keeps, by the names of their files.
// What cannot be read is left out.
func (a *Authority) keptLeaves() (map[string]*x509.Certificate, error) {
	entries, err := os.ReadDir(filepath.Join(a.dir, leavesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	leaves := make(map[string]*x509.Certificate)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		if id, err := identity.Load(filepath.Join(a.dir, leavesDir, e.Name()), ""); err == nil {
			leaves[e.Name()] = id.Leaf
		}
	}
	return leaves, nil
}
