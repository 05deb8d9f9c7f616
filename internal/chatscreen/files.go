package chatscreen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/relay"
	"github.com/sealsock/sealsock/talk"
)

// A Stored is a file that is received: see transfer.FileWriter.
type Stored interface {
	talk.FileSink
	io.Closer
	Name() string
}

// maxListed is how many files are listed, with those that have ended.
const maxListed = 500

// Files are the files that a user offers and is offered. It is safe for concurrent use.
type Files struct {
	Room Room
	// Create begins a file that is received; without it, offers are refused.
	Create func(ctx context.Context, name string, size int64) (Stored, error)
	// Notify is called with what the user should know, as one line. It may wait.
	Notify func(text string)

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	last  int
	items []*fileItem
}

// A fileItem is a file on its way to or from one member.
type fileItem struct {
	number  int
	name    string
	size    int64
	member  string
	from    relay.MemberID
	offer   *talk.FileOffer // of another member; nil for the user's own
	cancel  context.CancelFunc
	started atomic.Bool
	done    atomic.Int64 // bytes
}

// Start makes the Files ready. They end with ctx, and with Close.
func (f *Files) Start(ctx context.Context) { f.ctx, f.cancel = context.WithCancel(ctx) }

// Close ends all transfers, and waits for them.
func (f *Files) Close() {
	f.cancel()
	f.wg.Wait()
}

// Closed is closed when the transfers end.
func (f *Files) Closed() <-chan struct{} { return f.ctx.Done() }

// percent describes how much of a file is there.
func (i *fileItem) percent() string {
	if !i.started.Load() {
		return "not accepted yet"
	}
	return strconv.FormatInt(100*i.done.Load()/max(i.size, 1), 10) + " %"
}

// title describes a file.
func (i *fileItem) title() string {
	way := "to"
	if i.offer != nil {
		way = "from"
	}
	return fmt.Sprintf("%d: %s (%s) %s %s", i.number, i.name, sizeText(i.size), way, i.member)
}

// sizeText is a size for people.
func sizeText(n int64) string {
	const step = 1024
	if n < step {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/step, 0
	for ; value >= step && unit < 4; unit++ {
		value /= step
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[unit])
}

// add lists a file, if there are not too many.
func (f *Files) add(i *fileItem) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.items) >= maxListed {
		return false
	}
	f.last++
	i.number = f.last
	f.items = append(f.items, i)
	return true
}

// remove removes a file from the list, and reports whether it was there.
func (f *Files) remove(i *fileItem) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := slices.Index(f.items, i)
	if at < 0 {
		return false
	}
	f.items = slices.Delete(f.items, at, at+1)
	return true
}

// find returns a file by the number that the user typed, or nil.
func (f *Files) find(number string) *fileItem {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.items {
		if strconv.Itoa(i.number) == number {
			return i
		}
	}
	return nil
}

// Moving describes the files that are on their way, as one line, or is empty.
func (f *Files) Moving() string {
	return f.describe(func(i *fileItem) bool { return i.started.Load() })
}

// ending describes the files that end if the user leaves: those that are on their way, and the
// user's own that wait for an answer.
func (f *Files) ending() string {
	return f.describe(func(i *fileItem) bool { return i.started.Load() || i.offer == nil })
}

// describe describes some files as one line. It may be called on nil.
func (f *Files) describe(which func(*fileItem) bool) string {
	if f == nil {
		return ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, i := range f.items {
		if which(i) {
			all = append(all, i.title()+": "+i.percent())
		}
	}
	return strings.Join(all, ", ")
}

// list answers /files.
func (f *Files) list() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, i := range f.items {
		line := i.title() + ": " + i.percent()
		if i.offer != nil && !i.started.Load() {
			line = fmt.Sprintf("%s: /accept %d or /refuse %[2]d", i.title(), i.number)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "no file is offered or on its way"
	}
	return strings.Join(lines, "\n")
}

// send answers /send.
func (f *Files) send(args string) string {
	to := slices.Clone(f.Room.Members())
	if name, rest, one := strings.Cut(args, " "); strings.HasPrefix(name, "@") {
		to = slices.DeleteFunc(to, func(m talk.Member) bool { return "@"+m.Name != name })
		if len(to) == 0 {
			return noMember(name[1:])
		}
		if args = strings.TrimSpace(rest); !one {
			args = ""
		}
	}
	switch {
	case args == "":
		return "a file is missing: /send FILE, or /send @NAME FILE"
	case len(to) == 0:
		return "no other member is in the room"
	}
	info, err := os.Stat(args)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return printable.Line(args) + " does not exist"
	case err != nil:
		return printable.Line(err.Error())
	case !info.Mode().IsRegular():
		return printable.Line(args) + " is no file; seal send sends folders"
	}
	for _, m := range to {
		i := &fileItem{name: filepath.Base(args), size: info.Size(), member: m.Name}
		if !f.add(i) {
			return "too many files wait"
		}
		f.run(i, func(ctx context.Context) error { return f.sendTo(ctx, i, args, m) })
	}
	return fmt.Sprintf("%s (%s) is offered to %d; /files shows the progress",
		printable.Line(filepath.Base(args)), sizeText(info.Size()), len(to))
}

