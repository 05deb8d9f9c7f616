package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// Repairs are what the owner of a damaged folder knows. The zero value is what
// the folder itself still has.
type Repairs struct {
	// Certificates are certificates of this authority, in PEM or DER, that are
	// to have a record again.
	Certificates [][]byte
	// Revoked are serial numbers, in hexadecimal, that were revoked.
	Revoked []string
}

// Repaired tells what Repair did.
type Repaired struct {
	Kept     int    // entries of the journal that could be read
	Dropped  int    // those that could not
	Found    int    // certificates that have a record again
	Revoked  int    // revocations that the journal lacked
	Unknown  int    // certificates that were issued and have no record now
	Previous string // the file that keeps the journal as it was; empty if nothing was written
}

// Check reads the folder's record. It returns an error that wraps ErrDamaged if
// the record was cut or changed.
func (a *Authority) Check() error {
	if !a.made() {
		return errNotMade
	}
	if err := a.lock(); err != nil {
		return err
	}
	defer a.unlock()
	return a.load()
}

// Repair makes a new journal of what is left: the lines that can be read, the
// newest revocation list, the leaves that are kept for ForNames, and what the
// caller knows. It never takes a revocation back: if the journal's head counts
// more revocations than can be found, it changes nothing and returns an error
// with the number of those that are missing.
func (a *Authority) Repair(with Repairs) (*Repaired, error) {
	if !a.made() {
		return nil, errNotMade
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
	if err := a.refreshSettings(); err != nil {
		return nil, err
	}
	r := &repair{authority: a, now: a.now().UTC()}
	r.fresh = journal{path: a.journal.path, most: a.journal.most}
	if err := r.gather(with); err != nil {
		return nil, err
	}
	if err := r.enough(); err != nil {
		return nil, err
	}
	r.report.Unknown = max(0, r.head.Entries-r.report.Kept-r.report.Found-r.report.Revoked)
	if a.load() == nil && r.report.Found+r.report.Revoked == 0 {
		return &r.report, nil // nothing is wrong
	}
	if err := r.write(); err != nil {
		return nil, err
	}
	a.journal, a.agrees = r.fresh, true
	a.settings.Head = true
	if err := a.writeSettings(a.settings); err != nil {
		return nil, err
	}
	_, err = a.leafList(ListLifetime / 2)
	return &r.report, err
}

// repair is a Repair under way.
type repair struct {
	authority *Authority
	now       time.Time
	head      head
	list      *x509.RevocationList // nil for none
	noList    error                // why there is none; nil if no list was kept
	before    []byte               // the journal as it is
	fresh     journal              // what it is to be, with its file in
	file      bytes.Buffer
	report    Repaired
}

// gather collects entries from everything that has some.
func (r *repair) gather(with Repairs) error {
	var err error
	if r.head, err = readHead(r.fresh.headPath()); err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	r.list, r.noList = (&kept{file: listFile, by: r.authority.inter}).read(r.authority.dir)
	if r.noList != nil && !errors.Is(r.noList, ErrDamaged) {
		return r.noList
	}
	r.before, err = readFile(r.fresh.path, r.fresh.most)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.fresh.replay(nil, head{}); err != nil { // makes its tables
		return err
	}
	if err := r.salvage(); err != nil {
		return err
	}
	inter := r.authority.inter
	if !r.fresh.intermediates[serialText(inter.SerialNumber)] {
		e := entry{Op: opIntermediate, Time: inter.NotBefore.UTC(),
			Serial: serialText(inter.SerialNumber), Certificate: inter.Raw}
		if err := r.add(e); err != nil {
			return err
		}
	}
	if err := r.certificates(with.Certificates); err != nil {
		return err
	}
	return r.revocations(with.Revoked)
}

// salvage keeps the lines that can be read, a last one without an end too. A
// revocation whose certificate is lost stays.
func (r *repair) salvage() error {
	for line := range bytes.Lines(r.before) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		var e entry
		if json.Unmarshal(line, &e) != nil {
			r.report.Dropped++
			continue
		}
		if e.Op == opRevoke && e.Serial != "" && r.fresh.records[e.Serial] == nil {
			e.Lost = true
		}
		if err := r.add(e); err != nil {
			r.report.Dropped++
			continue
		}
		r.report.Kept++
	}
	return nil
}

