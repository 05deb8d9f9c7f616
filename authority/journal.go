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
	"time"

	"github.com/sealsock/sealsock/internal/readfile"
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
	Lost        bool      `json:"lost,omitempty"` // revoked, and its certificate is not known
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
	sum     [sha256.Size]byte
	order   []string
	records map[string]*Record
	entries int
	revoked int

	intermediates map[string]bool // serial numbers

	head     head // the newest that was read or written
	needHead bool // the settings require one
	marks    []mark
}

// maxJournal bounds what is read: some 300,000 certificates.
const maxJournal = 512 << 20

// load reads what was added since the last time, and compares it with the head.
// After a repair the file begins differently: then it is read from its start,
// and taken if it still has every revocation that was known.
func (j *journal) load() error {
	err := j.read()
	if err == nil || j.size == 0 {
		return err
	}
	again := &journal{path: j.path, most: j.most, needHead: j.needHead}
	if again.read() != nil {
		return err
	}
	for serial, r := range j.records {
		if now := again.records[serial]; !r.Revoked.IsZero() && (now == nil || now.Revoked.IsZero()) {
			return err
		}
	}
	*j = *again
	return nil
}

// read reads the head before the journal: the journal grows first.
func (j *journal) read() error {
	h, err := readHead(j.headPath())
	if err != nil {
		return err
	}
	f, err := readfile.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return damaged("%s is missing", j.path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	switch {
	case info.Size() > j.most:
		return fmt.Errorf("%s has %d bytes, more than %d: it is not the journal of an authority",
			j.path, info.Size(), j.most)
	case info.Size() < j.size:
		return damaged("%s was truncated: it has %d bytes, and had %d before", j.path, info.Size(),
			j.size)
	}
	data := make([]byte, info.Size()-j.size)
	if _, err := f.ReadAt(data, j.size); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := j.replay(data, h); err != nil {
		return err
	}
	return j.compare(h)
}

// replay applies whole lines. A last line without an end is the trace of a
// crash, unless the head counts it, and is left alone: the next append drops it.
func (j *journal) replay(data []byte, h head) error {
	if j.records == nil {
		j.records, j.intermediates = make(map[string]*Record), make(map[string]bool)
	}
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return nil
		}
		if err := j.apply(line); err != nil {
			return damaged("%s cannot be read at byte %d (%v)", j.path, j.size, err)
		}
		j.advance(line, h.Bytes)
		data = rest
	}
	return nil
}

func (j *journal) apply(line []byte) error {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	var err error
	switch e.Op {
	case opIssue:
		err = j.applyIssue(e)
	case opRevoke:
		err = j.applyRevoke(e)
	case opIntermediate:
		j.intermediates[e.Serial] = true
	default:
		err = fmt.Errorf("an unknown entry %q: use a newer version of this program", e.Op)
	}
	if err == nil {
		j.entries++
	}
	return err
}

func (j *journal) applyIssue(e entry) error {
	known := j.records[e.Serial]
	if known != nil && known.Certificate != nil {
		return fmt.Errorf("the serial number %s was used twice", e.Serial)
	}
	r, err := newRecord(e)
	if err != nil {
		return err
	}
	if known != nil { // a certificate that was found again after a repair
		r.Revoked, r.Reason = known.Revoked, known.Reason
	} else {
		j.order = append(j.order, e.Serial)
	}
	j.records[e.Serial] = r
	return nil
}

func (j *journal) applyRevoke(e entry) error {
	known := j.records[e.Serial]
	if known == nil && !e.Lost {
		return fmt.Errorf("the serial number %s was revoked but never used", e.Serial)
	}
	if known == nil {
		known = &Record{Serial: e.Serial, Issued: e.Time}
		j.records[e.Serial], j.order = known, append(j.order, e.Serial)
	}
	if known.Revoked.IsZero() {
		known.Revoked, known.Reason = e.Time, e.Reason
		j.revoked++
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
	// A longer one could not be read any more. What is issued leaves room to
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
	if err := f.Close(); err != nil {
		return err
	}
	line = line[:len(line)-1]
	if err := j.apply(line); err != nil {
		return err
	}
	j.advance(line, j.head.Bytes)
	return j.writeHead()
}

// issuedSince counts the certificates that ACME clients were given since a time.
func (j *journal) issuedSince(when time.Time) int {
	n := 0
	for _, serial := range j.order {
		r := j.records[serial]
		if r.Account != "" && !r.Issued.Before(when) {
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
	all := make([]Record, 0, len(a.journal.order))
	for _, serial := range a.journal.order {
		all = append(all, *a.journal.record(serial, a.now()))
	}
	return all, nil
}
