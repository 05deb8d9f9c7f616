package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/sealsock/sealsock/internal/chatscreen"
	"github.com/sealsock/sealsock/talk"
)

// onScreen reports whether the room is shown on the whole terminal. Scripts, and users who ask
// for it, have lines.
func (flags *chatFlags) onScreen(out *output) bool {
	return !flags.plain && !flags.stay && flags.wait == 0 && !out.json && !out.quiet &&
		isTerminal(os.Stdin) && isTerminal(os.Stdout) && os.Getenv("TERM") != "dumb"
}

// show shows the room on the terminal until the user leaves.
func (c *roomChat) show(ctx context.Context) error {
	err := chatscreen.Run(ctx, chatscreen.Options{
		Room: c.room, Name: c.name, Describe: describeTalk, Create: c.create,
		Input: os.Stdin, Output: os.Stdout, Environ: os.Environ(),
	})
	if errors.Is(err, chatscreen.ErrInterrupted) {
		return &interrupted{os.Interrupt}
	}
	return err
}

// describeTalk returns the text for an event of a room.
func describeTalk(e *talk.Event) string {
	n := talkEventOf(e)
	if n.What == "" {
		return ""
	}
	return strings.TrimPrefix(strings.TrimPrefix(n.text(), "seal: "), "warning: ")
}

// A talkAnswer is the answer to a command of the user.
type talkAnswer struct {
	Text string `json:"text"`
}

func (talkAnswer) event() string { return "talk_answer" }

func (a talkAnswer) text() string { return a.Text }

// typed does what a line that the user typed demands. It reports whether the user leaves.
func (c *roomChat) typed(ctx context.Context, line string) (leave bool, err error) {
	r := c.commands.Line(line)
	c.answer(r.Answer)
	if r.Send {
		err = c.sendLine(ctx, r.Text)
	}
	return r.Quit, err
}
