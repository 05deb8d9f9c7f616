package authority

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/filelock"
	"github.com/sealsock/sealsock/internal/readfile"
)

// tempPrefix begins the names of files being written.
const tempPrefix = ".new-"

// The bounds on files of the folder, in bytes.
const (
	maxSettings    = 64 << 10
	maxCertificate = 64 << 10
	maxList        = 64 << 20
	maxAccountFile = 4 << 10
)

// readFile reads a file of the folder, which is a regular one.
func readFile(path string, most int64) ([]byte, error) { return readfile.Regular(path, most) }

// used reports whether a folder without settings holds more than what a
// creation leaves that was cut off: a list, a leaf, or a second line in the
// journal.
func used(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, listFile)); err == nil {
		return true
	}
	leaves, _ := filepath.Glob(filepath.Join(dir, leavesDir, "*.pem"))
	if len(leaves) > 0 {
		return true
	}
	data, err := readFile(filepath.Join(dir, journalFile), maxSettings)
	return bytes.Count(data, []byte("\n")) > 1 || err != nil && !errors.Is(err, fs.ErrNotExist)
}

// writeFile replaces a file so that a crash leaves the old one or the new one,
// whole, with mode 0600. If the user may, it keeps the owner: an administrator
// who writes to the folder of another user must not lock that user out.
func writeFile(path string, data []byte) error {
	return replaceFile(path, data, func(f *os.File, old fs.FileInfo) error {
		if old != nil {
			_ = keepOwner(f, old)
		}
		return f.Chmod(0o600)
	})
}

// replaceKept is writeFile for a file that others use: mode and owner of an
// existing file stay, and a symbolic link stays one. If that is not permitted,
// the old file stays.
func replaceKept(path string, data []byte) error {
	s, err := stageKept(path, data)
	if err != nil {
		return err
	}
	return s.commit()
}

// stageKept is replaceKept up to the point where the old file is replaced.
func stageKept(path string, data []byte) (*staged, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return stage(path, data, func(f *os.File, old fs.FileInfo) error {
		if old == nil {
			return f.Chmod(0o600)
		}
		if err := keepOwner(f, old); err != nil {
			return fmt.Errorf("%s belongs to another user or group, which only the administrator "+
				"can keep: %w", path, err)
		}
		return f.Chmod(old.Mode().Perm())
	})
}

// replaceFile writes data to a new file, which prepare adapts to the old one (nil
// if there is none), and gives it the name of the old one.
func replaceFile(path string, data []byte, prepare func(*os.File, fs.FileInfo) error) error {
	s, err := stage(path, data, prepare)
	if err != nil {
		return err
	}
	return s.commit()
}

// errNotRegular is the error about a device, a pipe or a folder in the place of a file.
var errNotRegular = errors.New("not a regular file")

// A staged file is on the disk under another name, and has yet to get its own.
type staged struct{ temp, path string }

// stage writes the file. The caller calls commit or discard.
func stage(
	path string, data []byte, prepare func(*os.File, fs.FileInfo) error,
) (*staged, error) {
	old, err := os.Stat(path)
	switch {
	case err != nil:
		old = nil
	case !old.Mode().IsRegular(): // the new file would take the place of a device, for all programs
		return nil, &fs.PathError{Op: "replace", Path: path, Err: errNotRegular}
	}
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix+"*")
	if err != nil {
		return nil, err
	}
	if err = prepare(f, old); err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	s := &staged{f.Name(), path}
	if err = errors.Join(err, f.Close()); err != nil {
		s.discard()
		return nil, err
	}
	return s, nil
}

// commit gives the file its name.
func (s *staged) commit() error {
	if err := os.Rename(s.temp, s.path); err != nil {
		s.discard()
		return err
	}
	return syncFolder(filepath.Dir(s.path))
}

func (s *staged) discard() { os.Remove(s.temp) }

// setAside renames a file that cannot be used.
func setAside(path string, now time.Time) error {
	return os.Rename(path, path+".damaged-"+now.Format("20060102T150405.000000000"))
}

// lockPatience is how long a call waits for others, in this process and in another that writes
// to the folder. Tests change it.
var lockPatience = 30 * time.Second

// lockFile is the file that a process locks while it writes to the folder. It
// holds the number of that process.
const lockFile = "lock"

// lock waits for the calls before this one, and starts the patience of this one, which its
// waiting for the folder counts to as well: while another process holds the folder, a queue of
// calls waits no longer than one of them. unlock ends the use of a.
func (a *Authority) lock() error {
	until := time.Now().Add(lockPatience)
	timer := time.NewTimer(lockPatience)
	defer timer.Stop()
	select {
	case a.mu <- struct{}{}:
		a.until = until
		return nil
	case <-timer.C:
	}
	return fmt.Errorf("the authority in %s is busy: other calls have used it for %v: try again: %w",
		a.dir, lockPatience, filelock.ErrHeld)
}

func (a *Authority) unlock() { <-a.mu }

// lockToWrite is lock, lockFolder and loadToWrite.
func (a *Authority) lockToWrite() (unlock func(), err error) {
	if err := a.lock(); err != nil {
		return nil, err
	}
	folder, err := a.lockFolder()
	if err == nil {
		if err = a.loadToWrite(); err == nil {
			return func() { folder(); a.unlock() }, nil
		}
		folder()
	}
	a.unlock()
	return nil, err
}

// lockFolder is lockFolder for what is left of the patience of this call.
func (a *Authority) lockFolder() (unlock func(), err error) {
	return lockFolder(a.dir, time.Until(a.until))
}

// lockFolder waits until no other process writes to the folder, for
// patience, and removes what a crashed one left half-written.
func lockFolder(dir string, patience time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := filelock.Lock(ctx, f); err != nil {
		f.Close()
		return nil, lockError(f.Name(), err)
	}
	if f.Truncate(0) == nil {
		fmt.Fprintln(f, os.Getpid()) // for the error of others only
	}
	if entries, err := os.ReadDir(dir); err == nil {
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), tempPrefix) {
				_ = os.Remove(filepath.Join(dir, e.Name()))
			}
		}
	}
	return func() { f.Close() }, nil // closing releases the lock
}

// lockError names the process that holds the lock.
func lockError(path string, err error) error {
	if !errors.Is(err, filelock.ErrHeld) {
		return &os.PathError{Op: "lock", Path: path, Err: err}
	}
	holder := "another process"
	if data, err := readFile(path, maxSettings); err == nil {
		if number, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
			holder = fmt.Sprintf("process %d", number)
		}
	}
	return fmt.Errorf("%s has held %s for %v: try again when it has ended, or end it: %w", holder,
		path, lockPatience, filelock.ErrHeld)
}
