package transfer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/filelock"
	"github.com/sealsock/sealsock/internal/newname"
	"github.com/sealsock/sealsock/internal/readfile"
	"github.com/sealsock/sealsock/internal/safename"
)

// A store has the files that are received into a folder. What is unfinished is in a folder of
// its own below, whose name follows from the list of files, so that another attempt finds it:
//
//	.seal-partial-…/lock    locked while a process receives
//	.seal-partial-…/done    the numbers of files that were moved to their names
//	.seal-partial-…/0, 1 …  files that are not complete, by their number in the list
//
// All access is below one os.Root, so that no link leads out of it.
type store struct {
	list      *list
	root      *os.Root
	folder    string
	overwrite bool
	late      bool // overwrite counts for files that appear meanwhile, too

	lock *os.File
	log  *os.File
	done map[int]bool
	// sums has the hashes of what is there of unfinished files, haves what is there of all.
	sums  map[int]hash.Hash
	haves map[int]have

	pending      []pendingFile
	pendingBytes int64                // of those
	waiting      time.Time            // since when the first of them waits
	patience     time.Duration        // how long it may wait for others
	sync         func(*os.File) error // writes a file to the disk
	stored       func(name string)    // is called for a file that has its name; may be nil

	replaced map[int]bool // files of other transfers that are there
	merged   []string     // folders of others that are there and are not in a folder
}

// fileError is an error of the file system.
func fileError(err error) error {
	switch {
	case err == nil:
		return nil
	case diskFull(err):
		return fmt.Errorf("transfer: %w: %w", ErrSpace, err)
	}
	return fmt.Errorf("%w: %w", errFile, err)
}

// openStore looks at what is there, and changes nothing.
func openStore(ctx context.Context, dir string, l *list) (*store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fileError(err)
	}
	h := sha256.New()
	for i := range l.entries {
		h.Write(l.entries[i].append(nil))
	}
	s := &store{
		list: l, root: root, folder: safename.PartialPrefix + hex.EncodeToString(h.Sum(nil)[:16]),
		done: make(map[int]bool), sums: make(map[int]hash.Hash), haves: make(map[int]have),
		replaced: make(map[int]bool), sync: (*os.File).Sync,
		patience: time.Second,
	}
	if err := s.survey(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// survey finds what is there of this transfer and of others.
func (s *store) survey(ctx context.Context) error {
	info, err := s.root.Lstat(s.folder)
	again := err == nil && info.IsDir()
	if again {
		if err := s.acquire(); err != nil {
			return err
		}
		s.readDone()
	}
	for i := range s.list.entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e := &s.list.entries[i]
		there, err := s.there(e)
		if err == nil && again && e.isFile() {
			there, err = s.surveyFile(ctx, i, there)
		}
		if err != nil {
			return err
		}
		if there {
			s.noteForeign(i, again)
		}
	}
	return nil
}

// noteForeign notes a file or a folder that is there and is not of this transfer. An earlier
// attempt may have made the folders.
func (s *store) noteForeign(i int, again bool) {
	switch e := &s.list.entries[i]; {
	case e.isFile():
		s.replaced[i] = true
	case !again && !strings.Contains(e.name, "/"):
		s.merged = append(s.merged, e.name)
	}
}

// there reports whether an entry's name is taken. It is an error if it cannot be replaced.
func (s *store) there(e *entry) (bool, error) {
	info, err := s.root.Lstat(filepath.FromSlash(e.name))
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotFolder):
		return false, nil
	case err != nil:
		return false, fileError(err)
	case e.isFile() && !info.Mode().IsRegular() || !e.isFile() && !info.IsDir():
		return false, fmt.Errorf("transfer: %s: %w, and is of another kind", e.name, ErrExists)
	}
	return true, nil
}

