package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"
)

// A delivery sends files over one connection.
type delivery struct {
	files  *Files
	frames *frames
	notify func(Event)
	count  func(done int64)
	done   int64 // bytes that the receiver has, or that are on their way
	answer chan error
}

// run sends everything and returns when the receiver has stored it.
func (d *delivery) run(ctx context.Context) error {
	if err := d.offer(); err != nil {
		return err
	}
	haves, err := d.haves()
	if err != nil {
		return err
	}
	d.answer = make(chan error, 1)
	go func() {
		_, err := d.frames.expect(frameReceived)
		d.answer <- err
	}()
	for i := range d.files.list.entries {
		if !d.files.list.entries[i].isFile() {
			continue
		}
		h, some := haves[uint32(i)]
		if err := d.file(ctx, i, h, some); err != nil {
			return d.because(err)
		}
	}
	if err := d.frames.send(frameDone); err != nil {
		return d.because(err)
	}
	return <-d.answer
}

// because returns what the receiver has reported, if it has, for an error of sending.
func (d *delivery) because(err error) error {
	if !failing(err) {
		return err
	}
	select {
	case answer := <-d.answer:
		if answer != nil && !failing(answer) {
			return answer
		}
	case <-time.After(time.Second):
	}
	return err
}

// offer sends the list.
func (d *delivery) offer() error {
	if err := d.frames.send(frameOffer, offerBody(&d.files.list)); err != nil {
		return err
	}
	var batch []byte
	for i := range d.files.list.entries {
		batch = d.files.list.entries[i].append(batch)
		if len(batch) >= batchSize || i == len(d.files.list.entries)-1 {
			if err := d.frames.send(frameEntries, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}

// haves receives what the receiver has, until it asks for the rest.
func (d *delivery) haves() (map[uint32]have, error) {
	all := make(map[uint32]have)
	for {
		kind, body, err := d.frames.receive()
		switch {
		case err != nil:
			return nil, err
		case kind == frameGo && len(body) == 0:
			return all, nil
		case kind != frameHave:
			return nil, protocolError("a frame of kind %d after the offer", kind)
		}
		if err := parseHaves(body, &d.files.list, all); err != nil {
			return nil, err
		}
	}
}

// file sends what the receiver lacks of a file.
func (d *delivery) file(ctx context.Context, i int, h have, some bool) error {
	e := &d.files.list.entries[i]
	f, err := d.files.open(i)
	if err != nil {
		return err
	}
	defer f.Close()
	sum, offset := sha256.New(), int64(0)
	if some && h.length > 0 {
		if sum, offset, err = resume(ctx, f, &h); err != nil {
			return err
		}
	}
	d.add(offset)
	if err := d.frames.send(frameFile, fileBody(i, offset)); err != nil {
		return err
	}
	if err := d.data(ctx, f, sum, e, e.size-offset); err != nil {
		return err
	}
	if err := d.frames.send(frameEnd, sum.Sum(nil)); err != nil {
		return err
	}
	d.notify(Event{Kind: FileDone, Name: e.name})
	return nil
}

// resume compares the begin of a file with what the receiver has. If it is the same, the file
// is behind it, and otherwise at its start.
func resume(ctx context.Context, f *os.File, h *have) (hash.Hash, int64, error) {
	sum := sha256.New()
	if err := hashBegin(ctx, sum, f, h.length); err != nil {
		return nil, 0, err
	}
	if [sha256.Size]byte(sum.Sum(nil)) == h.sum {
		return sum, h.length, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errFile, err)
	}
	return sha256.New(), 0, nil
}

// hashBegin adds the first length bytes of r to a hash.
func hashBegin(ctx context.Context, sum hash.Hash, r io.Reader, length int64) error {
	const step = 16 << 20
	for length > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := io.CopyN(sum, r, min(length, step))
		length -= n
		if err == io.EOF {
			return fmt.Errorf("transfer: a file is shorter now: %w", ErrChanged)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errFile, err)
		}
	}
	return nil
}

func (d *delivery) add(n int64) {
	d.done += n
	d.count(d.done)
}

// data sends the next rest bytes of a file. One goroutine reads and hashes ahead of the one
// that sends.
func (d *delivery) data(
	ctx context.Context, f io.Reader, sum hash.Hash, e *entry, rest int64,
) error {
	ahead := readAhead(f, sum, rest)
	defer ahead.stop()
	for rest > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		select {
		case err := <-d.answer:
			if err == nil {
				err = protocolError("it has received what was not sent")
			}
			d.answer <- err
			return err
		default:
		}
		b, err := ahead.next()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("transfer: %s: %w", e.name, ErrChanged)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errFile, err)
		}
		if err := d.frames.messages.Send(b); err != nil {
			return err
		}
		n := int64(len(b) - 1)
		ahead.free(b)
		rest -= n
		d.add(n)
	}
	return nil
}

// An aheadReader makes frames of a file.
type aheadReader struct {
	full  chan []byte
	empty chan []byte
	over  chan struct{}
	ended chan struct{}
	err   error // valid when full is closed
}

// readAhead reads rest bytes of f into frames of data, and adds them to sum.
func readAhead(f io.Reader, sum hash.Hash, rest int64) *aheadReader {
	const buffers = 4
	a := &aheadReader{
		full: make(chan []byte, buffers), empty: make(chan []byte, buffers),
		over: make(chan struct{}), ended: make(chan struct{}),
	}
	for range min(buffers, 1+rest/maxData) {
		a.empty <- make([]byte, 1+min(maxData, rest))
	}
	go func() {
		defer close(a.ended)
		defer close(a.full)
		for rest > 0 && a.err == nil {
			var b []byte
			select {
			case b = <-a.empty:
			case <-a.over:
				return
			}
			b = b[:1+min(int64(cap(b)-1), rest)]
			b[0] = frameData
			if _, a.err = io.ReadFull(f, b[1:]); a.err == nil {
				sum.Write(b[1:])
				rest -= int64(len(b) - 1)
				a.full <- b
			}
		}
	}()
	return a
}

func (a *aheadReader) next() ([]byte, error) {
	b, ok := <-a.full
	if !ok {
		return nil, a.err
	}
	return b, nil
}

func (a *aheadReader) free(b []byte) { a.empty <- b[:cap(b)] }

func (a *aheadReader) stop() {
	close(a.over)
	<-a.ended
}
