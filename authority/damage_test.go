package authority

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// ward is an authority with a history, and a way to have its folder again.
type ward struct {
	dir     string
	files   map[string][]byte
	leaf    *x509.Certificate // revoked
	revoked []string
	valid   string
}

// newWard issues four certificates and revokes three of them, one after the
// newest list was asked for.
func newWard(t *testing.T) *ward {
	t.Helper()
	a := newAuthority(t, Options{})
	w := &ward{dir: a.Dir(), files: map[string][]byte{}}
	for i := range 4 {
		id, r, err := a.Issue(Request{Names: []string{"localhost"}})
		if err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			w.valid = r.Serial
			break
		}
		w.leaf, w.revoked = id.Leaf, append(w.revoked, r.Serial)
	}
	for i, serial := range w.revoked {
		if _, err := a.Revoke(serial, ReasonKeyCompromise); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if _, err := a.CRL(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{settingsFile, journalFile, headFile, listFile, rootListFile} {
		data, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		w.files[name] = data
	}
	return w
}

// restore puts the folder back as it was, but for changes: nil removes a file.
func (w *ward) restore(t *testing.T, changes map[string][]byte) {
	t.Helper()
	for name, data := range w.files {
		if changed, ok := changes[name]; ok {
			data = changed
		}
		path := filepath.Join(w.dir, name)
		err := os.Remove(path)
		if data != nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func (w *ward) open(t *testing.T) *Authority {
	t.Helper()
	a, err := Open(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// calls are everything that a command does with a folder.
func (w *ward) calls() map[string]func(*Authority) error {
	return map[string]func(*Authority) error{
		"Check":    (*Authority).Check,
		"List":     func(a *Authority) error { _, err := a.List(); return err },
		"Warnings": func(a *Authority) error { _, err := a.Warnings(); return err },
		"Find":     func(a *Authority) error { _, err := a.Find(w.valid); return err },
		"CRL":      func(a *Authority) error { _, err := a.CRL(); return err },
		"Revoke": func(a *Authority) error {
			_, err := a.Revoke(w.valid, ReasonSuperseded)
			return err
		},
		"ForNames": func(a *Authority) error { _, err := a.ForNames("new.localhost"); return err },
		"Issue": func(a *Authority) error {
			_, _, err := a.Issue(Request{Names: []string{"localhost"}})
			return err
		},
	}
}

// refuses expects an error of every call, and no signature.
func (w *ward) refuses(t *testing.T, what, names string) {
	t.Helper()
	for call, run := range w.calls() {
		err := run(w.open(t))
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), filepath.Join(w.dir, names)) {
			t.Errorf("%s: %s: %v", what, call, err)
		}
	}
	a := w.open(t)
	request, err := ocsp.CreateRequest(w.leaf, a.Intermediate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response := a.Respond(request); !bytes.Equal(response, internalError) {
		t.Errorf("%s: the responder answers %x", what, response)
	}
	for _, path := range []string{"/crl", "/root.crl"} {
		answer := httptest.NewRecorder()
		a.Handler(nil).ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if answer.Code != 500 {
			t.Errorf("%s: %s: %d", what, path, answer.Code)
		}
	}
}

// mended repairs the folder and expects every revocation in a newer list.
func (w *ward) mended(t *testing.T, what string) {
	t.Helper()
	if _, err := w.open(t).Repair(Repairs{}); err != nil {
		t.Errorf("%s: repair: %v", what, err)
		return
	}
	a := w.open(t)
	lists, err := a.CRL()
	if err != nil {
		t.Errorf("%s: after the repair: %v", what, err)
		return
	}
	block, _ := pem.Decode(lists)
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	before, err := x509.ParseRevocationList(w.files[listFile])
	if err != nil {
		t.Fatal(err)
	}
	if list.Number.Cmp(before.Number) <= 0 {
		t.Errorf("%s: the list has the number %v after %v", what, list.Number, before.Number)
	}
	for _, serial := range w.revoked {
		if r, err := a.Find(serial); err != nil || r.Status != StatusRevoked ||
			r.Reason != ReasonKeyCompromise {
			t.Errorf("%s: %s: %+v, %v", what, serial, r, err)
		}
		if !slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
			return serialText(e.SerialNumber) == serial
		}) {
			t.Errorf("%s: %s is not in the list", what, serial)
		}
	}
	if _, _, err := a.Issue(Request{Names: []string{"localhost"}}); err != nil {
		t.Errorf("%s: after the repair: %v", what, err)
	}
}

// TestCutJournal cuts the journal at the places where something changes: around
// each end of a line, in the middle of each, and at its start.
func TestCutJournal(t *testing.T) {
	w := newWard(t)
	whole := w.files[journalFile]
	cuts := []int{0}
	for start := 0; start < len(whole); {
		end := start + bytes.IndexByte(whole[start:], '\n') + 1
		cuts = append(cuts, start+1, (start+end)/2, end-1)
		if end < len(whole) {
			cuts = append(cuts, end)
		}
		start = end
	}
	for _, cut := range cuts {
		w.restore(t, map[string][]byte{journalFile: whole[:cut]})
		w.refuses(t, fmt.Sprintf("cut at %d of %d", cut, len(whole)), journalFile+" was truncated: ")
		w.mended(t, fmt.Sprintf("cut at %d of %d", cut, len(whole)))
	}
	w.restore(t, map[string][]byte{journalFile: nil})
	w.refuses(t, "not the journal", journalFile+" is missing")
	w.mended(t, "not the journal")
}

// TestDamagedFolder changes other things than the end of the journal.
func TestDamagedFolder(t *testing.T) {
	w := newWard(t)
	journal := w.files[journalFile]
	lines := bytes.SplitAfter(journal, []byte("\n"))
	without := bytes.Join(slices.Delete(slices.Clone(lines), 6, 7), nil) // a revocation
	changed := bytes.Clone(journal)
	changed[bytes.Index(changed, []byte(`"op":"revoke"`))+6] = 'x'
	other := bytes.Clone(journal) // a line of the right form
	copy(other[bytes.LastIndex(other, []byte(`"time":"2`))+8:], "1999")
	old := newAuthority(t, Options{})
	for name, c := range map[string]struct {
		changes map[string][]byte
		names   string
	}{
		"a line taken out":          {map[string][]byte{journalFile: without}, journalFile},
		"a line taken out, no head": {map[string][]byte{journalFile: without, headFile: nil}, headFile},
		"a line changed":            {map[string][]byte{journalFile: changed}, journalFile},
		"a line that can be read":   {map[string][]byte{journalFile: other}, journalFile + " was changed"},
		"no head":                   {map[string][]byte{headFile: nil}, headFile},
		"an empty head":             {map[string][]byte{headFile: {}}, headFile},
		"a list that is garbage":    {map[string][]byte{listFile: []byte("garbage")}, listFile},
		"a list of another":         {map[string][]byte{listFile: listOf(t, old)}, listFile},
		"an older journal and head": {map[string][]byte{journalFile: journal[:len(lines[0])],
			headFile: mustHead(t, lines[0])}, journalFile},
		"a journal of no authority": {map[string][]byte{journalFile: []byte("{}\n")}, journalFile},
		"a journal of empty lines":  {map[string][]byte{journalFile: []byte("\n\n\n")}, journalFile},
		"settings without a head": {map[string][]byte{settingsFile: withoutHead(w), headFile: nil,
			journalFile: without}, journalFile},
		"an old folder, empty": {map[string][]byte{settingsFile: withoutHead(w), headFile: nil,
			journalFile: {}}, journalFile},
		"an old folder, its first": {map[string][]byte{settingsFile: withoutHead(w), headFile: nil,
			journalFile: lines[0]}, journalFile},
		"an old folder, no journal": {map[string][]byte{settingsFile: withoutHead(w), headFile: nil,
			journalFile: nil}, journalFile},
		"the head of a shorter time": {map[string][]byte{headFile: mustHead(t, []byte("{}\n"))},
			journalFile},
	} {
		w.restore(t, c.changes)
		w.refuses(t, name, c.names)
		w.mended(t, name)
	}
}

func listOf(t *testing.T, a *Authority) []byte {
	t.Helper()
	if _, err := a.CRL(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(a.Dir(), listFile))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustHead(t *testing.T, line []byte) []byte {
	t.Helper()
	data, err := firstHead(line)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// withoutHead are the settings of a folder that an earlier version made.
func withoutHead(w *ward) []byte {
	return bytes.Replace(w.files[settingsFile], []byte(`"head": true`), []byte(`"head": false`), 1)
}

// TestRepairNeverTakesBack has the list go too: what neither file has must be
// named, and is counted.
func TestRepairNeverTakesBack(t *testing.T) {
	w := newWard(t)
	lines := bytes.SplitAfter(w.files[journalFile], []byte("\n"))
	cut := bytes.Join(lines[:6], nil) // one revocation of three
	w.restore(t, map[string][]byte{journalFile: cut, listFile: nil})
	if _, err := w.open(t).Repair(Repairs{}); err == nil ||
		!strings.Contains(err.Error(), "2 of 3 revocations") {
		t.Errorf("two are lost: %v", err)
	}
	if _, err := w.open(t).Repair(Repairs{Revoked: []string{"xyz"}}); err == nil ||
		!strings.Contains(err.Error(), "not a serial number") {
		t.Errorf("a bad serial number: %v", err)
	}
	now, err := os.ReadFile(filepath.Join(w.dir, journalFile))
	if err != nil || !bytes.Equal(now, cut) {
		t.Errorf("a repair that failed changed the journal: %v", err)
	}
	report, err := w.open(t).Repair(Repairs{Revoked: w.revoked})
	if err != nil || report.Revoked != 2 || report.Kept != 6 {
		t.Errorf("%+v, %v", report, err)
	}
	for _, serial := range w.revoked {
		if r, err := w.open(t).Find(serial); err != nil || r.Status != StatusRevoked {
			t.Errorf("%+v, %v", r, err)
		}
	}
	// Without head and list there is no way to know.
	w.restore(t, map[string][]byte{journalFile: cut, listFile: nil, headFile: nil})
	if _, err := w.open(t).Repair(Repairs{Revoked: w.revoked}); err == nil ||
		!strings.Contains(err.Error(), "what was revoked is not known") {
		t.Errorf("neither head nor list: %v", err)
	}
	// A certificate that is found again keeps its revocation.
	w.restore(t, map[string][]byte{journalFile: nil})
	stranger := newAuthority(t, Options{})
	foreign, _, err := stranger.Issue(Request{Names: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.open(t).Repair(Repairs{Certificates: [][]byte{foreign.Chain[0]}})
	if !errors.Is(err, ErrUnknownCertificate) {
		t.Errorf("a certificate of another authority: %v", err)
	}
	report, err = w.open(t).Repair(Repairs{Certificates: [][]byte{certificatePEM(w.leaf.Raw)}})
	if err != nil || report.Found != 1 || report.Unknown == 0 {
		t.Errorf("%+v, %v", report, err)
	}
	r, err := w.open(t).FindCertificate(w.leaf.Raw)
	if err != nil || r.Status != StatusRevoked || len(r.Names) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	report, err = w.open(t).Repair(Repairs{})
	if err != nil || report.Previous != "" {
		t.Errorf("nothing was wrong: %+v, %v", report, err)
	}
}

// TestRepairedMeanwhile has a process that knows a revocation see the folder
// repaired, with and without it.
func TestRepairedMeanwhile(t *testing.T) {
	w := newWard(t)
	old := w.open(t)
	if _, err := old.List(); err != nil {
		t.Fatal(err)
	}
	w.restore(t, map[string][]byte{journalFile: w.files[journalFile][:1000]})
	if err := old.Check(); !errors.Is(err, ErrDamaged) {
		t.Errorf("cut: %v", err)
	}
	w.mended(t, "cut meanwhile")
	if err := old.Check(); err != nil {
		t.Errorf("after a repair: %v", err)
	}
	if r, err := old.Find(w.revoked[2]); err != nil || r.Status != StatusRevoked {
		t.Errorf("%+v, %v", r, err)
	}
	other := newAuthority(t, Options{})
	for name := range w.files {
		if data, err := os.ReadFile(filepath.Join(other.Dir(), name)); err == nil {
			w.files[name] = data
		}
	}
	w.restore(t, nil)
	if err := old.Check(); !errors.Is(err, ErrDamaged) {
		t.Errorf("revocations went away: %v", err)
	}
}

// TestCrashBetweenJournalAndHead leaves each trace that a crash can leave.
func TestCrashBetweenJournalAndHead(t *testing.T) {
	w := newWard(t)
	before := w.files[headFile]
	if _, _, err := w.open(t).Issue(Request{Names: []string{"localhost"}}); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(w.dir, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []int{len(w.files[journalFile]) + 1, len(after) - 1, len(after)} {
		w.restore(t, map[string][]byte{journalFile: after[:end], headFile: before})
		for range 2 {
			if _, _, err := w.open(t).Issue(Request{Names: []string{"localhost"}}); err != nil {
				t.Errorf("%d of %d bytes: %v", end, len(after), err)
			}
		}
		if all, err := w.open(t).List(); err != nil || len(all) != 6+end/len(after) {
			t.Errorf("%d of %d bytes: %d records, %v", end, len(after), len(all), err)
		}
	}
}

// TestListNumberGrows removes the list and sets the clock back.
func TestListNumberGrows(t *testing.T) {
	w := newWard(t)
	a := w.open(t)
	first, err := x509.ParseRevocationList(listOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.dir, listFile)); err != nil {
		t.Fatal(err)
	}
	a = w.open(t)
	a.now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	second, err := x509.ParseRevocationList(listOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	if second.Number.Cmp(first.Number) <= 0 || len(second.RevokedCertificateEntries) != 3 {
		t.Errorf("%v after %v, with %d entries", second.Number, first.Number,
			len(second.RevokedCertificateEntries))
	}
}

// TestListNumberGrowsWithoutHead has the list alone know the last number, in a
// folder of an earlier version.
func TestListNumberGrowsWithoutHead(t *testing.T) {
	w := newWard(t)
	before, err := x509.ParseRevocationList(w.files[listFile])
	if err != nil {
		t.Fatal(err)
	}
	w.restore(t, map[string][]byte{settingsFile: withoutHead(w), headFile: nil})
	a := w.open(t)
	a.now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	after, err := x509.ParseRevocationList(listOf(t, a))
	if err != nil {
		t.Fatal(err)
	}
	if after.Number.Cmp(before.Number) <= 0 {
		t.Errorf("%v after %v", after.Number, before.Number)
	}
}

// TestOldFolder opens a folder of an earlier version: it works on, and has a
// head after the first write.
func TestOldFolder(t *testing.T) {
	w := newWard(t)
	w.restore(t, map[string][]byte{settingsFile: withoutHead(w), headFile: nil})
	a := w.open(t)
	if all, err := a.List(); err != nil || len(all) != 4 {
		t.Fatalf("%d, %v", len(all), err)
	}
	if _, err := a.CRL(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.dir, headFile)); err != nil {
		t.Fatal(err)
	}
	if err := w.open(t).Check(); !errors.Is(err, ErrDamaged) {
		t.Errorf("the head is gone: %v", err)
	}
	// A leaf that is kept tells of a cut too.
	a = newAuthority(t, Options{})
	if _, err := a.ForNames("localhost"); err != nil {
		t.Fatal(err)
	}
	w = &ward{dir: a.Dir(), files: map[string][]byte{}}
	for _, name := range []string{settingsFile, journalFile, headFile} {
		data, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		w.files[name] = data
	}
	first := bytes.SplitAfter(w.files[journalFile], []byte("\n"))[0]
	w.restore(t, map[string][]byte{settingsFile: withoutHead(w), headFile: nil, journalFile: first})
	if _, err := w.open(t).CRL(); !errors.Is(err, ErrDamaged) ||
		!strings.Contains(err.Error(), "it lacks the certificate in ") {
		t.Errorf("a leaf without a record: %v", err)
	}
}

// TestNoSettings has authority.json go: a new authority must not take its place.
func TestNoSettings(t *testing.T) {
	w := newWard(t)
	w.restore(t, map[string][]byte{settingsFile: nil})
	for name, open := range map[string]func() (*Authority, error){
		"Open":         func() (*Authority, error) { return Open(w.dir) },
		"Create":       func() (*Authority, error) { return Create(w.dir, Options{}) },
		"OpenOrCreate": func() (*Authority, error) { return OpenOrCreate(w.dir, Options{}) },
	} {
		if _, err := open(); err == nil || errors.Is(err, ErrNotExist) ||
			!strings.Contains(err.Error(), settingsFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, err := os.ReadFile(filepath.Join(w.dir, journalFile)); err != nil ||
		!bytes.Equal(now, w.files[journalFile]) {
		t.Errorf("the journal changed: %v", err)
	}
}