// run runs a transfer, and reports its end.
func (f *Files) run(i *fileItem, do func(context.Context) error) {
	ctx, cancel := context.WithCancel(f.ctx)
	f.mu.Lock()
	i.cancel = cancel
	f.mu.Unlock()
	f.wg.Go(func() {
		defer cancel()
		err := do(ctx)
		f.remove(i)
		switch {
		case f.ctx.Err() != nil:
		case err == nil && i.offer == nil:
			f.Notify(i.member + " has received " + printable.Line(i.name))
		case errors.Is(err, context.Canceled) && !errors.Is(err, talk.ErrFileUnconfirmed):
			f.Notify(printable.Line(i.title()) + ": stopped")
		case err != nil:
			f.Notify(printable.Line(i.title() + ": " + strings.TrimPrefix(err.Error(), "talk: ")))
		}
	})
}

// sendTo sends a file to a member.
func (f *Files) sendTo(ctx context.Context, i *fileItem, path string, m talk.Member) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return f.Room.SendFile(ctx, m, i.name, i.size, &countedReader{file, i})
}

// A countedReader counts what is sent.
type countedReader struct {
	io.Reader
	item *fileItem
}

func (c *countedReader) Read(p []byte) (int, error) {
	c.item.started.Store(true)
	n, err := c.Reader.Read(p)
	c.item.done.Add(int64(n))
	return n, err
}

// Offered takes an offer, and returns what the user should know.
func (f *Files) Offered(from talk.Member, o *talk.FileOffer) string {
	i := &fileItem{name: o.Name, size: o.Size, member: from.Name, from: from.ID, offer: o}
	why := "the member takes no files here"
	if f.Create != nil {
		if f.add(i) {
			return printable.Line(fmt.Sprintf("%s offers %s (%s): /accept %d or /refuse %[4]d",
				from.Name, o.Name, sizeText(o.Size), i.number))
		}
		why = "too many files wait"
	}
	f.wg.Go(func() { f.Room.RefuseFile(f.ctx, o, why) })
	return printable.Line(fmt.Sprintf("%s offered %s (%s), which was refused: %s",
		from.Name, o.Name, sizeText(o.Size), why))
}

// Withdrawn takes the end of an offer, and returns what the user should know.
func (f *Files) Withdrawn(from talk.Member, o *talk.FileOffer) string {
	f.mu.Lock()
	at := slices.IndexFunc(f.items, func(i *fileItem) bool { return i.offer == o })
	if at >= 0 {
		f.items = slices.Delete(f.items, at, at+1)
	}
	f.mu.Unlock()
	if at < 0 {
		return ""
	}
	return printable.Line(from.Name + " has taken back the offer of " + o.Name)
}

// Left takes the end of a member, whose offers that wait end with it.
func (f *Files) Left(m talk.Member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.items = slices.DeleteFunc(f.items, func(i *fileItem) bool {
		return i.offer != nil && i.from == m.ID && !i.started.Load()
	})
}

// answer answers /accept, /refuse and /stop.
func (f *Files) answer(command, number string) string {
	i := f.find(number)
	if i == nil {
		return "no file has that number; /files lists them"
	}
	started := i.started.Load()
	switch {
	case command == "stop" || command == "refuse" && i.offer == nil:
		return f.stop(i)
	case i.offer == nil:
		return "the other member has to accept that file"
	case started:
		return "that file is on its way; /stop " + number + " ends it"
	case command == "refuse":
		f.remove(i)
		f.wg.Go(func() { f.Room.RefuseFile(f.ctx, i.offer, "it was declined") })
		return "refused: " + printable.Line(i.name)
	}
	stored, err := f.Create(f.ctx, i.name, i.size)
	if err != nil {
		return printable.Line("not accepted: " + strings.TrimPrefix(err.Error(), "transfer: "))
	}
	i.started.Store(true)
	f.run(i, func(ctx context.Context) error { return f.receive(ctx, i, stored) })
	return "receiving " + printable.Line(i.title()) + " as " + printable.Line(stored.Name())
}

// stop ends a file of either direction.
func (f *Files) stop(i *fileItem) string {
	f.mu.Lock()
	cancel := i.cancel
	f.mu.Unlock()
	if cancel == nil {
		return "that file is not on its way; /refuse it"
	}
	cancel()
	return "stopping " + printable.Line(i.title())
}

// receive receives a file that was accepted.
func (f *Files) receive(ctx context.Context, i *fileItem, stored Stored) error {
	defer stored.Close()
	err := f.Room.ReceiveFile(ctx, i.offer, &countedSink{stored, i})
	if err == nil || errors.Is(err, talk.ErrFileUnconfirmed) {
		f.Notify(printable.Line(fmt.Sprintf("received %s (%s) from %s", stored.Name(),
			sizeText(i.size), i.member)))
	}
	return err
}

// A countedSink counts what is received.
type countedSink struct {
	talk.FileSink
	item *fileItem
}

func (c *countedSink) Write(p []byte) (int, error) {
	n, err := c.FileSink.Write(p)
	c.item.done.Add(int64(n))
	return n, err
}
