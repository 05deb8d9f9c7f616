package chat

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

	"github.com/sealsock/sealsock/internal/nickname"
)

// Limits bound what members may cost. A field that is zero has its default.
type Limits struct {
	Members int           // at once; 256
	Line    int           // bytes of a line, without its end; 4096
	Rate    int           // lines a second that a member may send for long; 10
	Burst   int           // lines that it may send at once after a rest; 40
	Queue   int           // bytes that wait for a member that reads slowly; 256 KiB
	Naming  time.Duration // until a member has sent its name; 1 minute
	Writing time.Duration // for a member to read any of its queue; 10 seconds
}

// An Event reports to the host of a room that a member has joined or left.
type Event struct {
	Joined bool   // else it has left
	Name   string // the member's
	Remote net.Addr
	Reason error // why it left; nil for an orderly end
}

// A Room joins its members. It is safe for concurrent use.
type Room struct {
	limits Limits
	tell   func(Event)

	mu      sync.Mutex
	members map[*member]struct{}
	taken   map[string]struct{} // the keys of their names
	pending int                 // those without a name yet
}

// The reasons for leaving that are not the connection's own.
var (
	ErrFull   = errors.New("the room is full")
	ErrSlow   = errors.New("the client did not read its messages in time")
	ErrClosed = errors.New("the room was closed")
	ErrNoName = errors.New("the client sent no name in time")
)

// New returns an empty room. tell, if not nil, is called when a member joins or
// leaves; it must not block.
func New(limits Limits, tell func(Event)) *Room {
	if tell == nil {
		tell = func(Event) {}
	}
	return &Room{
		limits: Limits{
			Members: cmp.Or(limits.Members, 256),
			Line:    cmp.Or(limits.Line, 4096),
			Rate:    cmp.Or(limits.Rate, 10),
			Burst:   cmp.Or(limits.Burst, 40),
			Queue:   cmp.Or(limits.Queue, 256<<10),
			Naming:  cmp.Or(limits.Naming, time.Minute),
			Writing: cmp.Or(limits.Writing, 10*time.Second),
		},
		tell:    tell,
		members: make(map[*member]struct{}),
		taken:   make(map[string]struct{}),
	}
}

var (
	errNotMade = fmt.Errorf("this Room is nil or a zero value: use New: %w", os.ErrInvalid)
	errNoConn  = fmt.Errorf("the connection of a member is nil: %w", os.ErrInvalid)
)

// Serve makes the peer of conn a member until it leaves, is dropped, or ctx ends. It
// takes conn over and returns the reason why the member left, or nil if it left by
// ending its sending half.
func (r *Room) Serve(ctx context.Context, conn net.Conn) error {
	if r == nil || r.members == nil {
		return errNotMade
	}
	if conn == nil {
		return errNoConn
	}
	m := newMember(conn, r.limits)
	if !r.admit() {
		m.post("* " + ErrFull.Error() + "\n")
		m.finish(ErrFull)
		return ErrFull
	}
	stop := context.AfterFunc(ctx, func() {
		m.post("* " + ErrClosed.Error() + "\n")
		m.end(ErrClosed)
	})
	defer stop()
	m.post("* your first line is your name\n")
	err := r.attend(m)
	m.finish(err)
	return m.cause()
}

// admit counts a newcomer, if there is room for it.
func (r *Room) admit() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.members)+r.pending >= r.limits.Members {
		return false
	}
	r.pending++
	return true
}

// attend adds a member to the room, carries its lines, and removes it.
func (r *Room) attend(m *member) error {
	wanted, err := m.readName()
	r.enter(m, wanted)
	if wanted == "" {
		return err
	}
	r.tell(Event{Joined: true, Name: m.name, Remote: m.conn.RemoteAddr()})
	err = r.carry(m)
	m.end(err)
	r.leave(m)
	r.tell(Event{Name: m.name, Remote: m.conn.RemoteAddr(), Reason: m.cause()})
	return err
}

// carry gives the member's lines to the others. It returns nil at their end. The begin of a line
// that a failed connection has cut off is not given to them: its meaning may be another.
func (r *Room) carry(m *member) error {
	for {
		line, err := m.readLine()
		if line != "" && ended(err) == nil {
			r.say(m, m.name+": "+line+"\n")
		}
		if err != nil {
			return ended(err)
		}
	}
}

// enter gives the newcomer a name that cannot be taken for that of another member,
// and announces it to all. One that sent no name is not announced.
func (r *Room) enter(m *member, wanted string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending--
	if wanted == "" {
		return
	}
	others := make([]string, 0, len(r.members))
	for o := range r.members {
		others = append(others, o.name)
	}
	m.name = wanted
	for n := 2; r.isTaken(m.name); n++ {
		m.name = fmt.Sprintf("%s-%d", wanted, n)
	}
	for _, key := range nickname.Keys(m.name) {
		r.taken[key] = struct{}{}
	}
	r.members[m] = struct{}{}
	m.post(welcome(m.name, others))
	r.broadcast(m, "* "+m.name+" has joined\n")
}

// isTaken reports whether a name looks like that of a member.
func (r *Room) isTaken(name string) bool {
	for _, key := range nickname.Keys(name) {
		if _, ok := r.taken[key]; ok {
			return true
		}
	}
	return false
}

// welcome returns the line with a newcomer's name and those of the other members.
func welcome(name string, others []string) string {
	if len(others) == 0 {
		return "* you are " + name + ", and the first one here\n"
	}
	slices.Sort(others)
	const most = 20
	more := ""
	if len(others) > most {
		more = fmt.Sprintf(" and %d more", len(others)-most)
		others = others[:most]
	}
	return "* you are " + name + "; here: " + strings.Join(others, ", ") + more + "\n"
}

func (r *Room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, m)
	for _, key := range nickname.Keys(m.name) {
		delete(r.taken, key)
	}
	r.broadcast(m, "* "+m.name+" has left\n")
}

func (r *Room) say(from *member, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broadcast(from, line)
}

// broadcast queues a line for all members but one. The caller holds the lock, so the
// order is the same for all. It does not wait.
func (r *Room) broadcast(from *member, line string) {
	for m := range r.members {
		if m != from {
			m.post(line)
		}
	}
}
