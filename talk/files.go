package talk

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"sync"

	"github.com/sealsock/sealsock/internal/pathless"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/internal/safename"
	"github.com/sealsock/sealsock/relay"
)

const (
	// MaxFiles is how many files one member offers to another at a time.
	MaxFiles = 16
	// MaxFileSize is the size of the largest file in bytes: 2^50.
	MaxFileSize = 1 << 50

	fileChunk = 32 << 10 // bytes of a frame with data
	// fileWindow is how many bytes of a file are on their way, or wait to be written.
	fileWindow = 1 << 20
)

// Errors of files.
var (
	// ErrFileRefused: the other member does not take the file, or takes no more of it.
	ErrFileRefused = errors.New("the file was refused")
	// ErrFileStopped: the member that offered a file has taken it back.
	ErrFileStopped = errors.New("the sender has stopped")
	// ErrFileCorrupt: what has arrived is not what was sent.
	ErrFileCorrupt = errors.New("the checksum of the file differs")
	// ErrFileName: a file has a name that a receiver must not create.
	ErrFileName = errors.New("unsafe name")
	// ErrFileUnconfirmed: a file was received whole and stored, and its sender was not told.
	ErrFileUnconfirmed = errors.New("the file is stored, and its sender was not told")
)

// A FileOffer is a file that another member offers, with a name that is safe to create in a
// folder. It is answered with [Room.ReceiveFile] or [Room.RefuseFile].
type FileOffer struct {
	Name string
	Size int64

	member relay.MemberID
	number uint32
	about  *fileReceiving
}

// A FileSink takes a file. Write may wait: the texts of the member do not wait for it.
type FileSink interface {
	io.Writer
	// Commit is called once, when all has been written and the checksum is right. The sender
	// is told that the file was received if it returns nil.
	Commit() error
}

// fileSet has the files of a peer. Its fields belong to its lock.
type fileSet struct {
	mu       sync.Mutex
	next     uint32 // the number of the last file that was offered
	outgoing map[uint32]*fileSending
	incoming map[uint32]*fileReceiving
}

// A fileSending is a file that this member offers.
type fileSending struct {
	answers chan fileFrame // accept, more, stored, refuse
}

// A fileReceiving is a file that another member offers.
type fileReceiving struct {
	offer    *FileOffer
	accepted bool
	refused  bool           // and the sender will be told so
	arrived  int64          // bytes; belongs to the reader of the peer
	frames   chan fileFrame // data, end, stop
}

// SendFile offers a file of size bytes to a member, waits until the member accepts it, sends
// content, and returns when the member has stored it. content is not read before the member
// accepts. The error has ErrFileRefused if it refuses. If ctx ends, the member is told.
func (r *Room) SendFile(
	ctx context.Context, to Member, name string, size int64, content io.Reader,
) error {
	if !r.usable() || content == nil {
		return errNotMade
	}
	if err := checkFile(name, size); err != nil {
		return err
	}
	p := r.peerOf(to.ID)
	if p == nil {
		return fmt.Errorf("talk: %s: %w", to.Name, ErrNoMember)
	}
	number, s, err := p.files.offer()
	if err != nil {
		return err
	}
	defer p.files.forgetOutgoing(number)
	err = p.control(ctx, fileFrame{kind: frameOffer, number: number, size: size, name: name})
	if err == nil {
		err = p.sendFile(ctx, number, s, size, content)
	}
	if err != nil && !errors.Is(err, ErrFileRefused) {
		tell(func() {
			p.control(context.WithoutCancel(ctx), fileFrame{kind: frameStop, number: number})
		})
	}
	return err
}

// checkFile reports why a file cannot be offered.
func checkFile(name string, size int64) error {
	if err := safename.CheckPart(name); err != nil {
		return fmt.Errorf("talk: %w: %w", ErrFileName, err)
	}
	if size < 0 || size > MaxFileSize {
		return fmt.Errorf("talk: a file of %d bytes: %w", size, os.ErrInvalid)
	}
	return nil
}

// peerOf returns a member that texts go to, or nil.
func (r *Room) peerOf(id relay.MemberID) *peer {
	for _, p := range r.present() {
		if p.link.Peer() == id {
			return p
		}
	}
	return nil
}

// offer reserves a number for a file.
func (f *fileSet) offer() (uint32, *fileSending, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.outgoing) >= MaxFiles {
		return 0, nil, fmt.Errorf("talk: %d files wait for the member already: %w", MaxFiles,
			os.ErrInvalid)
	}
	if f.outgoing == nil {
		f.outgoing = make(map[uint32]*fileSending)
	}
	f.next++
	s := &fileSending{answers: make(chan fileFrame, 2+fileWindow/fileChunk)}
	f.outgoing[f.next] = s
	return f.next, s, nil
}

func (f *fileSet) forgetOutgoing(number uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.outgoing, number)
}

