package chatscreen

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/talk"
)

// A Room is what an interface shows, as a *talk.Room.
type Room interface {
	Send(ctx context.Context, text string) (int, error)
	Receive(ctx context.Context) (*talk.Event, error)
	Members() []talk.Member
	Verify(m talk.Member) error
	SendFile(
		ctx context.Context, to talk.Member, name string, size int64, content io.Reader) error
	ReceiveFile(ctx context.Context, o *talk.FileOffer, sink talk.FileSink) error
	RefuseFile(ctx context.Context, o *talk.FileOffer, reason string) error
}

// Help explains the commands.
const Help = `/who           the members of the room, and whose key you have verified
/verify NAME   the words to compare with a member, over another channel
/send FILE     offer a file to all members; /send @NAME FILE to one
/files         the files that are offered or on their way
/accept N      receive the file with that number; /refuse N
/stop N        end the sending or receiving of a file
/quit          leave the room, when the others have received everything
/help          this list
//TEXT         send a text that begins with a slash`

// Commands are those that a user types into the line of a room. The zero value has no room.
type Commands struct {
	Room Room
	Name string // of the user
	// Files are those that the user sends and receives; nil for none.
	Files *Files

	compared map[string]talk.Member // the members whose words were shown, by name
	warned   bool                   // of files that leaving would end
}

// A Result is what a line is.
type Result struct {
	Text   string // to send, if Send is set
	Send   bool
	Answer string // to show to the user alone
	Quit   bool
}

// Line returns what a line is: a text to send, or a command, which it runs.
func (c *Commands) Line(line string) Result {
	rest, ok := strings.CutPrefix(line, "/")
	if !ok || strings.HasPrefix(rest, "/") {
		return Result{Text: strings.TrimPrefix(line, "/"), Send: line != ""}
	}
	words := strings.Fields(rest)
	switch len(words) {
	case 0:
		return Result{Answer: Help}
	case 1:
		return c.plain(words[0])
	}
	if answer, ok := c.file(words, rest); ok {
		return Result{Answer: answer}
	}
	if words[0] != "verify" {
		return noCommand(words[0])
	}
	switch {
	case len(words) == 2:
		return Result{Answer: c.show(words[1])}
	case len(words) == 3 && words[2] == "yes":
		return Result{Answer: c.verify(words[1])}
	}
	return Result{Answer: needsName}
}

// needsName is the answer to /verify with other arguments than its own.
const needsName = "a name is missing: /verify NAME; /who lists the names"

// plain runs a command without arguments.
func (c *Commands) plain(name string) Result {
	switch name {
	case "help":
		return Result{Answer: Help}
	case "quit":
		if ending := c.Files.ending(); ending != "" && !c.warned {
			c.warned = true
			return Result{Answer: printable.Line(ending) + "\n/quit again leaves without it"}
		}
		return Result{Quit: true}
	case "who":
		return Result{Answer: c.who()}
	case "verify":
		return Result{Answer: needsName}
	}
	if answer, ok := c.file([]string{name}, name); ok {
		return Result{Answer: answer}
	}
	return noCommand(name)
}

func noCommand(name string) Result {
	name = printable.Line(name)
	return Result{Answer: fmt.Sprintf("/%s is no command; /help lists them, and //%[1]s sends it",
		name)}
}

// file runs a command about files. It reports false for another command.
func (c *Commands) file(words []string, line string) (answer string, ok bool) {
	if c.Files == nil {
		return "", false
	}
	switch words[0] {
	case "send":
		return c.Files.send(strings.TrimSpace(strings.TrimPrefix(line, "send"))), true
	case "files":
		return c.Files.list(), true
	case "accept", "refuse", "stop":
		if len(words) != 2 {
			return "a number is missing: /" + words[0] + " N; /files lists them", true
		}
		return c.Files.answer(words[0], words[1]), true
	}
	return "", false
}

// who lists the members.
func (c *Commands) who() string {
	lines := []string{c.Name + " (you)"}
	for _, m := range c.Room.Members() {
		lines = append(lines, m.Name+": "+stateOf(m))
	}
	if len(lines) == 1 {
		lines = append(lines, "no other member is in the room")
	}
	return strings.Join(lines, "\n")
}

// stateOf describes a member.
func stateOf(m talk.Member) string {
	state := "verified"
	switch {
	case m.Verified:
	case m.FirstUse:
		state = "not verified, met for the first time"
	default:
		state = "not verified, the same key as before"
	}
	if m.Away {
		state += ", cannot be reached now"
	}
	return state
}

// member finds a member by its name.
func (c *Commands) member(name string) (talk.Member, bool) {
	for _, m := range c.Room.Members() {
		if m.Name == name {
			return m, true
		}
	}
	return talk.Member{}, false
}

// show shows what the user has to compare.
func (c *Commands) show(name string) string {
	m, ok := c.member(name)
	if !ok {
		return noMember(name)
	}
	if c.compared == nil {
		c.compared = make(map[string]talk.Member)
	}
	c.compared[name] = m
	return fmt.Sprintf("the words for you and %s:\n  %s\n"+
		"Call %[1]s, or meet, and compare them. The same words mean that no other is between you.\n"+
		"If they are the same: /verify %[1]s yes\nIf not: /quit, and do not use this invitation again.",
		m.Name, m.Words)
}

// verify records that the words that were shown are those of the member.
func (c *Commands) verify(name string) string {
	m, ok := c.compared[name]
	if !ok {
		return fmt.Sprintf("compare the words first: /verify %s", printable.Line(name))
	}
	delete(c.compared, name)
	if err := c.Room.Verify(m); err != nil {
		return "not verified: " + printable.Line(err.Error())
	}
	return m.Name + " is verified, now and in other rooms"
}

func noMember(name string) string {
	return fmt.Sprintf("no member is called %s; /who lists the names", printable.Line(name))
}