// surveyFile looks for what an earlier attempt has of a file. It reports whether a file of
// that name is there which is not this transfer's.
func (s *store) surveyFile(ctx context.Context, i int, there bool) (foreign bool, err error) {
	name := s.partName(i)
	if s.done[i] {
		if !there {
			delete(s.done, i)
			return false, nil
		}
		name = filepath.FromSlash(s.list.entries[i].name)
	}
	sum, length, err := s.hashFile(ctx, name, s.list.entries[i].size)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return there, nil
	case err != nil:
		return false, err
	case s.done[i] && length != s.list.entries[i].size:
		delete(s.done, i)
		return true, nil
	}
	if length > 0 || s.done[i] {
		h := have{entry: uint32(i), length: length}
		sum.Sum(h.sum[:0])
		s.haves[i] = h
	}
	if !s.done[i] {
		s.sums[i] = sum
	}
	return there && !s.done[i], nil
}

// hashFile returns the hash and the length of a file. One that is longer than it should be
// counts as empty.
func (s *store) hashFile(ctx context.Context, name string, size int64) (hash.Hash, int64, error) {
	f, err := readfile.OpenBelow(s.root, name)
	if err != nil {
		return nil, 0, fileError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, 0, fileError(err)
	case info.Size() > size:
		return sha256.New(), 0, nil
	}
	sum := sha256.New()
	if err := hashBegin(ctx, sum, f, info.Size()); err != nil {
		return nil, 0, err
	}
	return sum, info.Size(), nil
}

func (s *store) partName(i int) string {
	return filepath.Join(s.folder, strconv.Itoa(i))
}

// acquire takes the lock of the folder for unfinished files, which is made if it is not there.
func (s *store) acquire() error {
	if s.lock != nil {
		return nil
	}
	if err := s.root.MkdirAll(s.folder, 0o700); err != nil {
		return fileError(err)
	}
	f, err := s.root.OpenFile(filepath.Join(s.folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fileError(err)
	}
	err = filelock.TryLock(f)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		f.Close()
		return fmt.Errorf("transfer: %w: %w", errBusy, fileError(err))
	}
	s.lock = f
	return nil
}

// readDone reads which files were moved to their names. What is damaged counts as not moved.
func (s *store) readDone() {
	f, err := readfile.OpenBelow(s.root, filepath.Join(s.folder, "done"))
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 16*MaxEntries))
	for lines.Scan() {
		i, err := strconv.Atoi(string(bytes.TrimSpace(lines.Bytes())))
		if err == nil && i >= 0 && i < len(s.list.entries) && s.list.entries[i].isFile() {
			s.done[i] = true
		}
	}
}

// existing returns the names of files that are there and are not this transfer's.
func (s *store) existing() []string {
	var all []string
	for i := range s.list.entries {
		if s.replaced[i] {
			all = append(all, s.list.entries[i].name)
		}
	}
	return all
}

// unasked returns the name of a file that is there, and that the receiver was not asked about with
// before and has not agreed to replace; or "".
func (s *store) unasked(before *store) string {
	for i := range s.list.entries {
		if s.replaced[i] && !before.replaced[i] && !before.late {
			return s.list.entries[i].name
		}
	}
	return ""
}

// offer describes what was found.
func (s *store) offer() *Offer {
	return &Offer{Files: s.list.files(), Bytes: s.list.bytes, Names: s.list.tops(),
		Existing: s.existing(), Folders: s.merged, Present: s.list.bytes - s.missing()}
}

// missing returns how many bytes are not there yet.
func (s *store) missing() int64 {
	n := s.list.bytes
	for _, h := range s.haves {
		n -= h.length
	}
	return n
}

// prepare makes the folders, if the disk has space for what is missing.
func (s *store) prepare(overwrite bool) error {
	s.overwrite = overwrite
	if free, ok := freeSpace(s.root.Name()); ok && uint64(s.missing()) > free {
		return fmt.Errorf("transfer: %w: %d bytes are missing, and %d are free", ErrSpace,
			s.missing(), free)
	}
	if err := s.acquire(); err != nil {
		return err
	}
	for i := range s.list.entries {
		if e := &s.list.entries[i]; !e.isFile() {
			if err := s.root.MkdirAll(filepath.FromSlash(e.name), 0o777); err != nil {
				return fileError(err)
			}
		}
	}
	var err error
	s.log, err = s.root.OpenFile(filepath.Join(s.folder, "done"),
		os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return fileError(err)
}

// begin opens an unfinished file behind its first offset bytes.
func (s *store) begin(i int, offset int64) (*storing, error) {
	perm := fs.FileMode(0o666)
	if s.list.entries[i].kind == entryExecutable {
		perm = 0o777
	}
	f, err := s.root.OpenFile(s.partName(i), os.O_RDWR|os.O_CREATE, perm)
	if err != nil {
		return nil, fileError(err)
	}
	w := &storing{store: s, entry: i, file: f, sum: sha256.New(), length: offset}
	if offset > 0 {
		w.sum = s.sums[i]
	}
	delete(s.sums, i)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrInvalid
	}
	if err == nil {
		err = f.Truncate(offset)
	}
	if err == nil {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fileError(err)
	}
	return w, nil
}

