package stream

import (
	"context"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/sealsock/sealsock/internal/segment"
)

// What io.Copy calls. Each of its own reads and writes would be half of a batch.

const (
	// copySize is how much is moved at once in bulk: what a batch of records holds.
	copySize = segment.Data
	// waitSize is the room that a copy has while it waits, so that many can be idle.
	waitSize = 2048
	// wideSize is what ReadFrom moves at once where several processors can seal it. At most
	// as many copies as there are processors do so at a time.
	wideSize = 8 * copySize
)

var copies, wideCopies = newBuffers(copySize), newBuffers(wideSize)

// wides is the number of copies that have wideSize bytes.
var wides atomic.Int32

// A room is the buffer of a copy: small until a read has filled it, and again after one
// that would have fit into the small one. It becomes wide, if that is allowed, once a read has
// filled the large one.
type room struct {
	small []byte
	large *buffer
	wide  bool // large has wideSize bytes
}

func newRoom() *room { return &room{small: make([]byte, waitSize)} }

func (r *room) bytes() []byte {
	if r.large != nil {
		return r.large.b
	}
	return r.small
}

// fit chooses the size for the next read, after one of n bytes.
func (r *room) fit(n int) {
	switch {
	case r.large == nil && n == len(r.small):
		r.large = copies.Get().(*buffer)
	case r.large != nil && n < len(r.small):
		r.free()
	}
}

// widen makes a room wide after a read of n bytes that has filled it, or large again after one
// that would have fit.
func (r *room) widen(n int) {
	switch {
	case r.wide && n <= copySize:
		r.free()
		r.large = copies.Get().(*buffer)
	case !r.wide && r.large != nil && n == copySize:
		procs := runtime.GOMAXPROCS(0)
		if procs == 1 {
			return
		}
		if wides.Add(1) > int32(procs) {
			wides.Add(-1)
			return
		}
		r.free()
		r.large, r.wide = wideCopies.Get().(*buffer), true
	}
}

func (r *room) free() {
	switch {
	case r.wide:
		wides.Add(-1)
		wideCopies.Put(r.large)
	case r.large != nil:
		copies.Put(r.large)
	}
	r.large, r.wide = nil, false
}

// ReadFrom implements io.ReaderFrom.
func (c *Conn) ReadFrom(src io.Reader) (n int64, err error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	if on, _ := c.KernelTLS(); on {
		if n, err = c.copyByKernel(src); err != nil {
			return n, err
		}
	}
	r := newRoom()
	defer r.free()
	for {
		m, err := src.Read(r.bytes())
		if m > 0 {
			wrote, writeErr := c.Write(r.bytes()[:m])
			n += int64(wrote)
			if writeErr != nil {
				return n, writeErr
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		r.fit(m)
		r.widen(m)
	}
}

// WriteTo implements io.WriterTo. It has no buffer while it waits, so that many can be idle.
func (c *Conn) WriteTo(dst io.Writer) (n int64, err error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	for {
		if err := c.await(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		wrote, err := c.passOn(dst)
		if n += wrote; err != nil {
			return n, err
		}
	}
}

// passOn writes what has arrived to dst.
func (c *Conn) passOn(dst io.Writer) (n int64, err error) {
	buf := copies.Get().(*buffer)
	defer copies.Put(buf)
	m, err := c.Read(buf.b)
	if m > 0 {
		wrote, writeErr := dst.Write(buf.b[:m])
		n = int64(wrote)
		switch {
		case writeErr != nil:
			return n, writeErr
		case wrote < m:
			return n, io.ErrShortWrite
		}
	}
	if err == io.EOF {
		err = nil // the next call finds it again
	}
	return n, err
}
