package transfer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/sealsock/sealsock/internal/link"
	"github.com/sealsock/sealsock/message"
)

// ReceiveOptions are those of [Receive] and [ReceiveFrom].
type ReceiveOptions struct {
	// Dial connects to the relay, over TLS. It is called again when a connection has failed.
	Dial func(context.Context) (net.Conn, error)
	Code *Code
	// Dir is the folder for the files; empty means the working directory.
	Dir string
	// Accept decides about an offer: an error refuses it, and one with ErrExists ends this
	// attempt alone. If overwrite is true, the files of Existing are replaced, or, if there are
	// none, those that appear meanwhile. Without Accept everything is accepted and nothing is
	// replaced.
	Accept func(ctx context.Context, o *Offer) (overwrite bool, err error)
	// RelayOnly makes no direct connections.
	RelayOnly bool
	// Notify, if set, is called with each event, and Progress with the bytes that are there.
	// They may be called at the same time and must not block.
	Notify   func(Event)
	Progress func(done, total int64)

	loopback bool // use direct connections within this machine; for tests
}

// An Offer is what a sender offers.
type Offer struct {
	Files    int
	Bytes    int64
	Names    []string // the files and folders that are not in a folder
	Existing []string // files that are there and would be replaced
	Folders  []string // those of Names that are folders and are there: files are added to them
	Present  int64    // bytes that an interrupted transfer has left
}

// Received is what has arrived.
type Received struct {
	Files int
	Bytes int64
	Names []string // of an [Offer]
}

// fill returns the options with the defaults.
func (o ReceiveOptions) fill() ReceiveOptions {
	if o.Dir == "" {
		o.Dir = "."
	}
	if o.Accept == nil {
		o.Accept = func(context.Context, *Offer) (bool, error) { return false, nil }
	}
	if o.Notify == nil {
		o.Notify = func(Event) {}
	}
	if o.Progress == nil {
		o.Progress = func(_, _ int64) {}
	}
	return o
}

// Receive receives the files of the sender that has made a code. A file has its name only when
// it is complete and its checksum was verified; what is unfinished stays in a folder whose name
// begins with ".seal-partial-", and another Receive of the same files continues with it.
func Receive(ctx context.Context, opts ReceiveOptions) (*Received, error) {
	if opts.Dial == nil || !opts.Code.usable() {
		return nil, fmt.Errorf("transfer: ReceiveOptions need Dial and a Code: %w", os.ErrInvalid)
	}
	opts = opts.fill()
	m, err := meet(ctx, opts.Dial, opts.Code.number, opts.Notify)
	if err != nil {
		return nil, err
	}
	key, err := find(ctx, opts.Code, m)
	m.close()
	if err != nil {
		return nil, err
	}
	r := &reception{opts: opts, absence: absence{notify: opts.Notify}}
	defer r.close()
	defer r.absence.end()
	p, err := enter(ctx, opts.Dial, key, false, r.linked)
	if err != nil {
		return nil, gone(err)
	}
	defer p.close()
	opts.Notify(Event{Kind: Met})
	stop := context.AfterFunc(ctx, func() { p.conn.GiveUp(context.Cause(ctx)) })
	defer stop()
	err = causeOf(ctx, r.fetch(ctx, p))
	r.absence.end()
	if err == nil {
		p.flush()
		return r.result(), nil
	}
	if ctx.Err() == nil && !r.failing(err) && !errors.Is(err, ErrOther) {
		p.tell(r.frameFor(err), err)
	}
	return nil, gone(err)
}

// ReceiveFrom receives files over a connection from a peer that uses [SendTo]. Both must have
// verified each other. It uses Dir, Accept, Notify and Progress of the options, and does not
// close conn. If ctx ends, conn is of no further use.
func ReceiveFrom(ctx context.Context, conn net.Conn, opts ReceiveOptions) (*Received, error) {
	if conn == nil {
		return nil, errNotMade
	}
	r := &reception{opts: opts.fill()}
	defer r.close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	f := newFrames(message.New(conn, message.Options{Limit: maxFrame}))
	err := causeOf(ctx, r.run(ctx, f))
	if err == nil {
		return r.result(), nil
	}
	if ctx.Err() == nil && !r.failing(err) && !errors.Is(err, ErrOther) {
		f.send(r.frameFor(err), textFor(err))
	}
	return nil, err
}

