package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/sealsock/sealsock/internal/printable"
)

// stdio is the input and the output of this side.
type stdio struct {
	in      *inputReader
	out     io.Writer
	typed   bool // a user types the input
	piped   bool // another program writes the input
	restore func()
	escapes *escapes // the escapes of the user; nil without a terminal
	size    int64    // bytes of the input, if it is a file; else 0
}

// attach makes conn the connection that the user's escapes are for, until detach.
func (e *stdio) attach(conn tlsConn) (detach func()) {
	if e.escapes == nil {
		return func() {}
	}
	return e.escapes.attach(conn)
}

// openStdio opens standard input and output. If both are a terminal, they become
// a console; the context ends with Ctrl-C then too.
func openStdio(ctx context.Context, out *output) (context.Context, *stdio, error) {
	e := &stdio{in: newInputReader(os.Stdin), out: os.Stdout, typed: isTerminal(os.Stdin), restore: func() {}}
	if info, err := os.Stdin.Stat(); err == nil {
		e.piped = info.Mode()&fs.ModeNamedPipe != 0
		if start, err := os.Stdin.Seek(0, io.SeekCurrent); err == nil && info.Mode().IsRegular() {
			e.size = info.Size() - start
		}
	}
	if !e.typed || !isTerminal(os.Stdout) {
		return ctx, e, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c, err := openConsole(os.Stdin, os.Stdout, func() { cancel(&interrupted{os.Interrupt}) })
	if err != nil {
		cancel(nil)
		return nil, nil, failed(err, "the terminal cannot be used: %v", err).hinted("send standard input or output elsewhere: seal ... | cat")
	}
	e.escapes = &escapes{out: out}
	c.escapes = e.escapes
	e.in, e.out = newInputReader(c), c
	e.in.start() // so that Ctrl-C takes effect before there is a connection
	back := func() {}
	if isTerminal(os.Stderr) {
		back = out.redirect(c.editor)
	}
	e.restore = func() {
		back()
		c.close()
		cancel(nil)
	}
	return ctx, e, nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// A console keeps the line being typed apart from what is written meanwhile: what
// is typed goes out line by line, and what arrives appears above it. Control
// characters that arrive are replaced: they cannot move the cursor or hide text.
type console struct {
	in, out   *os.File
	before    *term.State
	editor    *term.Terminal
	interrupt func()
	escapes   *escapes
	outBefore func()

	rest []byte // of a line that was read in part

	mu   sync.Mutex
	held []byte // the start of a character, or a carriage return, whose rest is to come
}

func openConsole(in, out *os.File, interrupt func()) (*console, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	c := &console{in: in, out: out, before: before, interrupt: interrupt, outBefore: prepareOutput(out)}
	c.editor = term.NewTerminal(c.device(), "")
	c.fit()
	return c, nil
}

// close restores the state of the terminal.
func (c *console) close() {
	c.flush()
	c.outBefore()
	term.Restore(int(c.in.Fd()), c.before)
}

// fit sets the editor's width and height to those of the terminal.
func (c *console) fit() {
	if width, height, err := term.GetSize(int(c.out.Fd())); err == nil && width > 0 {
		c.editor.SetSize(width, height)
	}
}

// Read returns what was typed, line by line, but for the lines that are escapes.
// Ctrl-D at the start of a line is the end.
func (c *console) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		c.fit()
		line, err := c.editor.ReadLine()
		if err != nil {
			return 0, err
		}
		if line, ok := c.escapes.line(line); ok {
			c.rest = append([]byte(line), '\n')
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write shows what arrived, above the line being typed.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := append(c.held, p...)
	keep := len(text) - unfinished(text)
	c.held = bytes.Clone(text[keep:])
	if keep == 0 {
		return len(p), nil
	}
	if _, err := io.WriteString(c.editor, printable.Block(string(text[:keep]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *console) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) > 0 {
		io.WriteString(c.editor, printable.Block(string(c.held)))
		c.held = nil
	}
}

// unfinished returns the number of bytes at the end of text whose meaning depends on
// the bytes that follow: those of an incomplete character, or a carriage return.
func unfinished(text []byte) int {
	if len(text) > 0 && text[len(text)-1] == '\r' {
		return 1
	}
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		tail := text[len(text)-n:]
		if utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// device is the terminal as the editor uses it. Ctrl-C does not reach the editor.
func (c *console) device() io.ReadWriter {
	return struct {
		io.Reader
		io.Writer
	}{watched{c.in, c.interrupt, c.suspend}, c.out}
}

// suspend stops the program, as Ctrl-Z does where the terminal is not raw, until the shell
// continues it.
func (c *console) suspend() {
	term.Restore(int(c.in.Fd()), c.before)
	suspendProcess()
	term.MakeRaw(int(c.in.Fd()))
	c.fit()
	c.editor.Write(nil) // shows the line being typed
}

// watched detects Ctrl-C and Ctrl-Z, which a raw terminal delivers as characters.
type watched struct {
	io.Reader
	interrupt, suspend func()
}

const ctrlC, ctrlZ = 3, 26

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if i := bytes.IndexByte(p[:n], ctrlC); i >= 0 {
		w.interrupt()
		return i, io.EOF
	}
	if bytes.IndexByte(p[:n], ctrlZ) >= 0 {
		w.suspend() // the editor ignores the character
	}
	return n, err
}
