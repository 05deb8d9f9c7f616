//go:build darwin || freebsd

package loop

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A poller waits for descriptors to become readable or writable. It reports changes
// (EV_CLEAR), so a descriptor is registered once.
type poller struct {
	fd     int
	pipe   [2]int // its first end is readable after wake
	waking atomic.Bool
	events [256]unix.Kevent_t
}

// A ready is one descriptor that changed.
type ready struct {
	fd                 int32
	readable, writable bool
	hungUp             bool // the peer sends nothing more
}

func newPoller() (*poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	p := &poller{fd: fd, pipe: [2]int{-1, -1}}
	if err := unix.Pipe(p.pipe[:]); err != nil {
		unix.Close(fd)
		return nil, err
	}
	for _, end := range p.pipe {
		unix.CloseOnExec(end)
		if err := unix.SetNonblock(end, true); err != nil {
			p.close()
			return nil, err
		}
	}
	if err := p.register(p.pipe[0], unix.EVFILT_READ); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) register(fd int, filters ...int) error {
	changes := make([]unix.Kevent_t, len(filters))
	for i, filter := range filters {
		unix.SetKevent(&changes[i], fd, filter, unix.EV_ADD|unix.EV_CLEAR)
	}
	_, err := unix.Kevent(p.fd, changes, nil, nil)
	return err
}

// add registers a descriptor for both directions. It is removed when it is closed.
func (p *poller) add(fd int) error {
	return p.register(fd, unix.EVFILT_READ, unix.EVFILT_WRITE)
}

// wait waits at most so many milliseconds, -1 for no limit, and calls found for each
// descriptor that changed. It returns early after wake.
func (p *poller) wait(milliseconds int, found func(ready)) error {
	var limit *unix.Timespec
	if milliseconds >= 0 {
		t := unix.NsecToTimespec(int64(milliseconds) * 1e6)
		limit = &t
	}
	n, err := unix.Kevent(p.fd, nil, p.events[:], limit)
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range p.events[:n] {
		if int(e.Ident) == p.pipe[0] {
			var b [64]byte
			p.waking.Store(false)
			_, _ = unix.Read(p.pipe[0], b[:])
			continue
		}
		found(ready{
			fd:       int32(e.Ident),
			readable: e.Filter == unix.EVFILT_READ || e.Flags&unix.EV_EOF != 0,
			writable: e.Filter == unix.EVFILT_WRITE,
			hungUp:   e.Flags&unix.EV_EOF != 0,
		})
	}
	return nil
}

// wake makes wait return. It may be called from any goroutine.
func (p *poller) wake() {
	if p.waking.CompareAndSwap(false, true) {
		_, _ = unix.Write(p.pipe[1], []byte{1})
	}
}

func (p *poller) close() {
	for _, fd := range []int{p.pipe[0], p.pipe[1], p.fd} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
