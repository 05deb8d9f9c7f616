package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sealsock/sealsock/internal/chatscreen"
	"github.com/sealsock/sealsock/talk"
)

// A roomChat connects a room to standard input and output.
type roomChat struct {
	room     *talk.Room
	name     string // of the user
	out      *output
	stdout   io.Writer
	met      chan struct{}        // closed when the first member has joined
	screen   bool                 // the room has the whole terminal
	commands *chatscreen.Commands // of a user who types; nil for a script, whose lines are data
	files    *chatscreen.Files    // of lines
	dir      string               // for files that are received
	unsent   atomic.Int64         // lines that no member was there for
}

// run returns after the end of the input, of ctx, or of the output.
func (c *roomChat) run(ctx context.Context, flags *chatFlags) error {
	var err error
	if c.screen {
		err = c.show(ctx)
	} else {
		err = c.carry(ctx, flags)
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), chatFarewell)
	defer cancel()
	if unsent := c.room.Close(within); unsent != nil && err == nil {
		err = failed(unsent, "%v", unsent).
			hinted("ask the member what has arrived, and send the rest again")
	}
	if n := c.unsent.Load(); n > 0 && err == nil && c.commands == nil {
		err = failed(nil, "%s had no receiver: all other members had left", counted(int(n), "line")).
			hinted("send what is missing again when a member is in the room")
	}
	return causeOf(ctx, err)
}

// answer prints what is for the user alone.
func (c *roomChat) answer(text string) {
	if text != "" {
		c.out.print(talkAnswer{text})
	}
}

// carry carries lines in both directions.
func (c *roomChat) carry(ctx context.Context, flags *chatFlags) error {
	c.files = &chatscreen.Files{Room: c.room, Notify: c.answer}
	if c.commands != nil {
		c.files.Create, c.commands.Files = c.create, c.files
	}
	c.files.Start(ctx)
	defer c.files.Close()
	if c.commands != nil {
		go c.showProgress(c.files)
	}
	received := make(chan error, 1)
	go func() { received <- c.receive(ctx) }()
	sent := make(chan error, 1)
	go func() { sent <- c.send(ctx, flags.wait) }()
	select {
	case err := <-received:
		return err
	case err := <-sent:
		if err == nil && flags.stay {
			err = <-received
		}
		return err
	}
}

// receive prints what happens in the room.
func (c *roomChat) receive(ctx context.Context) error {
	met := false
	for {
		e, err := c.room.Receive(ctx)
		if err != nil {
			return err
		}
		if e.Kind == talk.Joined && !met {
			met = true
			close(c.met)
		}
		if e.Kind == talk.Text {
			_, err = io.WriteString(c.stdout, oneLine(e.Member.Name+": "+e.Text)+"\n")
			if err != nil {
				return outputError(err)
			}
			continue
		}
		if e.Kind == talk.Left {
			c.files.Left(e.Member)
		}
		switch n := talkEventOf(e); {
		case e.Kind == talk.Offered:
			c.answer(c.files.Offered(e.Member, e.File))
		case e.Kind == talk.Withdrawn:
			c.answer(c.files.Withdrawn(e.Member, e.File))
		case n.What != "":
			c.out.print(n)
		}
	}
}

// send sends the lines of the input to the room, once there is another member.
func (c *roomChat) send(ctx context.Context, wait time.Duration) error {
	if c.commands == nil || wait > 0 {
		if err := c.awaitMember(ctx, wait); err != nil {
			return err
		}
	}
	lines := make(chan string)
	var end error // of the input; valid when lines is closed
	go func() {
		// A file cannot be interrupted while it is read: this may outlive the room.
		defer close(lines)
		end = readLines(os.Stdin, func(line string) { lines <- line })
	}()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return end
			}
			if leave, err := c.line(ctx, line); leave || err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// awaitMember waits for the first other member.
func (c *roomChat) awaitMember(ctx context.Context, wait time.Duration) error {
	var late <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-c.met:
		return nil
	case <-late:
		return failed(nil, "no other member has joined within %v", wait).
			hinted("--wait takes a longer time; the others need the same invitation")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readLines calls do with each line of r, without its end. A line that is too long for a text
// becomes several.
func readLines(r io.Reader, do func(string)) error {
	in := bufio.NewReaderSize(r, talk.MaxText)
	for {
		b, err := in.ReadSlice('\n')
		if len(b) > 0 {
			do(strings.TrimRight(string(b), "\r\n"))
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

func (c *roomChat) sendLine(ctx context.Context, line string) error {
	n, err := c.room.Send(ctx, line)
	if err == nil && n == 0 {
		c.unsent.Add(1)
		c.out.warn("no other member is in the room: a line was not sent")
	}
	return err
}

// line sends a line, or does what a user who typed it demands.
func (c *roomChat) line(ctx context.Context, line string) (leave bool, err error) {
	if c.commands != nil {
		return c.typed(ctx, line)
	}
	return false, c.sendLine(ctx, line)
}
