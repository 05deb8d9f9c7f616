package main

import (
	"context"
	"io"
	"sync"
)

// An inputReader reads one input for successive connections: what a
// connection did not take is there for the next one.
type inputReader struct {
	src   io.Reader
	once  sync.Once
	full  chan chunk
	empty chan []byte
	spent []byte // what next returned last
	end   error  // after the last chunk
}

type chunk struct {
	b   []byte
	err error
}

func newInputReader(src io.Reader) *inputReader {
	f := &inputReader{src: src, full: make(chan chunk), empty: make(chan []byte, 2)}
	f.empty <- make([]byte, bufferSize)
	f.empty <- make([]byte, bufferSize)
	return f
}

// next returns what was read, which is the caller's until the next call, or the
// error that ended the input, or the end of ctx. It is for one goroutine at a time.
func (f *inputReader) next(ctx context.Context) ([]byte, error) {
	f.start()
	if f.spent != nil {
		f.empty <- f.spent[:cap(f.spent)]
		f.spent = nil
	}
	if f.end != nil {
		return nil, f.end
	}
	select {
	case c := <-f.full:
		if c.err != nil {
			f.end = c.err
			return nil, c.err
		}
		f.spent = c.b
		return c.b, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// start begins to read ahead; next does so too.
func (f *inputReader) start() { f.once.Do(func() { go f.read() }) }

// read reads ahead by one buffer, until the input ends. A file cannot be
// interrupted while it is read, so this goroutine may outlive the connections.
func (f *inputReader) read() {
	for {
		b := <-f.empty
		n, err := f.src.Read(b)
		if n > 0 {
			f.full <- chunk{b: b[:n]}
		}
		if err != nil {
			f.full <- chunk{err: err}
			return
		}
		if n == 0 {
			f.empty <- b
		}
	}
}
