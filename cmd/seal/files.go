package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/sealsock/sealsock/internal/readfile"
)

// interruptibly runs read, which reads files that flags name or asks for a
// password, and stops waiting for it when ctx is done: a file may be a pipe that
// no program writes to. The caller then ends the process, and read with it.
func interruptibly[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		passwordEcho.restore()
		var none T
		return none, context.Cause(ctx)
	}
}

// passwordEcho is the terminal while a password is typed.
var passwordEcho terminalEcho

// terminalEcho remembers how a terminal was before its echo was turned off.
type terminalEcho struct {
	mu    sync.Mutex
	file  *os.File
	state *term.State
}

// off notes the state of f before its echo is turned off; on forgets it.
func (e *terminalEcho) off(f *os.File) {
	state, err := term.GetState(int(f.Fd()))
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.file, e.state = f, state
}

func (e *terminalEcho) on() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.file, e.state = nil, nil
}

// restore turns the echo on again for a password that was interrupted.
func (e *terminalEcho) restore() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.file != nil {
		_ = term.Restore(int(e.file.Fd()), e.state) // the process ends anyway
		e.file, e.state = nil, nil
	}
}

// readBounded reads a file, or standard input for "-".
func readBounded(ctx context.Context, name string, limit int64) ([]byte, error) {
	data, err := interruptibly(ctx, func() ([]byte, error) {
		if name != "-" {
			return readfile.Read(ctx, name, limit)
		}
		data, err := io.ReadAll(io.LimitReader(os.Stdin, limit+1))
		if err == nil && int64(len(data)) > limit {
			err = &readfile.TooLargeError{Path: "standard input", Most: limit}
		}
		return data, err
	})
	var large *readfile.TooLargeError
	switch {
	case err == nil:
		return data, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &large):
		return nil, failed(err, "%v", large).hinted("certificates and keys have a few kilobytes: check " +
			"the name")
	}
	return nil, failed(err, "%s cannot be read: %v", name, cause(err)).
		hinted("check the name and the folder")
}
