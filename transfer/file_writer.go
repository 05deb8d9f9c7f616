package transfer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sealsock/sealsock/internal/safename"
)

// A FileWriter stores one file that a peer sends over another protocol, as [Receive] does: its
// name appears when the file is complete, and replaces none.
type FileWriter struct {
	store *store
	file  *storing
	name  string
}

// CreateFile begins a file of size bytes in the folder dir. If the name is taken, a number is
// added to it. The error has ErrName for an unsafe name, and ErrSpace for a full disk.
func CreateFile(ctx context.Context, dir, name string, size int64) (*FileWriter, error) {
	if err := safename.CheckPart(name); err != nil {
		return nil, fmt.Errorf("transfer: %w: %w", ErrName, err)
	}
	const attempts = 1000
	extension := filepath.Ext(name)
	base := strings.TrimSuffix(name, extension)
	for n := 1; n <= attempts; n++ {
		free := name
		if n > 1 {
			free = fmt.Sprintf("%s-%d%s", base, n, extension)
		}
		w, err := createFile(ctx, dir, free, size)
		if !errors.Is(err, ErrExists) && !errors.Is(err, errBusy) {
			return w, err
		}
	}
	return nil, fmt.Errorf("transfer: %s and %d names like it: %w", name, attempts, ErrExists)
}

func createFile(ctx context.Context, dir, name string, size int64) (*FileWriter, error) {
	l := new(list)
	if err := l.add(entry{kind: entryFile, size: size, name: name}); err != nil {
		return nil, err
	}
	s, err := openStore(ctx, dir, l)
	if err != nil {
		return nil, err
	}
	if len(s.existing()) > 0 || s.done[0] {
		err = ErrExists
	} else if err = s.prepare(false); err == nil {
		var file *storing
		if file, err = s.begin(0, 0); err == nil {
			return &FileWriter{s, file, name}, nil
		}
	}
	s.close()
	return nil, err
}

func (w *FileWriter) usable() bool { return w != nil && w.file != nil }

// Name returns the name that the file gets.
func (w *FileWriter) Name() string {
	if !w.usable() {
		return ""
	}
	return w.name
}

// Write adds to the file.
func (w *FileWriter) Write(p []byte) (int, error) {
	if !w.usable() {
		return 0, errNotMade
	}
	if err := w.file.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Commit writes the file to the disk and gives it its name. It is an error if size bytes were
// not written, or if a file of that name has appeared.
func (w *FileWriter) Commit() error {
	if !w.usable() {
		return errNotMade
	}
	if err := w.file.end(w.file.sum.Sum(nil)); err != nil {
		return err
	}
	return w.store.finish()
}

// Close ends the use of the file. If it was not committed, it is removed.
func (w *FileWriter) Close() error {
	if !w.usable() {
		return errNotMade
	}
	w.file.file.Close()
	w.store.closeFiles()
	err := w.store.root.RemoveAll(w.store.folder)
	w.store.close()
	return fileError(err)
}

// errBusy: another process receives a file of this name and size.
var errBusy = errors.New("another process receives these files into this folder")
