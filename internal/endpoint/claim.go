package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sealsock/sealsock/internal/filelock"
)

// A Claim is the right to listen on a path. A socket file outlives a process that
// is killed, so a listener has to remove the file of its predecessor; without a
// claim, two listeners that start together can each remove the other's file.
//
// The right is the lock of a file beside the path, held until the listener is
// closed. The lock ends with the process, so that a killed one blocks no other. The
// file has the number of the process that listens; it is
// empty before the listener is ready and while it closes.
type Claim struct {
	path string
	lock *os.File    // nil where the file system has no locks
	made fs.FileInfo // the socket file of this listener
	once sync.Once
}

// lockSuffix makes the name of the lock file out of the socket's path.
const lockSuffix = ".lock"

// claimPatience bounds the wait for a listener that is about to open or to
// close. It is far longer than either takes.
const claimPatience = 2 * time.Second

// A path is where to listen, and how.
type Path[L io.Closer] struct {
	Network, Name string
	Bind          func() (L, error)
	Dial          func() (net.Conn, error) // to find out whether anything listens
}

// Listen binds under a claim. It removes a socket file on which nothing listens, and
// no other file.
func (p Path[L]) Listen(ctx context.Context) (l L, c *Claim, err error) {
	if c, err = newClaim(ctx, p.Name); err != nil {
		at := &net.UnixAddr{Name: p.Name, Net: p.Network}
		return l, nil, &net.OpError{Op: "listen", Net: p.Network, Addr: at, Err: err}
	}
	l, err = p.Bind()
	if errors.Is(err, syscall.EADDRINUSE) && c.lock != nil && abandoned(ctx, p.Name, p.Dial) {
		if os.Remove(p.Name) == nil {
			l, err = p.Bind()
		}
	}
	if err != nil {
		_ = c.Release(func() error { return nil })
		return l, nil, err
	}
	c.established()
	return l, c, nil
}

// newClaim takes the lock of a path. An error wraps syscall.EADDRINUSE if a
// listener holds it.
func newClaim(ctx context.Context, path string) (*Claim, error) {
	end := time.Now().Add(claimPatience)
	for {
		f, err := takeLock(path + lockSuffix)
		switch {
		case err == nil:
			return &Claim{path: path, lock: f}, nil
		case errors.Is(err, errors.ErrUnsupported):
			return &Claim{path: path}, nil
		case !errors.Is(err, filelock.ErrHeld):
			return nil, err
		}
		if holder := holderOf(path + lockSuffix); holder > 0 {
			return nil, fmt.Errorf("process %d listens on it: %w", holder, syscall.EADDRINUSE)
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("another process holds %s%s: %w", path, lockSuffix, syscall.EADDRINUSE)
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// takeLock opens a lock file, makes it if need be, and locks it. Its last holder may
// remove it between the two, so its name is looked up again.
func takeLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		if _, there := os.Lstat(name); there == nil {
			err = fmt.Errorf("its lock file belongs to another user; remove it if no process listens: %w", err)
		}
		return nil, err
	}
	if err = filelock.TryLock(f); err == nil {
		err = named(f)
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		return f, nil
	}
	if errors.Is(err, errors.ErrUnsupported) {
		_ = os.Remove(name)
	}
	_ = f.Close()
	return nil, err
}

// named reports whether an open lock file still has its name: filelock.ErrHeld if
// not, since another one has it now or will.
func named(f *os.File) error {
	own, err := f.Stat()
	if err != nil {
		return err
	}
	if !own.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file, which a lock file must be", f.Name())
	}
	now, err := os.Lstat(f.Name())
	switch {
	case err == nil && os.SameFile(own, now):
		return nil
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return filelock.ErrHeld
	}
	return err
}

// holderOf returns the process that a lock file names, or 0.
func holderOf(name string) int {
	f, err := os.OpenFile(name, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	var text [20]byte
	n, _ := f.Read(text[:])
	number, err := strconv.Atoi(strings.TrimSuffix(string(text[:n]), "\n"))
	if err != nil || !strings.HasSuffix(string(text[:n]), "\n") {
		return 0
	}
	return number
}

// established is for after the listener is ready.
func (c *Claim) established() {
	c.made, _ = os.Lstat(c.path)
	if c.lock != nil {
		fmt.Fprintln(c.lock, os.Getpid())
	}
}

// Release removes the socket file, if it is still that of this listener, closes
// the listener, and gives the claim back. A second call only closes.
func (c *Claim) Release(closeListener func() error) (err error) {
	first := false
	c.once.Do(func() {
		first = true
		if c.lock != nil {
			_ = c.lock.Truncate(0)
		}
		if now, err := os.Lstat(c.path); err == nil && c.made != nil && sameSocket(c.made, now) {
			_ = os.Remove(c.path)
		}
		err = closeListener()
		if c.lock == nil {
			return
		}
		if named(c.lock) == nil {
			_ = os.Remove(c.lock.Name())
		}
		_ = filelock.Unlock(c.lock)
		_ = c.lock.Close()
	})
	if !first {
		err = closeListener()
	}
	return err
}

// sameSocket reports whether two files are one. A file system may give the number
// of a removed file to the next one, so their times are compared too.
func sameSocket(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime())
}

// abandoned reports whether nothing listens on the socket file of a path: what a
// listener leaves behind that was killed. A file that is no socket, and a socket
// that may be in use, are left alone. A program without a claim is between bind
// and listen for a moment; a second look does not take its file for abandoned.
func abandoned(ctx context.Context, path string, dial func() (net.Conn, error)) bool {
	first, err := os.Lstat(path)
	if err != nil || !refuses(first, dial) {
		return false
	}
	select {
	case <-time.After(secondLook):
	case <-ctx.Done():
		return false
	}
	second, err := os.Lstat(path)
	return err == nil && sameSocket(first, second) && refuses(second, dial)
}

// secondLook is the time between the two looks at a socket file.
const secondLook = 20 * time.Millisecond

// refuses reports whether a file is a socket on which nothing listens.
func refuses(info fs.FileInfo, dial func() (net.Conn, error)) bool {
	if info.Mode().Type() != fs.ModeSocket {
		return false
	}
	c, err := dial()
	if err == nil {
		_ = c.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
