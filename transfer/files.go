package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/sealsock/sealsock/internal/readfile"
)

// Files are the files and folders that a sender offers. They are not changed after [Scan], and
// any number of transfers may use them.
type Files struct {
	list   list
	places []place // of the entries
	// Skipped has the names in folders that are not sent: what is neither a file nor a
	// folder, such as a symbolic link.
	Skipped []string
}

// A place is where an entry is: in a folder that is sent, or, if folder is empty, at a path.
type place struct{ folder, name string }

// Scan looks at files and folders. A folder is sent with all that is in it, except for what is
// neither a file nor a folder. Each is received under the last part of its name.
func Scan(ctx context.Context, names ...string) (*Files, error) {
	f := new(Files)
	for _, name := range names {
		if err := f.scan(ctx, name); err != nil {
			return nil, err
		}
	}
	if len(f.list.entries) == 0 {
		return nil, fmt.Errorf("transfer: there is nothing to send: %w", os.ErrInvalid)
	}
	return f, nil
}

func (f *Files) scan(ctx context.Context, name string) error {
	if name == "" { // which filepath.Abs takes for the working directory
		return fmt.Errorf("transfer: the name of a file is empty: %w", os.ErrInvalid)
	}
	full, err := filepath.Abs(name)
	if err != nil {
		return fmt.Errorf("%w: %w", errFile, err)
	}
	info, err := os.Stat(full) // a link that was named is followed
	if err != nil {
		return fmt.Errorf("%w: %w", errFile, err)
	}
	base := filepath.Base(full)
	if full, err = filepath.EvalSymlinks(full); err != nil {
		return fmt.Errorf("%w: %w", errFile, err)
	}
	if !info.IsDir() {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("transfer: %s is %w", name, ErrKind)
		}
		return f.add(base, place{name: full}, info)
	}
	return filepath.WalkDir(full, func(at string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errFile, err)
		}
		return f.walked(full, base, at, d)
	})
}

// walked adds what is at a path below a folder, which is sent under another name.
func (f *Files) walked(folder, as, at string, d fs.DirEntry) error {
	rel, err := filepath.Rel(folder, at)
	if err != nil {
		return fmt.Errorf("%w: %w", errFile, err)
	}
	name := path.Join(as, filepath.ToSlash(rel))
	info, err := d.Info()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // it was removed meanwhile
	case err != nil:
		return fmt.Errorf("%w: %w", errFile, err)
	case !info.IsDir() && !info.Mode().IsRegular():
		f.Skipped = append(f.Skipped, name)
		return nil
	}
	return f.add(name, place{folder, rel}, info)
}

func (f *Files) add(name string, at place, info fs.FileInfo) error {
	e := entry{kind: entryFile, size: info.Size(), modified: info.ModTime().Unix(), name: name}
	switch {
	case info.IsDir():
		e.kind, e.size = entryFolder, 0
	case info.Mode().Perm()&0o100 != 0:
		e.kind = entryExecutable
	}
	if err := f.list.add(e); err != nil {
		return err
	}
	f.places = append(f.places, at)
	return nil
}

// open opens the file of an entry. Others may write to its folder as well: what has taken the place
// of the file since it was offered is not sent, if it is another kind of file, and no link leads
// out of a folder.
func (f *Files) open(i int) (*os.File, error) {
	at, lstat, open := f.places[i], os.Lstat, readfile.Open
	if at.folder != "" {
		root, err := os.OpenRoot(at.folder)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errFile, err)
		}
		defer root.Close()
		lstat = root.Lstat
		open = func(name string) (*os.File, error) { return readfile.OpenBelow(root, name) }
	}
	info, err := lstat(at.name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFile, err)
	}
	e := &f.list.entries[i]
	changed := fmt.Errorf("transfer: %s: %w", e.name, ErrChanged)
	if !info.Mode().IsRegular() {
		return nil, changed
	}
	file, err := open(at.name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFile, err)
	}
	opened, err := file.Stat()
	switch {
	case err != nil:
		err = fmt.Errorf("%w: %w", errFile, err)
	case !os.SameFile(info, opened) || opened.Size() != e.size:
		err = changed
	default:
		return file, nil
	}
	file.Close()
	return nil, err
}

func (f *Files) usable() bool { return f != nil && len(f.list.entries) > 0 }

// Bytes returns the size of all files in bytes.
func (f *Files) Bytes() int64 {
	if f == nil {
		return 0
	}
	return f.list.bytes
}

// Count returns the number of files, without folders.
func (f *Files) Count() int {
	if f == nil {
		return 0
	}
	return f.list.files()
}