// A reception receives files over one connection after another.
type reception struct {
	opts    ReceiveOptions
	store   *store
	list    *list
	file    *storing
	done    int64
	asked   bool    // Accept has answered
	refused error   // of Accept
	joined  bool    // was connected to the relay before
	absence absence // of the sender
}

// frameFor returns the kind of frame that tells the sender about an error. A file that exists
// is no refusal: the receiver can try again with another folder.
func (r *reception) frameFor(err error) byte {
	if r.refused != nil && errors.Is(err, r.refused) && !errors.Is(err, ErrExists) {
		return frameRefuse
	}
	return frameFailed
}

// failing reports whether another connection would not have an error. An answer of Accept is
// final, whatever its error is.
func (r *reception) failing(err error) bool { return r.refused == nil && failing(err) }

func (r *reception) close() {
	if r.file != nil {
		r.file.file.Close()
	}
	if r.store != nil {
		r.store.close()
	}
}

func (r *reception) result() *Received {
	return &Received{Files: r.list.files(), Bytes: r.list.bytes, Names: r.list.tops()}
}

// tops returns the names that are not in a folder.
func (l *list) tops() []string {
	var all []string
	for i := range l.entries {
		if !strings.Contains(l.entries[i].name, "/") {
			all = append(all, l.entries[i].name)
		}
	}
	return all
}

// linked takes an event of the link. It is called by one goroutine.
func (r *reception) linked(e link.Event) {
	switch e.Kind {
	case link.Lost:
		r.opts.Notify(Event{Kind: Lost, Err: e.Err})
	case link.Connected:
		if r.joined {
			r.opts.Notify(Event{Kind: Connected})
		}
		r.joined = true
	case link.Left, link.Joined:
		r.absence.set(e.Kind == link.Left)
	case link.Suspect:
		r.opts.Notify(Event{Kind: Suspect, Err: e.Err})
	}
}

// fetch receives the files, directly if that can be, and through the relay otherwise.
func (r *reception) fetch(ctx context.Context, p *pair) error {
	d, err := r.findDirect(ctx, p)
	if err != nil {
		return err
	}
	if d != nil {
		stop := context.AfterFunc(ctx, d.close)
		r.absence.setDirect(true)
		r.opts.Notify(Event{Kind: Started, Route: RouteDirect})
		err := r.run(ctx, d.frames)
		stop()
		if err != nil && !r.failing(err) && !errors.Is(err, ErrOther) {
			d.frames.send(r.frameFor(err), textFor(err))
		}
		d.close()
		if err == nil || ctx.Err() != nil || !r.failing(err) {
			return err
		}
		r.absence.setDirect(false)
		r.opts.Notify(Event{Kind: Fallback, Err: err})
		if err := p.frames.send(frameAgain); err != nil {
			return err
		}
	}
	r.opts.Notify(Event{Kind: Started, Route: RouteRelay})
	return r.run(ctx, p.frames)
}

// findDirect tries the sender's addresses, and tells the sender which connection is used.
func (r *reception) findDirect(ctx context.Context, p *pair) (*direct, error) {
	body, err := p.frames.expect(frameAddresses)
	if err != nil {
		return nil, err
	}
	addrs, err := parseAddresses(body)
	if err != nil {
		return nil, err
	}
	var d *direct
	if len(addrs) > 0 && !r.opts.RelayOnly {
		key, err := p.directKey()
		if err != nil {
			return nil, err
		}
		d = dialDirect(ctx, addrs, key, r.opts.loopback)
	}
	route := []byte{0}
	if d != nil {
		route[0] = 1
	}
	if err := p.frames.send(frameRoute, route); err != nil {
		if d != nil {
			d.close()
		}
		return nil, err
	}
	return d, nil
}

// run receives everything over one connection.
func (r *reception) run(ctx context.Context, f *frames) error {
	l, err := receiveList(f)
	if err != nil {
		return err
	}
	if err := r.accept(ctx, l); err != nil {
		return err
	}
	if err := r.tellHaves(f); err != nil {
		return err
	}
	next := 0
	for {
		kind, body, err := f.receive()
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch kind {
		case frameFile:
			next, err = r.begin(body, next)
		case frameData:
			err = r.data(body)
		case frameEnd:
			err = r.end(body)
		case frameDone:
			return r.finish(f)
		default:
			err = protocolError("a frame of kind %d among the files", kind)
		}
		if err != nil {
			return err
		}
	}
}