// sendFile sends a file that was offered.
func (p *peer) sendFile(
	ctx context.Context, number uint32, s *fileSending, size int64, content io.Reader,
) error {
	answer, err := p.answer(ctx, s)
	if err != nil {
		return err
	}
	if answer.kind != frameAccept {
		return p.violated()
	}
	sum := sha256.New()
	if err := p.sendData(ctx, number, s, size, io.TeeReader(content, sum)); err != nil {
		return err
	}
	end := fileFrame{kind: frameEnd, number: number, data: sum.Sum(nil)}
	if err := p.control(ctx, end); err != nil {
		return err
	}
	for {
		answer, err := p.answer(ctx, s)
		switch {
		case err != nil:
			return err
		case answer.kind == frameStored:
			return nil
		case answer.kind != frameMore:
			return p.violated()
		}
	}
}

// sendData sends the bytes of a file, as many as the other member has space for.
func (p *peer) sendData(
	ctx context.Context, number uint32, s *fileSending, size int64, content io.Reader,
) (err error) {
	buf := make([]byte, fileChunk)
	for sent, stored := int64(0), int64(0); sent < size; {
		for sent-stored > fileWindow-fileChunk {
			if stored, err = p.more(ctx, s, stored, sent); err != nil {
				return err
			}
		}
		b := buf[:min(fileChunk, size-sent)]
		if _, err := io.ReadFull(content, b); err != nil {
			return fmt.Errorf("talk: the file was not read whole: %w", err)
		}
		if err := p.control(ctx, fileFrame{kind: frameData, number: number, data: b}); err != nil {
			return err
		}
		sent += int64(len(b))
	}
	return nil
}

// more waits until the other member has written more of a file.
func (p *peer) more(ctx context.Context, s *fileSending, stored, sent int64) (int64, error) {
	answer, err := p.answer(ctx, s)
	if err != nil {
		return 0, err
	}
	if answer.kind != frameMore || answer.size <= stored || answer.size > sent {
		return 0, p.violated()
	}
	return answer.size, nil
}

// violated ends the connection to a member that breaks the protocol.
func (p *peer) violated() error {
	p.end(errFrame)
	return errFrame
}

// answer waits for the next frame about a file that was offered.
func (p *peer) answer(ctx context.Context, s *fileSending) (fileFrame, error) {
	select {
	case f := <-s.answers:
		if f.kind == frameRefuse {
			return f, fmt.Errorf("talk: %w: %s", ErrFileRefused, reasonOf(f.name))
		}
		return f, nil
	case <-p.over:
		return fileFrame{}, p.gone()
	case <-ctx.Done():
		return fileFrame{}, context.Cause(ctx)
	}
}

// reasonOf is a text of another member as a line that is safe to show.
func reasonOf(text string) string {
	if text = printable.Line(text); text == "" {
		return "no reason was given"
	}
	return text
}

