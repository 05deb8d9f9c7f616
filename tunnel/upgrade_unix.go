//go:build unix

package tunnel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/sealsock/sealsock"
)

// HandOver gives the listeners and the connections to the process at the other end of u, whose
// Server has called [Server.TakeOver], and makes Serve return nil. An error changes nothing: this
// process continues as before. Once that process is ready to accept there is none. Then connections
// move one by one, and no byte of them is lost. A connection that cannot move, because it is in the
// middle of its handshake or of a kind without a descriptor, has the time of Config.Drain.
func (s *Server) HandOver(ctx context.Context, u *net.UnixConn) error {
	if !s.made() {
		return errNoServer
	}
	if u == nil {
		return errNoSocket
	}
	s.mu.Lock()
	if s.ended || s.upgrading {
		s.mu.Unlock()
		return errors.New("tunnel: this process is stopping or hands over already")
	}
	s.upgrading = true
	drain := s.cfg.Drain.or(30 * time.Second)
	s.mu.Unlock()
	release := interruptible(ctx, u)
	err := s.giveListeners(u)
	release()
	if err != nil {
		s.mu.Lock()
		s.upgrading = false
		for _, g := range s.gates() {
			g.resume()
		}
		s.mu.Unlock()
		return cause(ctx, err)
	}
	s.log.Info("handing over", "connections", s.Active())
	s.giveLinks(u, drain)
	if err := tell(context.Background(), u, upgradeMessage{Kind: "done"}); err != nil {
		s.log.Error("the new process has ended early or stands still", "error", errText(err))
	}
	s.log.Info("handed over", "left", s.Active())
	s.over.Do(func() { close(s.done) })
	return nil
}

// tell sends a message to the new process, or nothing once ctx is over. After a failure, which may
// have sent a part of it, there is no other: the new process continues with what it has.
func tell(ctx context.Context, u *net.UnixConn, m upgradeMessage, conns ...syscall.RawConn) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, moveTime)
	defer cancel()
	defer interruptible(ctx, u)()
	err := sendMessage(u, m, conns...)
	if err != nil {
		u.CloseWrite()
	}
	return cause(ctx, err)
}

// giveListeners pauses all listeners and sends them, and waits until the new process is ready.
func (s *Server) giveListeners(u *net.UnixConn) error {
	if err := expect(u, "hello"); err != nil {
		return err
	}
	s.mu.Lock()
	all := s.gates()
	s.mu.Unlock()
	for key, g := range all {
		if !g.pause() {
			return fmt.Errorf("tunnel: the listener on %v cannot be handed over: restart the service "+
				"in place of upgrading it", g.Addr())
		}
		rc, ok := g.Listener.(syscall.Conn)
		if !ok {
			return fmt.Errorf("tunnel: the listener on %v has no descriptor", g.Addr())
		}
		raw, err := rc.SyscallConn()
		if err != nil {
			return err
		}
		if err := sendMessage(u, upgradeMessage{Kind: "listener", Key: key}, raw); err != nil {
			return err
		}
	}
	if err := sendMessage(u, upgradeMessage{Kind: "serve"}); err != nil {
		return err
	}
	return expect(u, "ready")
}

// linksAtOnce bounds the links that move beside each other.
const linksAtOnce = 16

// giveLinks moves links until there are none, also those whose handshake ends meanwhile.
func (s *Server) giveLinks(u *net.UnixConn, drain time.Duration) {
	end := time.Now().Add(drain)
	tried := map[*link]bool{}
	var sending sync.Mutex // of u
	for time.Now().Before(end) {
		var now []*link
		s.mu.Lock()
		for k := range s.live {
			if !tried[k] {
				now = append(now, k)
			}
		}
		left := len(s.live)
		s.mu.Unlock()
		if left == 0 && s.pending.Load() == 0 {
			return
		}
		var moving sync.WaitGroup
		places := make(chan struct{}, linksAtOnce)
		for _, k := range now {
			tried[k] = true
			places <- struct{}{}
			moving.Go(func() {
				defer func() { <-places }()
				if err := s.give(u, &sending, k); err != nil {
					k.r.log.Warn("not handed over", "conn", k.info.id, "error", errText(err))
					if errors.Is(err, context.DeadlineExceeded) {
						u.CloseWrite() // the new process stands still: it gets no more
					}
				}
			})
		}
		moving.Wait()
		if len(now) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// give moves one link.
func (s *Server) give(u *net.UnixConn, sending *sync.Mutex, k *link) error {
	plain, err := k.movable()
	if err != nil {
		return err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer ours.Close()
	m := &move{parked: make(chan struct{}, 1), verdict: make(chan verdict)}
	k.move = m
	k.pair.stop()
	select {
	case <-k.ended:
		theirs.Close()
		return nil
	case <-m.parked:
	}
	became := resumed
	defer func() { m.verdict <- became }()
	raw, err := theirs.SyscallConn()
	if err == nil {
		sending.Lock()
		err = tell(s.ctx, u, upgradeMessage{Kind: "link"}, raw)
		sending.Unlock()
	}
	theirs.Close()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, moveTime)
	defer cancel()
	defer interruptible(ctx, ours)()
	if err := sendMessage(ours, k.state(), plain...); err != nil {
		return cause(ctx, err)
	}
	became = lost
	for _, e := range []*end{k.pair.client, k.pair.backend} {
		c, ok := e.conn.(*sealsock.Conn)
		if !ok {
			continue
		}
		if err := Send(ctx, ours, c, nil); err != nil {
			return err
		}
	}
	defer interruptible(ctx, ours)() // Send has ended the first
	var taken [1]byte
	if _, err := io.ReadFull(ours, taken[:]); err != nil {
		return cause(ctx, fmt.Errorf("tunnel: the new process did not take the connection: %w", err))
	}
	became = moved
	return nil
}

// moveTime bounds the move of one connection.
const moveTime = time.Minute

// movable returns the descriptors of the ends in plaintext, or why the link cannot move.
func (k *link) movable() (plain []syscall.RawConn, err error) {
	for _, e := range []*end{k.pair.client, k.pair.backend} {
		below := e.conn
		c, encrypted := below.(*sealsock.Conn)
		if encrypted {
			below = c.NetConn()
		}
		if r, ok := below.(*replayed); ok {
			below = r.Conn
		}
		switch below.(type) {
		case *net.TCPConn, *net.UnixConn:
		default:
			return nil, fmt.Errorf("%s has a connection of a kind that cannot move: %T", e.name, below)
		}
		if encrypted {
			continue
		}
		raw, err := rawOf(e.conn)
		if err != nil {
			return nil, err
		}
		plain = append(plain, raw)
	}
	return plain, nil
}