// A storing is a file that is being received.
type storing struct {
	store  *store
	entry  int
	file   *os.File
	sum    hash.Hash
	length int64
}

// write adds bytes to the file.
func (w *storing) write(b []byte) error {
	e := &w.store.list.entries[w.entry]
	if int64(len(b)) > e.size-w.length {
		return protocolError("%s is longer than in the list", e.name)
	}
	w.sum.Write(b)
	n, err := w.file.Write(b)
	w.length += int64(n)
	return fileError(err)
}

// end verifies the file, which then waits for its name. One with another checksum is removed.
func (w *storing) end(sum []byte) error {
	s, e := w.store, &w.store.list.entries[w.entry]
	if w.length != e.size {
		w.file.Close()
		return protocolError("%s is shorter than in the list", e.name)
	}
	if !bytes.Equal(w.sum.Sum(nil), sum) {
		w.file.Close()
		s.root.Remove(s.partName(w.entry))
		return fmt.Errorf("transfer: %s: %w: the file was removed; try again", e.name, ErrCorrupt)
	}
	return s.add(w)
}

// place moves a file to its name. It replaces a file that was there when the receiver agreed to
// that. One that has appeared since is replaced if the receiver was asked about none. A device,
// which all programs would lose, is not replaced.
func (s *store) place(part string, i int) error {
	e := &s.list.entries[i]
	name := filepath.FromSlash(e.name)
	if s.overwrite && (s.late || s.replaced[i]) {
		if _, err := s.there(e); err != nil {
			return err
		}
		return fileError(s.root.Rename(part, name))
	}
	err := newname.Move(s.root, part, name)
	if errors.Is(err, fs.ErrExist) {
		if s.same(part, name) {
			return fileError(s.root.Remove(part)) // linked by a process that ended then
		}
		return fmt.Errorf("transfer: %s: %w", e.name, ErrExists)
	}
	return fileError(err)
}

// same reports whether two names are of one file.
func (s *store) same(a, b string) bool {
	one, err := s.root.Lstat(a)
	two, err2 := s.root.Lstat(b)
	return err == nil && err2 == nil && os.SameFile(one, two)
}

// finish removes what was there for unfinished files, when all files have their names.
func (s *store) finish() error {
	if err := s.flush(); err != nil {
		return err
	}
	for i := range s.list.entries {
		if s.list.entries[i].isFile() && !s.done[i] {
			return protocolError("%s was not sent", s.list.entries[i].name)
		}
	}
	s.syncFolders()
	folder := s.folder
	s.closeFiles()
	return fileError(s.root.RemoveAll(folder))
}

// syncFolders makes the names last, where the system can do so.
func (s *store) syncFolders() {
	folders := map[string]bool{".": true}
	for i := range s.list.entries {
		folders[path.Dir(s.list.entries[i].name)] = true
	}
	for name := range folders {
		if f, err := s.root.Open(filepath.FromSlash(name)); err == nil {
			f.Sync()
			f.Close()
		}
	}
}

func (s *store) closeFiles() {
	if s.log != nil {
		s.log.Close()
	}
	if s.lock != nil {
		s.lock.Close()
	}
	s.log, s.lock = nil, nil
}

// close gives complete files their names, if that can be, and leaves unfinished ones where they
// are.
func (s *store) close() {
	s.flush() // another attempt, which verifies all that it finds, has the error
	s.closeFiles()
	s.root.Close()
}
