package engine_test

import (
	"fmt"
	"log"

	"golang.org/x/sys/unix"

	"github.com/sealsock/sealsock/engine"
)

// A peer is one connection of an event loop: a socket that does not block, the
// two halves, and the bytes that wait.
type peer struct {
	fd      int
	recv    *engine.Receiver
	send    *engine.Sender
	in, out []byte
	data    []byte
	done    bool // the handshake
}

// readable reads what there is and processes it.
func (p *peer) readable() {
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(p.fd, buf)
		if err == unix.EAGAIN || n == 0 {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		p.in = append(p.in, buf[:n]...)
	}
	p.work()
}

// work gives the engine its bytes until it needs more.
func (p *peer) work() {
	for {
		n, ev, err := p.recv.Receive(p.in)
		p.in = p.in[n:]
		if p.out, err = apply(p.send, p.out, ev, err); err != nil {
			log.Fatal(err)
		}
		switch ev.Kind {
		case engine.EventWantRead:
			return
		case engine.EventHandshakeDone:
			p.done = true
		case engine.EventData:
			p.data = append(p.data, ev.Data...)
		}
	}
}

// writable writes what it can of what waits.
func (p *peer) writable() {
	if len(p.out) == 0 {
		return
	}
	n, err := unix.Write(p.fd, p.out)
	if err != nil && err != unix.EAGAIN {
		log.Fatal(err)
	}
	p.out = p.out[max(n, 0):]
}

// Two connections in one epoll loop: one goroutine, no blocking call but the
// wait for events. A hundred thousand would look the same.
func Example_epoll() {
	key := engine.NewPSK([]byte("example"), []byte("a key that both sides have"))
	client, server := new(peer), new(peer)
	var err error
	if client.recv, client.send, err = engine.Client(&engine.Config{PSKs: []*engine.PSK{key}}, engine.Target{}); err != nil {
		log.Fatal(err)
	}
	server.recv, server.send, err = engine.Server(&engine.Config{FindPSK: func([]byte) (*engine.PSK, error) { return key, nil }})
	if err != nil {
		log.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		log.Fatal(err)
	}
	client.fd, server.fd = fds[0], fds[1]
	loop, err := unix.EpollCreate1(0)
	if err != nil {
		log.Fatal(err)
	}
	peers := map[int32]*peer{}
	for _, p := range []*peer{client, server} {
		peers[int32(p.fd)] = p
		// Edge-triggered: an event reports a change, not a state.
		event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(p.fd)}
		if err := unix.EpollCtl(loop, unix.EPOLL_CTL_ADD, p.fd, &event); err != nil {
			log.Fatal(err)
		}
	}

	client.work() // the first flight
	client.writable()
	for sent := false; len(server.data) == 0; {
		events := make([]unix.EpollEvent, 8)
		n, err := unix.EpollWait(loop, events, -1)
		if err != nil && err != unix.EINTR {
			log.Fatal(err)
		}
		for _, e := range events[:max(n, 0)] {
			peers[e.Fd].readable()
		}
		if client.done && !sent {
			sent = true
			if client.out, err = client.send.Seal(client.out, []byte("hello from the loop")); err != nil {
				log.Fatal(err)
			}
		}
		client.writable()
		server.writable()
	}
	fmt.Printf("%s\n", server.data)
	// Output: hello from the loop
}
