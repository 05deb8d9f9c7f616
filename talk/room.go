package talk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sealsock/sealsock/internal/link"
	"github.com/sealsock/sealsock/internal/nickname"
	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/trust"
)

// Options of a [Room].
type Options struct {
	Invitation *Invitation
	// Dial connects to the relay, over TLS: see [Invitation.Relay]. It is called again when
	// a connection has failed.
	Dial func(context.Context) (net.Conn, error)
	// Name is what this member calls itself: letters, digits, '-', '_' and '.'.
	Name string
	// Identity is this member's key; nil means a new one, which no other can remember.
	Identity *Identity
	// Known remembers the keys of the others by their names; nil remembers none.
	Known *trust.KnownPeers
	// Verified has the keys that this member has compared: see [Room.Verify]; nil means
	// none, and Verify lasts as long as the Room.
	Verified *trust.KnownPeers
	// Members bounds the members of the room with this one; 0 means 50.
	Members int
	// Patience is how long another member may be absent; 0 means 10 minutes.
	Patience time.Duration
}

// A Member is another member of a room.
type Member struct {
	ID       relay.MemberID
	Name     string // letters, digits, '-', '_' and '.'; no other member's looks like it
	Key      string // the pin of its key
	Words    string // for both members to compare, over another channel
	FirstUse bool   // its key was not known before
	Verified bool   // this member has compared the words, now or earlier, for the same key
	Away     bool
}

// A Room is a place in a room. Any number of goroutines may use it.
type Room struct {
	opts   Options
	self   relay.MemberID
	hub    *link.Hub
	ctx    context.Context
	cancel context.CancelFunc
	events *queue
	wg     sync.WaitGroup

	sending sync.Mutex // makes the order of texts the same for all

	mu     sync.Mutex
	peers  map[*link.Conn]*peer
	taken  map[string]bool // the keys of names
	anew   int             // bytes of names that were not known before
	closed bool
	lost   []error // of members that may lack texts

	connected bool          // to the relay
	late      chan struct{} // closed when Close waits no longer
	slowest   time.Duration // the constant, which tests change
}

// Errors of a [Room].
var (
	// ErrTooLong: the text exceeds MaxText.
	ErrTooLong = errors.New("text too long")
	// ErrAbsent: a member was away for so long that there is no more space for its texts.
	ErrAbsent = errors.New("the member was away for too long")
	// ErrSlow: a member took texts so slowly that the others had to wait for it.
	ErrSlow = errors.New("the member took its texts too slowly")
	// ErrUnsent: a text was not acknowledged.
	ErrUnsent = errors.New("a text may not have arrived")
)

var errNotMade = fmt.Errorf("talk: a nil or zero value: use its constructor: %w", os.ErrInvalid)

// Join joins the room of an invitation. The error is that of the first connection to the
// relay; later ones are events.
func Join(ctx context.Context, opts Options) (*Room, error) {
	name, ok := nickname.Of(opts.Name)
	switch {
	case !opts.Invitation.usable() || opts.Dial == nil:
		return nil, fmt.Errorf("talk: Options need an Invitation and Dial: %w", os.ErrInvalid)
	case !ok || name != opts.Name:
		return nil, fmt.Errorf("talk: %q is no name: it may have letters, digits, '-', '_' and '.': %w",
			opts.Name, os.ErrInvalid)
	}
	if !opts.Identity.usable() {
		opts.Identity = NewIdentity()
	}
	token := relay.NewToken()
	r := &Room{
		opts: opts, self: token.Member(opts.Invitation.room()), events: newQueue(),
		peers: make(map[*link.Conn]*peer), taken: make(map[string]bool),
		late: make(chan struct{}), slowest: slowest,
	}
	for _, key := range nickname.Keys(name) {
		r.taken[key] = true
	}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	hub, err := link.NewHub(ctx, link.Options{
		Dial: opts.Dial, Room: opts.Invitation.room(), Token: token,
		Key: opts.Invitation.linkKey(), Members: r.members() - 1,
		Patience: opts.Patience, Notify: r.notify,
	})
	if err != nil {
		r.cancel()
		return nil, err
	}
	r.hub = hub
	return r, nil
}

// members is how many members the room may have, this one too.
func (r *Room) members() int { return cmp.Or(r.opts.Members, 50) }

func (r *Room) usable() bool { return r != nil && r.hub != nil }

// notify takes an event of the links.
func (r *Room) notify(e link.Event) {
	switch e.Kind {
	case link.Connected:
		r.setConnected(true)
		r.events.put(&Event{Kind: Connected}, nil)
	case link.Lost:
		r.setConnected(false)
		r.events.put(&Event{Kind: Lost, Err: e.Err}, nil)
	case link.Suspect:
		r.events.put(&Event{Kind: Suspect, Err: e.Err}, nil)
	case link.Irregular:
		r.events.put(&Event{Kind: Irregular, Member: r.memberOf(e.Conn), Err: e.Err}, nil)
	case link.Crowded:
		r.events.put(&Event{Kind: Crowded}, nil)
	case link.Joined:
		r.appeared(e.Conn)
	case link.Left:
		r.setAway(e.Conn, true)
	}
}

