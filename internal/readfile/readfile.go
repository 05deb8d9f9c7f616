// Package readfile reads whole files whose size and kind another party decides.
// What it returns is bounded, and no call waits for a pipe without an end that
// its caller can choose.
package readfile

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// TooLargeError is the error for a file that is longer than was asked for.
type TooLargeError struct {
	Path string
	Most int64 // bytes
}

// Error names the file and the bound.
func (e *TooLargeError) Error() string {
	const mebi = 1 << 20
	if e.Most%mebi == 0 {
		return fmt.Sprintf("%s has more than %d MiB", e.Path, e.Most/mebi)
	}
	return fmt.Sprintf("%s has more than %d bytes", e.Path, e.Most)
}

// Regular reads a regular file of at most most bytes. It refuses everything
// else, such as pipes and devices, without waiting for it: it suits files that
// are read again and again.
func Regular(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bounded(f, path, most)
}

// Open opens a regular file to read from it, and refuses everything else
// without waiting for it.
func Open(path string) (*os.File, error) { return open(path, os.OpenFile) }

// OpenBelow is Open for a file below root, which no symbolic link leads out of.
func OpenBelow(root *os.Root, name string) (*os.File, error) { return open(name, root.OpenFile) }

func open(
	path string, with func(name string, flag int, perm fs.FileMode) (*os.File, error),
) (*os.File, error) {
	f, err := with(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		err = irregular(path)
	default:
		return f, nil
	}
	f.Close()
	return nil, err
}

// Check returns the error of Open for the first file that is a pipe, a socket or a device. It opens
// none: it suits files that another function reads, which would wait for a pipe.
func Check(paths ...string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			return irregular(path)
		}
	}
	return nil
}

func irregular(path string) error {
	return fmt.Errorf("%s is a pipe, a socket or a device: expected a regular file", path)
}

// Read reads a file of at most most bytes, also from a pipe. It waits for what a
// pipe brings until ctx is done, and then returns the context's cause. A call
// that waits for the other end of a named pipe leaves a goroutine behind, which
// ends when that end is opened.
func Read(ctx context.Context, path string, most int64) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read(ctx, path, most)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return r.data, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func read(ctx context.Context, path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { f.Close() }) // ends a read that waits
	defer stop()
	return bounded(f, path, most)
}

func bounded(f *os.File, path string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, &TooLargeError{Path: path, Most: most}
	}
	return data, nil
}
