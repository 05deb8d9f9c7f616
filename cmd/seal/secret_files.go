package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// readSecret reads a file that a flag named and that holds secrets. Others who may
// read it too are a reason to warn.
func readSecret(out *output, flag, name string, limit int64) ([]byte, error) {
	f, err := os.Open(name) // see interruptibly
	if err != nil {
		return nil, unreadableSecret(flag, name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, unreadableSecret(flag, name, err)
	}
	if accessibleToOthers(info) {
		out.warn("%s %s contains secrets, and other users can read or change it: run chmod 600 on it", flag, name)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, unreadableSecret(flag, name, err)
	case int64(len(data)) > limit:
		return nil, failed(nil, "%s %s has more than %d bytes", flag, name, limit).hinted("check the name: such a file is far shorter")
	}
	return data, nil
}

// accessibleToOthers reports whether others than its owner may read or change a file.
func accessibleToOthers(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows"
}

// unreadableSecret is the problem of a secret file that cannot be read.
func unreadableSecret(flag, name string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return failed(err, "%s %s cannot be read by this user: permission denied", flag, name).hinted("the file contains secrets: run this as its owner, or create your own file")
	}
	return unreadable(flag, name, err, "name a file")
}

// replaceSecret replaces a file as a whole, so that a crash leaves the old one or the
// new one. Only its owner may read it.
func replaceSecret(name string, data []byte) error {
	return replaceFile(name, data, func(*os.File) error { return nil })
}

// replaceFile gives data the name of an old file once it is on the disk. prepare adapts the new
// file, whose mode is 0600.
func replaceFile(name string, data []byte, prepare func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".seal-*")
	if err != nil {
		return err
	}
	if err = prepare(f); err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// replaceKept replaces what has a name as a whole, so that a crash or a full disk leaves the old
// file or the new one. Mode and owner of a file stay, and a symbolic link stays one; mode is for a
// link to nothing. What is no regular file, such as /dev/stdout, is written to.
func replaceKept(name string, data []byte, mode fs.FileMode) error {
	old, err := os.Stat(name)
	if err != nil {
		return replaceFile(name, data, func(f *os.File) error { return f.Chmod(mode) })
	}
	if !old.Mode().IsRegular() {
		return writeInto(name, data)
	}
	if name, err = filepath.EvalSymlinks(name); err != nil {
		return err
	}
	return replaceFile(name, data, func(f *os.File) error {
		return errors.Join(keepOwner(f, old), f.Chmod(old.Mode().Perm()))
	})
}

// writeInto writes to what has a name, without another one in its place.
func writeInto(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
