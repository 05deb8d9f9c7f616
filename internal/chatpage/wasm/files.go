//go:build js && wasm

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall/js"

	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/safename"
	"github.com/sealsock/sealsock/talk"
)

const (
	// maxHeld bounds the files that are received at a time, in bytes: the page holds them in
	// memory until they are whole.
	maxHeld = 256 << 20
	// maxTransfers bounds the files that are offered or on their way.
	maxTransfers = 100
)

// A transfer is a file that is offered, or on its way, to or from one member.
type transfer struct {
	id     int
	title  string
	offer  *talk.FileOffer // of another member; nil for a file of this page
	from   talk.Member     // whose offer it is
	size   int64
	moving bool // belongs to the lock of transfers
	ctx    context.Context
	cancel context.CancelFunc
	done   int64 // bytes; belongs to the goroutine of the transfer
}

// transfers are the files of the page.
type transfers struct {
	mu   sync.Mutex
	last int
	held int64 // bytes of the files that were accepted
	open map[int]*transfer
}

// add lists a transfer, if there are not too many.
func (s *transfers) add(t *transfer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= maxTransfers {
		return false
	}
	if s.open == nil {
		s.open = make(map[int]*transfer)
	}
	s.last++
	t.id = s.last
	t.ctx, t.cancel = context.WithCancel(context.Background())
	s.open[t.id] = t
	return true
}

// remove ends a transfer, and reports whether it was listed.
func (s *transfers) remove(t *transfer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[t.id] != t {
		return false
	}
	delete(s.open, t.id)
	if t.offer != nil && t.moving {
		s.held -= t.size
	}
	t.cancel()
	call("fileEnded", t.id)
	return true
}

// start reserves the memory for a file that the user accepts. It returns nil and the reason if
// there is not enough.
func (s *transfers) start(id int) (*transfer, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.open[id]
	switch {
	case t == nil || t.offer == nil || t.moving:
		return nil, "that file is not offered any more"
	case t.size > maxHeld-s.held:
		return nil, "not accepted yet: the files that are received have at most 256 MiB " +
			"together; accept it when they have arrived"
	}
	t.moving = true
	s.held += t.size
	return t, ""
}

// find returns the transfers that match.
func (s *transfers) find(match func(*transfer) bool) (all []*transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.open {
		if match(t) {
			all = append(all, t)
		}
	}
	return all
}

// show shows a transfer with the buttons for it.
func (t *transfer) show(buttons ...any) {
	call("file", t.id, t.title, t.size, js.ValueOf(buttons))
}

// advance counts bytes, and shows them.
func (t *transfer) advance(n int) {
	t.done += int64(n)
	call("fileProgress", t.id, t.done)
}

// offered shows the file that a member offers, or refuses it.
func (m *member) offered(from talk.Member, o *talk.FileOffer) {
	t := &transfer{title: printable.Line(o.Name + " from " + from.Name), offer: o, from: from,
		size: o.Size}
	why := "too many files wait"
	if o.Size > maxHeld {
		why = "it has more than the 256 MiB that a browser takes; seal chat join takes larger files"
	} else if m.files.add(t) {
		call("note", printable.Line(from.Name+" offers the file "+o.Name))
		t.show("Accept", "Refuse")
		return
	}
	call("note", t.title+" was refused: "+why)
	// It waits for a member that is away. A member has at most 2*talk.MaxFiles open offers.
	go m.room.RefuseFile(context.Background(), o, why)
}

// withdraw removes the offer o of a member, or all that were not accepted if o is nil.
func (m *member) withdraw(from talk.Member, o *talk.FileOffer) {
	for _, t := range m.files.find(func(t *transfer) bool {
		return t.offer != nil && !t.moving && t.from.ID == from.ID && (o == nil || t.offer == o)
	}) {
		if m.files.remove(t) {
			call("note", t.title+": the offer was taken back")
		}
	}
}

// answer does what a button of a transfer asks for.
func (m *member) answer(id int, button string) {
	if button == "Accept" {
		m.accept(id)
		return
	}
	for _, t := range m.files.find(func(t *transfer) bool { return t.id == id }) {
		if button == "Stop" {
			t.cancel()
		} else if m.files.remove(t) {
			call("note", t.title+" was refused")
			m.room.RefuseFile(context.Background(), t.offer, "it was declined")
		}
	}
}

// accept receives a file.
func (m *member) accept(id int) {
	t, why := m.files.start(id)
	if t == nil {
		call("note", why)
		return
	}
	chunks := js.Global().Get("Array").New()
	name := safename.Portable(t.offer.Name)
	m.run(t, "was received", func() error {
		return m.room.ReceiveFile(t.ctx, t.offer, &sink{t, name, chunks})
	})
}

// run runs a transfer, and shows its end.
func (m *member) run(t *transfer, success string, do func() error) {
	t.show("Stop")
	err := do()
	stopped := t.ctx.Err() != nil
	m.files.remove(t)
	switch {
	case err == nil:
		call("note", t.title+" "+success)
	case stopped && !errors.Is(err, talk.ErrFileUnconfirmed):
		call("note", t.title+" was stopped")
	default:
		call("note", printable.Line(t.title+": "+strings.TrimPrefix(err.Error(), "talk: ")))
	}
}

// A sink holds a file until it is whole, outside of the memory of this program, which never
// shrinks.
type sink struct {
	*transfer
	name   string
	chunks js.Value
}

func (s *sink) Write(p []byte) (int, error) {
	chunk := js.Global().Get("Uint8Array").New(len(p))
	js.CopyBytesToJS(chunk, p)
	s.chunks.Call("push", chunk)
	s.advance(len(p))
	return len(p), nil
}

// Commit passes the file to the browser, which saves it as a download.
func (s *sink) Commit() error {
	call("save", s.name, s.chunks)
	return nil
}

// offer offers a file, which the user has chosen, to all other members.
func (m *member) offer(file js.Value) {
	name, size := file.Get("name").String(), int64(file.Get("size").Float())
	members := m.room.Members()
	if len(members) == 0 {
		call("note", "no other member is in the room: the file was not offered")
	}
	for _, to := range members {
		t := &transfer{title: printable.Line(name + " to " + to.Name), size: size, moving: true}
		if !m.files.add(t) {
			call("alarm", t.title+" was not offered: too many files wait")
			return
		}
		go m.run(t, "has arrived", func() error {
			return m.room.SendFile(t.ctx, to, name, size, &source{t, file})
		})
	}
}

// A source reads a file of the user from the browser.
type source struct {
	*transfer
	file js.Value
}

func (s *source) Read(p []byte) (int, error) {
	end := min(s.size, s.done+int64(len(p)))
	if end == s.done {
		return 0, io.EOF
	}
	content, err := await(s.file.Call("slice", s.done, end).Call("arrayBuffer"))
	if err != nil {
		return 0, err
	}
	n := js.CopyBytesToGo(p, js.Global().Get("Uint8Array").New(content))
	if n == 0 {
		return 0, io.ErrUnexpectedEOF // the file has become shorter
	}
	s.advance(n)
	return n, nil
}

// await waits for a promise of JavaScript.
func await(promise js.Value) (js.Value, error) {
	var value js.Value
	done := make(chan error, 1)
	kept := function(func(args []js.Value) {
		value = args[0]
		done <- nil
	})
	defer kept.Release()
	broken := function(func(args []js.Value) {
		done <- errors.New(fmt.Sprint("the browser cannot read the file: ",
			args[0].Call("toString").String()))
	})
	defer broken.Release()
	promise.Call("then", kept, broken)
	err := <-done
	return value, err
}