func (r *Room) setConnected(is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connected = is
}

// memberOf returns what is known of the member behind a link.
func (r *Room) memberOf(l *link.Conn) Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.peers[l]; p != nil {
		return p.info
	}
	return Member{ID: l.Peer()}
}

// appeared starts with a member, or notes that it can be reached again.
func (r *Room) appeared(l *link.Conn) {
	r.mu.Lock()
	_, known := r.peers[l]
	// Some have left and wait for the program to receive that they were there.
	crowded := len(r.peers) >= 2*r.members()
	if !known && !crowded && !r.closed {
		p := newPeer(r, l)
		r.peers[l] = p
		r.wg.Go(p.run)
	}
	r.mu.Unlock()
	switch {
	case known:
		r.setAway(l, false)
	case crowded:
		l.Close()
		r.events.put(&Event{Kind: Crowded}, nil)
	}
}

// setAway notes whether a member can be reached.
func (r *Room) setAway(l *link.Conn, away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.peers[l]
	if p == nil || p.info.Away == away {
		return
	}
	p.info.Away = away
	kind := Back
	if away {
		kind = Away
	}
	if p.ready {
		r.events.put(&Event{Kind: kind, Member: p.info}, nil)
	}
}

// Members returns the other members that have shown who they are, by name.
func (r *Room) Members() []Member {
	if !r.usable() {
		return nil
	}
	var all []Member
	for _, p := range r.present() {
		r.mu.Lock()
		all = append(all, p.info)
		r.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// present returns the members that texts go to.
func (r *Room) present() []*peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*peer
	for _, p := range r.peers {
		if p.ready {
			all = append(all, p)
		}
	}
	return all
}

// Send sends a text to all other members and returns how many there are. It waits for
// members that read slowly; one that takes less than 1 KiB a second has to leave once it has made
// others wait for two minutes. A text waits for a member that is away; one that is away for
// too many texts has to leave. If ctx ends, the text may have gone to some of the members.
func (r *Room) Send(ctx context.Context, text string) (int, error) {
	if !r.usable() {
		return 0, errNotMade
	}
	if len(text) > MaxText {
		return 0, fmt.Errorf("talk: a text of %d bytes exceeds the limit of %d: %w",
			len(text), MaxText, ErrTooLong)
	}
	r.sending.Lock()
	defer r.sending.Unlock()
	if r.isClosed() {
		return 0, net.ErrClosed
	}
	frame := append([]byte{frameText}, text...)
	n := 0
	for _, p := range r.present() {
		sent, err := p.post(ctx, frame)
		if err != nil {
			return n, err
		}
		if sent {
			n++
		}
	}
	return n, nil
}

// Receive returns the next event. The error is net.ErrClosed after Close.
func (r *Room) Receive(ctx context.Context) (*Event, error) {
	if !r.usable() {
		return nil, errNotMade
	}
	return r.events.get(ctx)
}

func (r *Room) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// Close leaves the room. It waits until the others have acknowledged all texts, or until ctx
// ends, with a Send that waits. The error has ErrUnsent for each member that may lack some texts,
// also for one that was there before and has not left in order; for 64 of them at most.
func (r *Room) Close(ctx context.Context) error {
	if !r.usable() {
		return errNotMade
	}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return net.ErrClosed
	}
	r.closed = true
	r.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { close(r.late) })
	defer stop()
	r.sending.Lock() // a Send that waits has until the end of ctx, too
	defer r.sending.Unlock()
	var wg sync.WaitGroup
	for _, p := range r.present() {
		wg.Go(func() { p.finish(ctx) })
	}
	wg.Wait()
	r.cancel()
	r.hub.Close()
	close(r.events.over)
	r.wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.lost...)
}

// nameSize is how many bytes a new name counts at least in the file of known peers. The lines of
// most names are shorter.
const nameSize = 512

// mayRemember counts a name that is not known and takes size bytes of the file of known peers. It
// reports whether it may be remembered: ten for each place in the room, or fewer long ones.
func (r *Room) mayRemember(size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	size = max(size, nameSize)
	if r.anew+size > 10*nameSize*r.members() {
		return false
	}
	r.anew += size
	return true
}

// name reserves a name for a member that calls itself so. The caller holds the lock.
func (r *Room) name(wanted string) string {
	name := wanted
	looksTaken := func() bool {
		keys := nickname.Keys(name)
		return slices.ContainsFunc(keys[:], func(key string) bool { return r.taken[key] })
	}
	for n := 2; looksTaken(); n++ {
		name = fmt.Sprintf("%s-%d", wanted, n)
	}
	for _, key := range nickname.Keys(name) {
		r.taken[key] = true
	}
	return name
}
