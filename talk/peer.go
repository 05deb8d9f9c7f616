package talk

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/internal/link"
	"github.com/sealsock/sealsock/internal/nickname"
	"github.com/sealsock/sealsock/trust"
)

const (
	// maxWaiting is how many texts wait for a member.
	maxWaiting = 256
	// maxLost is how many members that may lack texts Room.Close reports.
	maxLost = 64

	// Each Send waits for the slowest member. One that takes fewer than leastRate bytes a second,
	// of which a text has leastFrame at least, may make others wait for slowest together, and has to
	// leave then. That is longer than a relay takes to notice that it cannot be reached.
	leastRate  = 1 << 10
	leastFrame = 256
	slowest    = 2 * time.Minute
)

// A peer is another member. Its fields info and ready belong to the Room's lock.
type peer struct {
	room  *Room
	link  *link.Conn
	info  Member
	pin   trust.Pin // of its key, once ready
	ready bool

	*pairing
	frames  chan []byte
	bulk    chan []byte // frames of files, behind those in frames
	files   fileSet
	over    chan struct{} // closed at its end
	written chan struct{} // closed when the writer has ended
	ending  sync.Once
	reason  error

	posted atomic.Int64  // frames of texts, and the farewell
	sent   atomic.Int64  // of those
	noted  bool          // whether it may lack texts; belongs to the Room's lock
	waited time.Duration // see unfit; belongs to the holder of Room.sending
}

func newPeer(r *Room, l *link.Conn) *peer {
	return &peer{
		room: r, link: l, info: Member{ID: l.Peer()}, frames: make(chan []byte, maxWaiting),
		bulk: make(chan []byte), over: make(chan struct{}), written: make(chan struct{}),
	}
}

// run serves the member until its end.
func (p *peer) run() {
	defer p.forget()
	pairing, err := pair(p.room.ctx, p.link, p.room.self, &p.room.opts)
	first := false
	if err == nil {
		p.pairing = pairing
		first, err = pairing.recognize(p.room.ctx, p.room.opts.Known, p.room.mayRemember)
	}
	p.room.mu.Lock()
	p.info.FirstUse = first
	info := p.info
	p.room.mu.Unlock()
	if err != nil {
		absent := errors.Is(err, link.ErrGone) || errors.Is(err, link.ErrReset)
		if p.room.ctx.Err() == nil && !absent {
			p.room.events.put(&Event{Kind: Refused, Member: info, Err: err}, nil)
		}
		p.end(err)
		return
	}
	if !p.enter() {
		p.end(net.ErrClosed)
		return
	}
	stop := context.AfterFunc(p.room.ctx, func() { p.end(net.ErrClosed) })
	defer stop()
	p.room.wg.Go(p.write)
	p.end(p.read())
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.leave()
}

// leave reports that the member has left, and frees its name. The caller holds the Room's
// lock and has called end.
func (p *peer) leave() {
	if !p.ready {
		return
	}
	p.ready = false
	reason := p.reason
	if reason != nil && p.lacks() {
		reason = fmt.Errorf("%w: %w", ErrUnsent, reason)
		p.note(reason)
	}
	for _, key := range nickname.Keys(p.info.Name) {
		delete(p.room.taken, key)
	}
	if !p.room.closed {
		p.room.events.put(&Event{Kind: Left, Member: p.info, Err: reason}, nil)
	}
}

// lacks reports whether the member has not acknowledged all texts. What it has not acknowledged may
// also be of files, or of the beginning, before any text.
func (p *peer) lacks() bool {
	sent := p.sent.Load()
	return p.posted.Load() != sent || sent > 0 && p.link.Unacknowledged() > 0
}

// note notes for Room.Close, once, that the member may lack texts. The caller holds the Room's
// lock.
func (p *peer) note(reason error) {
	if p.noted || len(p.room.lost) >= maxLost {
		return
	}
	p.noted = true
	p.room.lost = append(p.room.lost, fmt.Errorf("talk: %s has not acknowledged everything: %w",
		p.info.Name, reason))
}

// enter makes the member one of the room, when there is a place for the event.
func (p *peer) enter() bool {
	r := p.room
	spki, err := x509.MarshalPKIXPublicKey(p.other.key)
	if err != nil || !r.events.reserve(r.ctx.Done()) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.events.release()
		return false
	}
	pin := trust.Pin(sha256.Sum256(spki))
	p.info.Key, p.pin = pin.String(), pin
	for _, old := range r.peers {
		// The same person, whose earlier process did not take its leave.
		if old.ready && old.info.Away && old.info.Key == p.info.Key {
			old.end(link.ErrGone)
			old.leave()
		}
	}
	p.info.Name, p.info.Words = r.name(p.pairing.name), p.words
	p.info.Verified = r.isVerified(p.pairing.name, pin)
	p.ready = true
	r.events.add(&Event{Kind: Joined, Member: p.info})
	return true
}