// control sends a frame about a file. Texts go first.
func (p *peer) control(ctx context.Context, f fileFrame) error {
	select {
	case p.bulk <- f.append(nil):
		return nil
	case <-p.over:
		return p.gone()
	case <-p.written: // before its end as well, where this side leaves
		select {
		case <-p.over:
			return p.gone()
		default:
			return net.ErrClosed
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// fileFrame takes a frame about a file. It waits only for events to be received, as texts do.
func (p *peer) fileFrame(b []byte) error {
	f, err := parseFileFrame(b)
	if err != nil {
		return err
	}
	kind, offer, err := p.files.take(p, f)
	if err != nil || offer == nil {
		return err
	}
	p.room.mu.Lock()
	member := p.info
	p.room.mu.Unlock()
	p.room.events.put(&Event{Kind: kind, Member: member, File: offer}, p.over)
	return nil
}

// take takes a frame about a file. It returns the kind of the event that follows, and its
// offer, or nil.
func (f *fileSet) take(p *peer, frame fileFrame) (EventKind, *FileOffer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch frame.kind {
	case frameOffer:
		offer, err := p.offered(frame)
		return Offered, offer, err
	case frameStop:
		r := f.incoming[frame.number]
		switch {
		case r == nil || r.refused: // its refusal is on its way, and keeps its place until then
			return 0, nil, nil
		case !r.accepted:
			delete(f.incoming, frame.number)
			return Withdrawn, r.offer, nil
		}
		fallthrough
	case frameData, frameEnd:
		return 0, nil, f.incoming[frame.number].take(frame)
	}
	s := f.outgoing[frame.number]
	if s == nil {
		return 0, nil, nil // of a file that was taken back
	}
	select {
	case s.answers <- frame:
		return 0, nil, nil
	default:
		return 0, nil, errFrame // more answers than there can be
	}
}

// offered takes an offer. A name that is unsafe here is refused. The caller holds the lock of
// files.
func (p *peer) offered(f fileFrame) (*FileOffer, error) {
	if p.files.incoming == nil {
		p.files.incoming = make(map[uint32]*fileReceiving)
	}
	// The sender may know of an end before it is noted here.
	if p.files.incoming[f.number] != nil || len(p.files.incoming) >= 2*MaxFiles {
		return nil, errFrame
	}
	r := &fileReceiving{
		offer:  &FileOffer{Name: f.name, Size: f.size, member: p.link.Peer(), number: f.number},
		frames: make(chan fileFrame, 4+fileWindow/fileChunk)}
	r.offer.about = r
	p.files.incoming[f.number] = r
	if checkFile(f.name, f.size) != nil {
		r.refused = true
		p.room.wg.Go(func() { p.refuse(p.room.ctx, f.number, "the name of the file is not safe") })
		return nil, nil
	}
	return r.offer, nil
}

// take takes a frame of a file. A nil fileReceiving was refused: what was on its way is
// dropped.
func (r *fileReceiving) take(f fileFrame) error {
	if r == nil {
		return nil
	}
	if f.kind == frameData {
		r.arrived += int64(len(f.data))
	}
	if f.kind != frameStop && !r.accepted || r.arrived > r.offer.Size {
		return errFrame
	}
	select {
	case r.frames <- f:
		return nil
	default:
		return errFrame // more than fileWindow is on its way
	}
}

// answer returns a file that is offered, or nil if the offer was answered or taken back. The sender
// may have given its number to another one. The caller holds the lock.
func (f *fileSet) answer(o *FileOffer) *fileReceiving {
	r := f.incoming[o.number]
	if r == nil || r != o.about || r.accepted || r.refused {
		return nil
	}
	return r
}

// refuse tells the sender of a file that it is not taken, and forgets it.
func (p *peer) refuse(ctx context.Context, number uint32, reason string) error {
	err := p.control(ctx, fileFrame{kind: frameRefuse, number: number, name: reason})
	p.files.mu.Lock()
	defer p.files.mu.Unlock()
	delete(p.files.incoming, number)
	return err
}

// RefuseFile refuses an offer. The reason, at most 256 bytes of it, is shown to the sender. An
// offer that was answered or taken back stays as it is.
func (r *Room) RefuseFile(ctx context.Context, o *FileOffer, reason string) error {
	if !r.usable() || o == nil {
		return errNotMade
	}
	p := r.peerOf(o.member)
	if p == nil {
		return nil // it has left, and its offer with it
	}
	p.files.mu.Lock()
	f := p.files.answer(o)
	if f != nil {
		f.refused = true
	}
	p.files.mu.Unlock()
	if f == nil {
		return nil
	}
	return p.refuse(ctx, o.number, reason)
}

// ReceiveFile accepts an offer, writes the file to sink, compares its SHA-256 with the
// sender's, and calls Commit. If it fails, or ctx ends, the sender is told. An error that is
// ErrFileUnconfirmed is one of what follows Commit: the file is stored.
func (r *Room) ReceiveFile(ctx context.Context, o *FileOffer, sink FileSink) error {
	if !r.usable() || o == nil || sink == nil {
		return errNotMade
	}
	p := r.peerOf(o.member)
	if p == nil {
		return fmt.Errorf("talk: the sender of %q has left: %w", o.Name, ErrNoMember)
	}
	p.files.mu.Lock()
	f := p.files.answer(o)
	if f != nil {
		f.accepted = true
	}
	p.files.mu.Unlock()
	if f == nil {
		return fmt.Errorf("talk: %q was answered already, or taken back: %w", o.Name, os.ErrInvalid)
	}
	err := p.control(ctx, fileFrame{kind: frameAccept, number: o.number})
	if err == nil {
		err = p.receiveFile(ctx, o, f, sink)
	}
	if err == nil {
		err = p.control(ctx, fileFrame{kind: frameStored, number: o.number})
		p.files.mu.Lock()
		defer p.files.mu.Unlock()
		delete(p.files.incoming, o.number)
		if err != nil {
			return fmt.Errorf("talk: %q: %w: %w", o.Name, ErrFileUnconfirmed, err)
		}
		return nil
	}
	tell(func() {
		p.refuse(context.WithoutCancel(ctx), o.number, "the receiver has stopped: "+pathless.Text(err))
	})
	return err
}

// receiveFile writes a file that was accepted.
func (p *peer) receiveFile(
	ctx context.Context, o *FileOffer, f *fileReceiving, sink FileSink,
) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(sink, fileChunk) // of a hostile sender each byte may be a frame
	var stored, told int64
	for {
		var next fileFrame
		select {
		case next = <-f.frames:
		case <-p.over:
			return fmt.Errorf("talk: the sender of %q has left: %w", o.Name, ErrNoMember)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		switch next.kind {
		case frameStop:
			return fmt.Errorf("talk: %q: %w", o.Name, ErrFileStopped)
		case frameEnd:
			if err := out.Flush(); err != nil {
				return err
			}
			return endFile(o, stored, sum, next.data, sink)
		}
		sum.Write(next.data)
		if _, err := out.Write(next.data); err != nil {
			return err
		}
		if stored += int64(len(next.data)); stored-told < fileWindow/4 {
			continue
		}
		told = stored
		more := fileFrame{kind: frameMore, number: o.number, size: stored}
		if err := p.control(ctx, more); err != nil {
			return err
		}
	}
}

// endFile compares a file with its checksum, and commits it.
func endFile(o *FileOffer, stored int64, sum hash.Hash, want []byte, sink FileSink) error {
	if stored != o.Size || string(sum.Sum(nil)) != string(want) {
		return fmt.Errorf("talk: %q: %w", o.Name, ErrFileCorrupt)
	}
	return sink.Commit()
}
