package stream

import (
	"context"
	"io"
)

// What io.Copy calls. Each of its own reads and writes would be half of a batch.

const (
	// copySize is how much is moved at once in bulk: what a batch of records holds.
	copySize = batch * 16384
	// waitSize is the room that a copy has while it waits, so that many can be idle.
	waitSize = 2048
)

var copies = newBuffers(copySize)

// A room is the buffer of a copy: small until a read has filled it, and again after one
// that would have fit into the small one.
type room struct {
	small []byte
	large *buffer
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

func (r *room) free() {
	if r.large != nil {
		copies.Put(r.large)
		r.large = nil
	}
}

// ReadFrom implements io.ReaderFrom.
func (c *Conn) ReadFrom(src io.Reader) (n int64, err error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
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
	}
}

// WriteTo implements io.WriterTo.
func (c *Conn) WriteTo(dst io.Writer) (n int64, err error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	r := newRoom()
	defer r.free()
	for {
		m, err := c.Read(r.bytes())
		if m > 0 {
			wrote, writeErr := dst.Write(r.bytes()[:m])
			n += int64(wrote)
			switch {
			case writeErr != nil:
				return n, writeErr
			case wrote < m:
				return n, io.ErrShortWrite
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		r.fit(m)
	}
}