// receiveList receives an offer.
func receiveList(f *frames) (*list, error) {
	body, err := f.expect(frameOffer)
	if err != nil {
		return nil, err
	}
	count, bytes, err := parseOffer(body)
	if err != nil {
		return nil, err
	}
	l := new(list)
	for len(l.entries) < count {
		rest, err := f.expect(frameEntries)
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			return nil, protocolError("a part of the list without an entry")
		}
		for len(rest) > 0 {
			var e entry
			if e, rest, err = parseEntry(rest); err == nil {
				err = l.add(e)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if len(l.entries) != count || l.bytes != bytes {
		return nil, protocolError("the list of files is not the one that was offered")
	}
	return l, nil
}

// accept looks at what is there and asks whether to accept, once.
func (r *reception) accept(ctx context.Context, l *list) error {
	before := r.store
	r.close()
	r.store, r.file = nil, nil
	s, err := openStore(ctx, r.opts.Dir, l)
	if err != nil {
		return err
	}
	s.stored = func(name string) { r.opts.Notify(Event{Kind: FileDone, Name: name}) }
	r.store, r.list = s, l
	overwrite := false
	switch {
	case r.refused != nil:
		return r.refused
	case !r.asked || before == nil:
		overwrite, err = r.opts.Accept(ctx, s.offer())
		if err != nil {
			r.refused = err
			return err
		}
		r.asked = true
		s.late = overwrite && len(s.replaced) == 0
	case before.folder != s.folder:
		return protocolError("another list of files than before")
	default:
		overwrite, s.late = before.overwrite, before.late
		if name := s.unasked(before); name != "" {
			return fmt.Errorf("transfer: %s: %w", name, ErrExists)
		}
	}
	if names := s.existing(); len(names) > 0 && !overwrite {
		return fmt.Errorf("transfer: %s: %w", names[0], ErrExists)
	}
	return s.prepare(overwrite)
}

// tellHaves tells the sender what is there, and that it may begin.
func (r *reception) tellHaves(f *frames) error {
	var batch []byte
	for i := range r.list.entries {
		h, ok := r.store.haves[i]
		if ok {
			batch = h.append(batch)
		}
		if len(batch) >= batchSize || len(batch) > 0 && i == len(r.list.entries)-1 {
			if err := f.send(frameHave, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	r.done = 0
	return f.send(frameGo)
}

func (r *reception) add(n int64) {
	r.done += n
	r.opts.Progress(r.done, r.list.bytes)
}

// begin takes the begin of a file, whose entry is not before next.
func (r *reception) begin(body []byte, next int) (int, error) {
	n, offset, err := parseFile(body)
	i := int(n)
	switch {
	case err != nil:
		return 0, err
	case r.file != nil:
		return 0, protocolError("a file begins within another one")
	case uint64(n) >= uint64(len(r.list.entries)) || i < next || !r.list.entries[i].isFile():
		return 0, protocolError("a file that was not offered, or twice")
	case offset != 0 && offset != r.store.haves[i].length:
		return 0, protocolError("a file begins at another byte than was asked for")
	}
	r.add(offset)
	if r.store.done[i] && offset == r.list.entries[i].size {
		r.file = &storing{store: r.store, entry: i, length: offset} // it has its name already
		return i + 1, nil
	}
	if r.store.done[i] { // the sender has another content, which replaces this transfer's own
		delete(r.store.done, i)
		r.store.replaced[i] = true
	}
	r.file, err = r.store.begin(i, offset)
	return i + 1, err
}

func (r *reception) data(body []byte) error {
	if r.file == nil || r.file.file == nil || len(body) == 0 {
		return protocolError("data of no file")
	}
	if err := r.file.write(body); err != nil {
		return err
	}
	r.add(int64(len(body)))
	return nil
}

// end takes the checksum of a file.
func (r *reception) end(sum []byte) error {
	w := r.file
	if w == nil {
		return protocolError("the end of no file")
	}
	r.file = nil
	e := &r.list.entries[w.entry]
	if w.file != nil {
		return w.end(sum)
	}
	if h := r.store.haves[w.entry]; string(h.sum[:]) != string(sum) {
		return fmt.Errorf("transfer: %s: %w", e.name, ErrCorrupt)
	}
	r.opts.Notify(Event{Kind: FileDone, Name: e.name})
	return nil
}

// finish confirms that everything was stored.
func (r *reception) finish(f *frames) error {
	if r.file != nil {
		return protocolError("the end within a file")
	}
	if err := r.store.finish(); err != nil {
		return err
	}
	f.send(frameReceived) // the files are there, whether or not the sender learns it
	return nil
}