// read passes the member's texts to the room. It returns nil at an orderly end.
func (p *peer) read() error {
	for {
		b, err := p.messages.Receive(nil)
		switch {
		case err == io.EOF:
			return fmt.Errorf("talk: the member ended without a farewell: %w", io.ErrUnexpectedEOF)
		case err != nil:
			return err
		case len(b) == 1 && b[0] == frameBye:
			return nil
		case len(b) > 0 && b[0] >= frameOffer:
			if err := p.fileFrame(b); err != nil {
				return err
			}
			continue
		case len(b) == 0 || b[0] != frameText:
			return errFrame
		}
		p.room.mu.Lock()
		e := &Event{Kind: Text, Member: p.info, Text: strings.ToValidUTF8(string(b[1:]), "\uFFFD")}
		p.room.mu.Unlock()
		p.room.events.put(e, p.over)
	}
}

// write sends what is posted, until the farewell.
func (p *peer) write() {
	defer close(p.written)
	for {
		b := p.nextFrame()
		if b == nil {
			return
		}
		if err := p.messages.Send(b); err != nil {
			p.end(err)
			return
		}
		if b[0] == frameText || b[0] == frameBye {
			p.sent.Add(1)
		}
		if b[0] == frameBye {
			return
		}
	}
}

// nextFrame returns the next frame to send, texts before files, or nil at the end.
func (p *peer) nextFrame() []byte {
	select {
	case b := <-p.frames:
		return b
	default:
	}
	select {
	case b := <-p.frames:
		return b
	case b := <-p.bulk:
		return b
	case <-p.over:
		return nil
	}
}

// post queues a text or the farewell. It reports false for a member that has left meanwhile.
func (p *peer) post(ctx context.Context, frame []byte) (bool, error) {
	p.posted.Add(1)
	queued, err := p.queue(ctx, frame)
	if !queued {
		p.posted.Add(-1)
	}
	p.waited -= time.Duration(max(len(frame), leastFrame)) * time.Second / leastRate
	p.waited = max(0, p.waited)
	return queued, err
}

// queue queues a frame when there is space for it.
func (p *peer) queue(ctx context.Context, frame []byte) (bool, error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for last := time.Now(); ; {
		select {
		case p.frames <- frame:
			return true, nil
		default:
		}
		if p.unfit(time.Since(last)) {
			return false, nil
		}
		last = time.Now()
		select {
		case p.frames <- frame:
			return true, nil
		case <-p.over:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		case <-p.room.late:
			return false, net.ErrClosed
		case <-again.C:
		}
	}
}

// unfit ends the connection to a member without space for a text that is away, or that has
// taken texts too slowly. The text has waited for it for so long since the last call.
func (p *peer) unfit(wait time.Duration) bool {
	p.room.mu.Lock()
	away, connected := p.info.Away, p.room.connected
	p.room.mu.Unlock()
	if away {
		p.end(ErrAbsent)
		return true
	}
	// While this side has no connection to the relay, no member can take anything.
	if connected {
		p.waited += min(wait, time.Second) // a machine may have been suspended
	}
	if p.waited < p.room.slowest {
		return false
	}
	p.end(ErrSlow)
	return true
}

// finish sends the farewell and waits until the member has acknowledged everything. If it may
// not have, that is noted.
func (p *peer) finish(ctx context.Context) {
	queued, err := p.post(ctx, []byte{frameBye})
	if queued {
		select {
		case <-p.written:
			err = p.flush(ctx)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	select {
	case <-p.over:
		if p.reason == nil {
			return // it has left in order
		}
		if err == nil && p.lacks() {
			err = p.reason
		}
	default:
	}
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if err != nil {
		p.note(fmt.Errorf("%w: %w", ErrUnsent, err))
	}
	p.noted = true
}

// flush waits for the acknowledgement, for the end of the member, or for that of ctx.
func (p *peer) flush(ctx context.Context) error {
	stop := make(chan struct{})
	done := make(chan struct{})
	defer close(done)
	go func() {
		defer close(stop)
		select {
		case <-ctx.Done():
		case <-p.over:
		case <-done:
		}
	}()
	return p.link.Flush(stop)
}

// end ends the connection to the member for a reason; the first one counts.
func (p *peer) end(reason error) {
	p.ending.Do(func() {
		p.reason = reason
		close(p.over)
		p.link.SetDeadline(time.Unix(1, 0))
		p.link.Close()
	})
}

// gone is the error about a member that has left.
func (p *peer) gone() error {
	return fmt.Errorf("talk: %s has left: %w", p.info.Name, ErrNoMember)
}

// forget removes the member from the room.
func (p *peer) forget() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	delete(p.room.peers, p.link)
}

// tell calls do, which tells a member of an end, and waits for it for a second at most: the member
// may read nothing until it leaves.
func tell(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
}