// add writes an entry at the end of the fresh journal, unless it contradicts
// what stands there.
func (r *repair) add(e entry) error {
	line, err := e.line()
	if err != nil {
		return err
	}
	line = line[:len(line)-1]
	if err := r.fresh.apply(line); err != nil {
		return err
	}
	r.fresh.advance(line, r.fresh.most)
	r.file.Write(append(line, '\n'))
	return nil
}

// certificates adds the leaves that are kept and those that the caller gave.
func (r *repair) certificates(given [][]byte) error {
	leaves, err := r.authority.keptLeaves()
	if err != nil {
		return err
	}
	for _, leaf := range leaves {
		if leaf.CheckSignatureFrom(r.authority.inter) == nil { // else of an authority before this one
			if err := r.issued(leaf); err != nil {
				return err
			}
		}
	}
	for _, data := range given {
		c, err := parseCertificate(data)
		if err != nil {
			return err
		}
		if c.CheckSignatureFrom(r.authority.inter) != nil {
			return fmt.Errorf("%s: %w", serialText(c.SerialNumber), ErrUnknownCertificate)
		}
		if err := r.issued(c); err != nil {
			return err
		}
	}
	return nil
}

// issued adds a certificate that has no record.
func (r *repair) issued(c *x509.Certificate) error {
	serial := serialText(c.SerialNumber)
	if known := r.fresh.records[serial]; known != nil && known.Certificate != nil {
		return nil
	}
	r.report.Found++
	made := c.NotBefore.Add(backdated(c.NotAfter.Sub(c.NotBefore)))
	return r.add(entry{Op: opIssue, Time: made.UTC(), Serial: serial, Certificate: c.Raw})
}

// revocations adds those of the list and those that the caller gave.
func (r *repair) revocations(given []string) error {
	if r.list != nil {
		for _, e := range r.list.RevokedCertificateEntries {
			if err := r.revoke(serialText(e.SerialNumber), e.RevocationTime.UTC(),
				Reason(e.ReasonCode)); err != nil {
				return err
			}
		}
	}
	for _, text := range given {
		serial, err := parseSerial(text)
		if err != nil {
			return err
		}
		if err := r.revoke(serial, r.now, ReasonUnspecified); err != nil {
			return err
		}
	}
	return nil
}

func (r *repair) revoke(serial string, when time.Time, why Reason) error {
	known := r.fresh.records[serial]
	if known != nil && !known.Revoked.IsZero() {
		return nil
	}
	r.report.Revoked++
	return r.add(entry{Op: opRevoke, Time: when, Serial: serial, Reason: why, Lost: known == nil})
}

// enough refuses a repair with fewer revocations than there were. The head
// counts them; without one the list has them.
func (r *repair) enough() error {
	switch missing := r.head.Revoked - r.fresh.revoked; {
	case missing > 0:
		return fmt.Errorf("%d of %d revocations are neither in the journal nor in %s: name their "+
			"serial numbers, "+
			"or make a new authority", missing, r.head.Revoked, listFile)
	case r.head.exists():
		return nil
	case r.noList != nil:
		return fmt.Errorf("%w, and %s cannot be used either: restore one of them from a backup", r.noList,
			headFile)
	case r.list == nil && r.authority.settings.Head:
		return fmt.Errorf("neither %s nor %s is there, so what was revoked is not known: restore one of "+
			"them from a backup, "+
			"or make a new authority", headFile, listFile)
	}
	return nil
}

// write replaces the journal, then its head. A crash in between leaves a folder
// that is damaged still.
func (r *repair) write() error {
	dir := r.authority.dir
	r.report.Previous = r.fresh.path + ".before-" + r.now.Format("20060102T150405.000000000")
	if err := writeFile(r.report.Previous, r.before); err != nil {
		return err
	}
	if r.noList != nil { // nothing in it can be read; the head keeps its number
		if err := setAside(filepath.Join(dir, listFile), r.now); err != nil {
			return err
		}
	}
	root := &kept{file: rootListFile, by: r.authority.root}
	if _, err := root.read(dir); errors.Is(err, ErrDamaged) {
		if err := setAside(filepath.Join(dir, rootListFile), r.now); err != nil {
			return err
		}
	}
	if err := writeFile(r.fresh.path, slices.Clone(r.file.Bytes())); err != nil {
		return err
	}
	r.fresh.head = head{List: r.head.List, RootList: r.head.RootList}
	return r.fresh.writeHead()
}
