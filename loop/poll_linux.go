package loop

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A poller waits for descriptors to become readable or writable. It reports changes
// (edge-triggered), so a descriptor is registered once.
type poller struct {
	fd     int
	wakeFD int
	waking atomic.Bool
	events [256]unix.EpollEvent
}

// A ready is one descriptor that changed.
type ready struct {
	fd                 int32
	readable, writable bool
	hungUp             bool // the peer sends nothing more
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	p := &poller{fd: fd, wakeFD: wake}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(wake)}
	if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, wake, &event); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// add registers a descriptor for both directions. It is removed when it is closed.
func (p *poller) add(fd int) error {
	event := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd),
	}
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &event)
}

// wait waits at most so many milliseconds, -1 for no limit, and calls found for each
// descriptor that changed. It returns early after wake.
func (p *poller) wait(milliseconds int, found func(ready)) error {
	n, err := unix.EpollWait(p.fd, p.events[:], milliseconds)
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return err
	}
	const ends = unix.EPOLLHUP | unix.EPOLLERR | unix.EPOLLRDHUP
	for _, e := range p.events[:n] {
		if int(e.Fd) == p.wakeFD {
			// Read before waking is cleared: a wake between the two writes nothing, and what
			// it is for was posted before, so the loop takes it in this turn. In the other
			// order the read could take that wake's write and leave waking set for ever.
			var b [8]byte
			_, _ = unix.Read(p.wakeFD, b[:])
			p.waking.Store(false)
			continue
		}
		found(ready{
			fd:       e.Fd,
			readable: e.Events&(unix.EPOLLIN|ends) != 0,
			hungUp:   e.Events&ends != 0,
			writable: e.Events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0,
		})
	}
	return nil
}

// wake makes wait return. It may be called from any goroutine.
func (p *poller) wake() {
	if p.waking.CompareAndSwap(false, true) {
		_, _ = unix.Write(p.wakeFD, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

func (p *poller) close() {
	unix.Close(p.wakeFD)
	unix.Close(p.fd)
}
