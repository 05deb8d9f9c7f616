package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/nickname"
	"github.com/sealsock/sealsock/talk"
	"github.com/sealsock/sealsock/trust"
)

const chatLong = `Talk in rooms that are encrypted end to end. Members meet at a relay (seal relay),
which can read nothing. Who has the invitation of a room can join it.`

const chatNewLong = `
Print an invitation into a new room to standard output. RELAY is the address of a relay.
The invitation contains the secret of the room: send it over a channel that is as
confidential as the room shall be. A room has up to 50 members.`

const chatNewExample = `  seal chat new relay.example:4433 > invitation
  seal chat new --pin sha256/… 192.0.2.1:4433 > invitation`

const chatJoinLong = `
Join a room. FILE has the invitation; without it the terminal asks for it. Each line
of standard input goes to all other members, from the first one that joins on, and their
lines are printed as "name: line". Control characters in them are replaced.

At the end of the input seal waits until the others have received everything, and leaves.
Lines arrive once and in order, also if the relay or a connection fails meanwhile.

Each member has a key, and seal remembers the keys of the others by name: a name with
another key is refused. Compare the words that are printed for a new member with it, over
another channel: they agree if no other is between you.`

const chatJoinExample = `  seal chat join invitation
  seal chat join --as alice invitation < report.txt
  seal chat join --as logger --stay invitation < /dev/null > log.txt`

// maxInvitationFile bounds the file with an invitation.
const maxInvitationFile = 4096

// chatFarewell is how long seal waits for the others to receive what was sent.
const chatFarewell = 10 * time.Second

func newChatCommand(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chat COMMAND",
		Short: "Talk in rooms that are encrypted end to end",
		Long:  chatLong,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return usage("a command is missing").hinted("seal chat --help lists them")
		},
	}
	cmd.AddCommand(newChatNew(), newChatJoin(out))
	return cmd
}

func newChatNew() *cobra.Command {
	var pin string
	cmd := &cobra.Command{
		Use:     "new RELAY",
		Short:   "Print an invitation into a new room",
		Long:    chatNewLong,
		Example: chatNewExample,
		Args:    exactArgs("RELAY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := address.Parse(args[0]); err != nil {
				return err
			}
			if _, err := pinned(pin); err != nil {
				return err
			}
			invitation, err := talk.NewInvitation(args[0], pin)
			if err != nil {
				return usage("%q cannot stand in an invitation", args[0]).
					hinted("an address without spaces, '?' and '#', as in relay.example:4433")
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), invitation.Text())
			return err
		},
	}
	cmd.Flags().StringVar(&pin, "pin", "",
		"the `pin` of the relay's key, as seal relay prints it, instead of an authority")
	return cmd
}

// pinned returns the policy for a relay with a pin, or nil without one.
func pinned(text string) (*trust.Policy, error) {
	if text == "" {
		return nil, nil
	}
	pin, err := trust.ParsePin(text)
	if err != nil {
		return nil, usage("%v", err).hinted("seal relay prints the pin of its key")
	}
	return &trust.Policy{Pins: []trust.Pin{pin}, PinOnly: true, AnyName: true}, nil
}

// chatFlags are those of seal chat join.
type chatFlags struct {
	as       string
	identity string
	known    string
	ca       []string
	wait     time.Duration
	stay     bool
}

