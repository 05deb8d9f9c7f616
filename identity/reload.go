package identity

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/readfile"
)

// Reloader holds an identity of files and takes over what they hold when they
// change. Connections that exist keep what they have; new ones get the new
// identity. It looks at the files when it is asked for the identity, at most
// once every few seconds, so it needs no goroutine and nothing to stop.
//
// If the new files cannot be used, because they are half-written or do not
// belong together, the old identity stays and the files are tried again.
type Reloader struct {
	load     func() (*Identity, error)
	files    []string
	password string // the file of PasswordFile; empty for none
	interval time.Duration
	notify   func(*Identity, error)

	mu      sync.Mutex
	current *Identity
	stamps  []readfile.Stamp
	checked time.Time
	err     error
}

// reloadInterval is how often files are looked at.
const reloadInterval = 5 * time.Second

// Watch loads an identity as Load does and keeps it up to date.
func Watch(certFile, keyFile string, options ...Option) (*Reloader, error) {
	files := []string{certFile}
	if keyFile != "" && keyFile != certFile {
		files = append(files, keyFile)
	}
	r := &Reloader{
		files: files, interval: reloadInterval, password: newLoader(options).askFile,
		load: func() (*Identity, error) { return Load(certFile, keyFile, options...) },
	}
	stamps := r.look()
	id, err := r.load()
	if err != nil {
		return nil, err
	}
	r.current, r.stamps, r.checked = id, stamps, time.Now()
	return r, nil
}

// Notify has a function called after each change of the files, with the new
// identity or with the reason why the old one stays. It must be set before the
// first use of Identity. The function may call methods of r, and runs in the
// goroutine that saw the change; others do not wait for it.
func (r *Reloader) Notify(f func(*Identity, error)) {
	if r == nil {
		return
	}
	r.notify = f
}

// Identity returns the identity as the files have it.
func (r *Reloader) Identity() *Identity {
	if r == nil {
		return nil
	}
	id, tell := r.refresh()
	tell()
	return id
}

// refresh reloads the files if they may have changed. The function that it returns calls that of
// Notify, if there is news, and is called without the lock: it may wait, and call methods of r.
func (r *Reloader) refresh() (id *Identity, tell func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tell = func() {}
	if now := time.Now(); now.Sub(r.checked) >= r.interval {
		r.checked = now
		if stamps := r.look(); !slices.Equal(stamps, r.stamps) || r.err != nil {
			tell, _ = r.reload(stamps) // Err tells
		}
	}
	return r.current, tell
}

// Reload looks at the files now, as a program may do on a signal, and returns
// why the old identity stays, if it does.
func (r *Reloader) Reload() error {
	if r == nil || r.load == nil {
		return errNotWatching
	}
	r.mu.Lock()
	r.checked = time.Now()
	tell, err := r.reload(r.look())
	r.mu.Unlock()
	tell()
	return err
}

var errNotWatching = fmt.Errorf("this Reloader is nil or a zero value: use Watch: %w",
	os.ErrInvalid)

// Err returns why the files cannot be used since they changed; nil if they can.
func (r *Reloader) Err() error {
	if r == nil {
		return errNotWatching
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// reload loads the files. See refresh for the function that it returns. r.mu is held.
func (r *Reloader) reload(stamps []readfile.Stamp) (tell func(), err error) {
	err = r.readable()
	var id *Identity
	if err == nil {
		id, err = r.load()
	}
	repeated := err != nil && r.err != nil && err.Error() == r.err.Error()
	r.err = err
	if err == nil {
		r.current, r.stamps = id, stamps
	}
	if r.notify == nil || repeated {
		return func() {}, err
	}
	current := r.current
	return func() { r.notify(current, err) }, err
}

// readable refuses to wait for a pipe, which would hold up each connection.
func (r *Reloader) readable() error {
	for _, file := range append([]string{r.password}, r.files...) {
		if readfile.Check(file) != nil {
			return &Error{Code: CodeUnreadable, File: file, Detail: "it is a pipe, a socket or a device",
				Hint: "replace it with a regular file: only regular files are reloaded"}
		}
	}
	return nil
}

// look reads the files' stamps. It does so before they are loaded: if one
// changes in between, the next look sees it.
func (r *Reloader) look() []readfile.Stamp {
	stamps := make([]readfile.Stamp, len(r.files))
	for i, file := range r.files {
		if info, err := os.Stat(file); err == nil {
			stamps[i] = readfile.StampOf(info)
		}
	}
	return stamps
}
