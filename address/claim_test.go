//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package address_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sealsock/sealsock/address"
)

// pathSchemes are the schemes that listen on a path, with their networks.
func pathSchemes() map[string]string {
	schemes := map[string]string{"unix": "unix"}
	if runtime.GOOS != "darwin" {
		schemes["seqpacket"] = "unixpacket"
	}
	return schemes
}

// abandon leaves the socket file of a listener that was killed.
func abandon(t *testing.T, network, path string) {
	t.Helper()
	l, err := net.ListenUnix(network, &net.UnixAddr{Name: path, Net: network})
	if err != nil {
		t.Error(err)
		return
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
}

// TestListenRace starts two listeners at once on the file that a killed one left.
// One must listen, and the other must be told that the address is in use.
func TestListenRace(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 200
	}
	const (
		workers = 8
		fewest  = 25 // rounds of each worker
		enough  = 15 * time.Second
	)
	for scheme, network := range pathSchemes() {
		t.Run(scheme, func(t *testing.T) {
			var group sync.WaitGroup
			start := time.Now()
			for w := range workers {
				path := filepath.Join(t.TempDir(), strconv.Itoa(w))
				group.Go(func() {
					for i := range rounds / workers {
						if i >= fewest && time.Since(start) > enough {
							return // on a slow machine
						}
						raceOnce(t, scheme, network, path)
					}
				})
			}
			group.Wait()
		})
	}
}

func raceOnce(t *testing.T, scheme, network, path string) {
	abandon(t, network, path)
	a := address.MustParse(scheme + "://" + path)
	var listeners [2]net.Listener
	var errs [2]error
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i := range listeners {
		group.Go(func() {
			<-begin
			listeners[i], errs[i] = a.Listen(context.Background())
		})
	}
	close(begin)
	group.Wait()
	winner := 0
	if errs[0] != nil {
		winner = 1
	}
	if errs[winner] != nil || !errors.Is(errs[1-winner], syscall.EADDRINUSE) {
		t.Errorf("two listeners got %v and %v, want one success and one address in use", errs[0], errs[1])
		return
	}
	if c, err := a.Dial(context.Background()); err != nil {
		t.Errorf("the one that listens cannot be reached: %v", err)
	} else {
		_ = c.Close()
	}
	if err := listeners[winner].Close(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{path, path + ".lock"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left after Close: %v", name, err)
		}
	}
}

// TestCloseLeavesSuccessor replaces a listener's file by that of another program.
func TestCloseLeavesSuccessor(t *testing.T) {
	for scheme, network := range pathSchemes() {
		t.Run(scheme, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			a := address.MustParse(scheme + "://" + path)
			first, err := a.Listen(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if l, err := a.Listen(context.Background()); !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatalf("a second listener while the first one lives: %v, %v, want address in use", l, err)
			}
			second, err := net.ListenUnix(network, &net.UnixAddr{Name: path, Net: network})
			if err != nil {
				t.Fatal(err)
			}
			defer second.Close()
			if err := first.Close(); err != nil {
				t.Error(err)
			}
			if err := first.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed twice: %v, want net.ErrClosed", err)
			}
			c, err := a.Dial(context.Background())
			if err != nil {
				t.Fatalf("Close removed the file of another program: %v", err)
			}
			_ = c.Close()
		})
	}
}

// TestListenLockFile listens beside lock files of all kinds.
func TestListenLockFile(t *testing.T) {
	for name, test := range map[string]struct {
		make func(name string) error
		ok   bool
	}{
		"killed": {func(n string) error { return os.WriteFile(n, []byte("1\n"), 0o600) }, true},
		"link":   {func(n string) error { return os.Symlink("elsewhere", n) }, false},
		"folder": {func(n string) error { return os.Mkdir(n, 0o700) }, false},
		"pipe":   {func(n string) error { return syscall.Mkfifo(n, 0o600) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			if err := test.make(path + ".lock"); err != nil {
				t.Fatal(err)
			}
			l, err := address.MustParse("unix://" + path).Listen(context.Background())
			if (err == nil) != test.ok {
				t.Errorf("listen: %v", err)
			}
			if err == nil {
				_ = l.Close()
			}
			if _, err := os.Lstat(filepath.Join(filepath.Dir(path), "elsewhere")); err == nil {
				t.Error("a file was made through a symbolic link")
			}
		})
	}
}