func newChatJoin(out *output) *cobra.Command {
	var flags chatFlags
	cmd := &cobra.Command{
		Use:     "join [FILE]",
		Short:   "Join a room",
		Long:    chatJoinLong,
		Example: chatJoinExample,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.join(cmd.Context(), out, cmd.OutOrStdout(), args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.as, "as", "", "your `name` in the room; the name of the user without it")
	f.StringVar(&flags.identity, "identity", "",
		"your key, a `file`, created if it is not there; a file in the folder of seal without it")
	f.StringVar(&flags.known, "known-peers", "",
		"remember the keys of members in this `file`; one in the folder of seal without it")
	f.StringArrayVar(&flags.ca, "ca", nil,
		"authorities of the relay, a `file`; may be given several times")
	f.DurationVar(&flags.wait, "wait", 0,
		"give up if no member has joined within this `time`; 0 for no limit")
	f.BoolVar(&flags.stay, "stay", false, "stay after the end of the input, until interrupted")
	return cmd
}

// join runs the command.
func (flags *chatFlags) join(
	ctx context.Context, out *output, stdout io.Writer, args []string,
) error {
	opts, err := interruptibly(ctx, func() (*talk.Options, error) {
		return flags.options(out, args)
	})
	if err != nil {
		return err
	}
	room, err := talk.Join(ctx, *opts)
	if err != nil {
		return causeOf(ctx, err)
	}
	out.print(talkEvent{What: "entered", Name: opts.Name})
	c := &roomChat{room: room, out: out, stdout: stdout, met: make(chan struct{})}
	return c.run(ctx, flags)
}

// options reads the files that the flags name.
func (flags *chatFlags) options(out *output, args []string) (*talk.Options, error) {
	dir, err := authorityDir()
	if err != nil {
		return nil, err
	}
	in := func(file, name string) string {
		if file != "" {
			return file
		}
		return filepath.Join(filepath.Dir(dir), name)
	}
	opts := &talk.Options{Name: flags.name()}
	if name, ok := nickname.Of(opts.Name); !ok || name != opts.Name {
		return nil, usage("%q is no name", opts.Name).
			hinted("--as takes up to 32 letters, digits, '-', '_' and '.'")
	}
	if opts.Invitation, err = readInvitation(out, args); err != nil {
		return nil, err
	}
	if opts.Dial, err = flags.dial(opts.Invitation); err != nil {
		return nil, err
	}
	file := in(flags.identity, "chat.key")
	if opts.Identity, err = talk.LoadIdentity(file); err != nil {
		return nil, failed(err, "the key of --identity cannot be used: %v", err).
			hinted("it is in %s; name another file", file)
	}
	known := in(flags.known, "chat.known")
	if opts.Known, err = trust.OpenKnownPeers(known, nil); err != nil {
		return nil, unusableKnown(known, err)
	}
	return opts, nil
}

// name is the name of --as, or one that is made of the user's.
func (flags *chatFlags) name() string {
	if flags.as != "" {
		return flags.as
	}
	name, _ := nickname.Of(os.Getenv("USER"))
	if name == "" {
		return "guest"
	}
	return name
}

// readInvitation reads the invitation from the file, or asks for it. No error shows it.
func readInvitation(out *output, args []string) (*talk.Invitation, error) {
	var text string
	if len(args) > 0 {
		if strings.HasPrefix(args[0], "sealtalk:") {
			return nil, usage("an invitation is a secret, and others can see arguments").
				hinted("write it to a file and name that, or let the terminal ask for it")
		}
		b, err := readSecret(out, "FILE", args[0], maxInvitationFile)
		if err != nil {
			return nil, err
		}
		text = string(b)
	} else {
		var err error
		if text, err = ask("Invitation: "); err != nil {
			return nil, failed(err, "there is no terminal to ask for the invitation").
				hinted("name a file that has it: seal chat join FILE")
		}
	}
	invitation, err := talk.ParseInvitation(text)
	if err != nil {
		return nil, failed(err, "%v", err).hinted("seal chat new prints an invitation")
	}
	return invitation, nil
}

// dial returns what connects to the relay of an invitation.
func (flags *chatFlags) dial(i *talk.Invitation) (func(context.Context) (net.Conn, error), error) {
	policy, err := pinned(i.Pin)
	if err != nil {
		return nil, err
	}
	if policy == nil {
		policy = new(trust.Policy)
		policy.Roots, err = (&trustFlags{ca: flags.ca}).roots()
		if err == nil && policy.Roots == nil {
			policy.Roots, err = localRoots()
		}
		if err != nil {
			return nil, err
		}
	}
	cfg := &sealsock.Config{Trust: policy}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := sealsock.Dial(ctx, i.Relay, cfg)
		if err != nil {
			return nil, err // and no nil *Conn in an interface
		}
		return conn, nil
	}, nil
}

// A roomChat connects a room to standard input and output.
type roomChat struct {
	room   *talk.Room
	out    *output
	stdout io.Writer
	met    chan struct{} // closed when the first member has joined
}

// run returns after the end of the input, of ctx, or of the output.
func (c *roomChat) run(ctx context.Context, flags *chatFlags) error {
	received := make(chan error, 1)
	go func() { received <- c.receive(ctx) }()
	sent := make(chan error, 1)
	go func() { sent <- c.send(ctx, flags.wait) }()
	var err error
	select {
	case err = <-received:
	case err = <-sent:
		if err == nil && flags.stay {
			err = <-received
		}
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), chatFarewell)
	defer cancel()
	if unsent := c.room.Close(within); unsent != nil && err == nil {
		err = failed(unsent, "%v", unsent).
			hinted("ask the member what has arrived, and send the rest again")
	}
	return causeOf(ctx, err)
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
		if n := talkEventOf(e); n.What != "" {
			c.out.print(n)
		}
	}
}

// send sends the lines of the input to the room, once there is another member.
func (c *roomChat) send(ctx context.Context, wait time.Duration) error {
	if err := c.awaitMember(ctx, wait); err != nil {
		return err
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
			if err := c.sendLine(ctx, line); err != nil {
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
		c.out.warn("no other member is in the room: a line was not sent")
	}
	return err
}
