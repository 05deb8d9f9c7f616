//go:build unix

package transfer

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOtherKind: what is no file, such as a device, is not replaced, also if it appears while
// the files are received and the receiver replaces files.
func TestOtherKind(t *testing.T) {
	kinds := map[fs.FileMode]func(name string) error{
		fs.ModeNamedPipe: func(name string) error { return syscall.Mkfifo(name, 0o600) },
		fs.ModeSymlink:   func(name string) error { return os.Symlink("elsewhere", name) },
		fs.ModeSocket: func(name string) error {
			l, err := net.Listen("unix", name)
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		},
	}
	for kind, create := range kinds {
		for _, late := range []bool{false, true} {
			dir, err := os.MkdirTemp("", "x") // a socket needs a short name
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			name := filepath.Join(dir, "x")
			own := func() {
				if err := create(name); err != nil {
					t.Error(err)
				}
			}
			if !late {
				own()
			}
			err = receiveOver(t, dir, func() {
				if late {
					own()
				}
			})
			info, failed := os.Lstat(name)
			if !errors.Is(err, ErrExists) || failed != nil || info.Mode().Type() != kind {
				t.Errorf("%v, late %v: %v, and then there is %v, %v", kind, late, err, info, failed)
			}
		}
	}
}

// receiveOver sends a file of the name x to dir, and calls meanwhile when it was accepted.
func receiveOver(t *testing.T, dir string, meanwhile func()) error {
	t.Helper()
	a, b := net.Pipe()
	sent := make(chan struct{})
	from := t.TempDir()
	write(t, from, map[string][]byte{"x": []byte("other")})
	files := scan(t, from, "x")
	go func() {
		defer close(sent)
		SendTo(context.Background(), a, files, nil)
	}()
	_, err := ReceiveFrom(context.Background(), b, ReceiveOptions{Dir: dir,
		Accept: func(context.Context, *Offer) (bool, error) {
			meanwhile()
			return true, nil
		}})
	b.Close()
	<-sent
	return err
}
