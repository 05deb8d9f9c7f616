//go:build unix

package transfer

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestSwapped: who may write to a folder that is sent cannot have another file of its sender sent,
// and cannot make the sender wait, by what takes the place of a file after it was offered.
func TestSwapped(t *testing.T) {
	const secret = "secret"
	for name, swap := range map[string]func(t *testing.T, dir, outside string) error{
		"a link in place of a file": func(_ *testing.T, dir, outside string) error {
			at := filepath.Join(dir, "tree", "sub", "x")
			return errors.Join(os.Remove(at), os.Symlink(filepath.Join(outside, "x"), at))
		},
		"a link in place of a folder": func(_ *testing.T, dir, outside string) error {
			at := filepath.Join(dir, "tree", "sub")
			return errors.Join(os.RemoveAll(at), os.Symlink(outside, at))
		},
		"a link in place of a file that was named": func(_ *testing.T, dir, outside string) error {
			at := filepath.Join(dir, "x")
			return errors.Join(os.Remove(at), os.Symlink(filepath.Join(outside, "x"), at))
		},
		"a pipe in place of a file": func(_ *testing.T, dir, _ string) error {
			at := filepath.Join(dir, "x")
			return errors.Join(os.Remove(at), syscall.Mkfifo(at, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			from, outside, to := t.TempDir(), t.TempDir(), t.TempDir()
			write(t, from, map[string][]byte{"tree/sub/x": []byte("public"), "x": []byte("public")})
			write(t, outside, map[string][]byte{"x": []byte(secret)})
			files := scan(t, from, "tree", "x")
			a, b := net.Pipe()
			sent := make(chan error, 1)
			ctx := within(t)
			go func() { sent <- SendTo(ctx, a, files, nil); a.Close() }()
			_, err := ReceiveFrom(ctx, b, ReceiveOptions{Dir: to,
				Accept: func(context.Context, *Offer) (bool, error) {
					return false, swap(t, from, outside)
				}})
			b.Close()
			if failed := <-sent; err == nil || failed == nil || ctx.Err() != nil {
				t.Errorf("the receiver got %v, and the sender %v", err, failed)
			}
			filepath.WalkDir(to, func(at string, _ os.DirEntry, _ error) error {
				if content, err := os.ReadFile(at); err == nil && string(content) == secret {
					t.Errorf("%s has another file of the sender", at)
				}
				return nil
			})
		})
	}
}
