package authority

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"slices"
	"time"
)

// Record tells of one certificate that the authority issued.
type Record struct {
	// Serial is the serial number in hexadecimal.
	Serial string
	// Names are all its names.
	Names []string
	// NotBefore and NotAfter bound its validity.
	NotBefore, NotAfter time.Time
	// Client and Server tell what it is for.
	Client, Server bool
	// Fingerprint is the SHA-256 of the certificate in hexadecimal.
	Fingerprint string
	// Issued is when it was made.
	Issued time.Time
	// Status is how it stood when the record was read.
	Status Status
	// Revoked is when it was revoked, Reason why; zero if it was not.
	Revoked time.Time
	Reason  Reason
	// Account is the ACME account that it was issued to, if any.
	Account string
	// Certificate is the certificate in DER.
	Certificate []byte
}

// Status is how a certificate stands.
type Status string

// The statuses.
const (
	StatusValid    Status = "valid"
	StatusExpiring Status = "expiring" // valid, with less than a third of its life left
	StatusExpired  Status = "expired"
	StatusRevoked  Status = "revoked"
)

// Reason is a code of RFC 5280, Section 5.3.1.
type Reason int

// entry is one line of the journal.
type entry struct {
	Op          string    `json:"op"`
	Time        time.Time `json:"time"`
	Serial      string    `json:"serial,omitempty"`
	Certificate []byte    `json:"certificate,omitempty"`
	Account     string    `json:"account,omitempty"` // of ACME
	Reason      Reason    `json:"reason,omitempty"`
}

// The operations of the journal.
const (
	opIssue        = "issue"
	opRevoke       = "revoke"
	opIntermediate = "intermediate" // signed by the root
)

// journal is the file of entries and what they add up to. Reading may happen at
// any time; the folder must be locked before append.
type journal struct {
	path    string
	most    int64 // bytes that it may have
	size    int64 // bytes read so far; what follows was written by others
	order   []string
	records map[string]*Record

	intermediates map[string]bool // serial numbers
}

// maxJournal bounds what is read: some 300,000 certificates.
const maxJournal = 512 << 20

// load reads what was added since the last time.
func (j *journal) load() error {
	f, err := os.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: restore it from a copy, or this authority cannot know what it signed", j.path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < j.size || info.Size() > j.most {
		return fmt.Errorf("%s has %d bytes where %d were known: it was cut, or is no journal", j.path, info.Size(), j.size)
	}
	data := make([]byte, info.Size()-j.size)
	if _, err := f.ReadAt(data, j.size); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return j.replay(data)
}

// replay applies whole lines. A last line without an end is the trace of a
// crash and is left alone: the next append drops it.
func (j *journal) replay(data []byte) error {
	if j.records == nil {
		j.records, j.intermediates = make(map[string]*Record), make(map[string]bool)
	}
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return nil
		}
		if len(line) > 0 {
			if err := j.apply(line); err != nil {
				return fmt.Errorf("%s is damaged at byte %d: %w", j.path, j.size, err)
			}
		}
		j.size += int64(len(line)) + 1
		data = rest
	}
	return nil
}

func (j *journal) apply(line []byte) error {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	known := j.records[e.Serial]
	switch e.Op {
	case opIssue:
		if known != nil {
			return fmt.Errorf("the serial number %s was used twice", e.Serial)
		}
		r, err := newRecord(e)
		if err != nil {
			return err
		}
		j.records[e.Serial] = r
		j.order = append(j.order, e.Serial)
	case opRevoke:
		if known == nil {
			return fmt.Errorf("the serial number %s was revoked but never used", e.Serial)
		}
		known.Revoked, known.Reason = e.Time, e.Reason
	case opIntermediate:
		j.intermediates[e.Serial] = true
	default:
		return fmt.Errorf("an entry %q, which this program does not know: use a newer one", e.Op)
	}
	return nil
}

func newRecord(e entry) (*Record, error) {
	c, err := x509.ParseCertificate(e.Certificate)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(c.Raw)
	n := names{dns: c.DNSNames, ips: c.IPAddresses, mails: c.EmailAddresses, uris: c.URIs}
	if cn := c.Subject.CommonName; cn != n.commonName() {
		n.plain = cn
	}
	r := &Record{Serial: e.Serial, Names: n.list(), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Fingerprint: hex.EncodeToString(sum[:]), Issued: e.Time, Account: e.Account, Certificate: c.Raw}
	for _, u := range c.ExtKeyUsage {
		r.Client = r.Client || u == x509.ExtKeyUsageClientAuth
		r.Server = r.Server || u == x509.ExtKeyUsageServerAuth
	}
	return r, nil
}

// line writes an entry as it stands in the file.
func (e entry) line() ([]byte, error) {
	data, err := json.Marshal(e)
	return append(data, '\n'), err
}

// append writes one entry and waits until it is on the disk. The caller has
// locked the folder and loaded the journal.
func (j *journal) append(e entry) error {
	line, err := e.line()
	if err != nil {
		return err
	}
	// Beyond that nobody could read it any longer. What is issued leaves room to
	// be revoked.
	most := j.most
	if e.Op == opIssue {
		most -= most / 8
	}
	if j.size+int64(len(line)) > most {
		return fmt.Errorf("%s is full: make another authority, and keep this one for what it issued", j.path)
	}
	f, err := os.OpenFile(j.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	// Whatever follows the last whole line was cut off by a crash.
	if err := f.Truncate(j.size); err != nil {
		return err
	}
	if _, err := f.WriteAt(line, j.size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := j.apply(line); err != nil {
		return err
	}
	j.size += int64(len(line))
	return f.Close()
}

// issuedSince counts the certificates that ACME clients were given since a time.
func (j *journal) issuedSince(when time.Time) int {
	n := 0
	for _, serial := range slices.Backward(j.order) {
		r := j.records[serial]
		if r.Issued.Before(when) {
			break
		}
		if r.Account != "" {
			n++
		}
	}
	return n
}

// newSerial returns a serial number that was not used before.
func (j *journal) newSerial() *big.Int {
	for {
		n := randomSerial()
		if j.records[serialText(n)] == nil {
			return n
		}
	}
}

// record returns a copy of a record as it stands now; nil if there is none.
func (j *journal) record(serial string, now time.Time) *Record {
	r := j.records[serial]
	if r == nil {
		return nil
	}
	c := *r
	c.Status = StatusValid
	switch {
	case !c.Revoked.IsZero():
		c.Status = StatusRevoked
	case now.After(c.NotAfter):
		c.Status = StatusExpired
	case needsRenewal(c.NotBefore, c.NotAfter, now):
		c.Status = StatusExpiring
	}
	return &c
}

// needsRenewal reports whether less than a third of a certificate's life is
// left.
func needsRenewal(from, to, now time.Time) bool {
	return to.Sub(now) < to.Sub(from)/3
}

// List returns a record for each certificate ever issued, oldest first.
func (a *Authority) List() ([]Record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.journal.load(); err != nil {
		return nil, err
	}
	all := make([]Record, 0, len(a.journal.order))
	for _, serial := range a.journal.order {
		all = append(all, *a.journal.record(serial, a.now()))
	}
	return all, nil
}
