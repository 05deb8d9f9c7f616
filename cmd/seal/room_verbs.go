package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealsock/sealsock"
	"github.com/sealsock/sealsock/address"
	"github.com/sealsock/sealsock/internal/chatscreen"
	"github.com/sealsock/sealsock/internal/nickname"
	"github.com/sealsock/sealsock/internal/printable"
	"github.com/sealsock/sealsock/talk"
	"github.com/sealsock/sealsock/trust"
)

const chatLong = `Talk in rooms that are encrypted end to end. Members meet at a relay (seal relay),
which can read nothing. Who has the invitation of a room can join it.`

const chatNewLong = `
Print an invitation into a new room to standard output. RELAY is the address of a relay.
The invitation contains the secret of the room: send it over a channel that is as
confidential as the room shall be. A room has up to 50 members.

On a terminal the invitation is shown as a link and as a QR code too, on standard
error. The link opens the room in a browser, if the relay serves its page, and seal
chat join takes it as well. RELAY may be a WebSocket behind a web server, as in
wss://example.com/relay.`

const chatNewExample = `  seal chat new relay.example:4433 > invitation
  seal chat new --pin sha256/… 192.0.2.1:4433 > invitation
  seal chat new --link wss://example.com/relay > invitation`

const chatJoinLong = `
Join a room. FILE has the invitation; without it the terminal asks for it.

On a terminal the room has the whole screen: its texts, its members, and a line to type
in. /help lists the commands, /send FILE offers a file, PageUp and PageDown show earlier
texts, and /quit ends. The texts are kept in memory alone. --plain shows lines instead.

Elsewhere each line of standard input goes to all other members, from the first one that
joins on, and their lines are printed as "name: line". At the end of the input seal
waits until the others have received everything. Lines arrive once and in order.

Each member has a key, and seal remembers the keys of the others by name: a name with
another key is refused. To verify a key, compare the words of /verify with the member,
over another channel: they agree if no other is between you.`

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
			if err := noInvitation(args); err != nil {
				return err
			}
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
	var link, code bool
	cmd := &cobra.Command{
		Use:     "new RELAY",
		Short:   "Print an invitation into a new room",
		Long:    chatNewLong,
		Example: chatNewExample,
		Args:    exactArgs("RELAY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := address.Parse(args[0])
			if err != nil {
				return err
			}
			if known := slices.Contains(invitedSchemes, at.Scheme()); !known {
				return usage("no member would connect to a relay at %s:", at.Scheme()).
					hinted("as in relay.example:4433")
			}
			if _, err := pinned(pin); err != nil {
				return err
			}
			invitation, err := talk.NewInvitation(args[0], pin)
			if err != nil {
				return usage("%q cannot stand in an invitation", args[0]).
					hinted("an address without spaces, '?' and '#', as in relay.example:4433")
			}
			text := invitation.Text()
			if link {
				text = invitation.Link()
			}
			if text == "" {
				return usage("%q has no link", args[0]).
					hinted("a link is for HOST:PORT, or wss://HOST/relay")
			}
			if _, err = fmt.Fprintln(cmd.OutOrStdout(), text); err != nil {
				return err
			}
			if code || isTerminal(os.Stdout) && isTerminal(os.Stderr) && !cmd.Flags().Changed("qr") {
				return showInvitation(cmd.ErrOrStderr(), invitation)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&link, "link", false, "print the link for a browser instead")
	cmd.Flags().BoolVar(&code, "qr", false,
		"show a QR code on standard error, as on a terminal; --qr=false for none there")
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
	plain    bool
	dir      string

	passphrase bool

	pin string // the flags that accept a relay by its key
}

// invitedPin is chatFlags.pin for a room.
const invitedPin = "an invitation of seal chat new --pin PIN"

func newChatJoin(out *output) *cobra.Command {
	var flags chatFlags
	cmd := &cobra.Command{
		Use:     "join [FILE]",
		Short:   "Join a room",
		Long:    chatJoinLong,
		Example: chatJoinExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := noInvitation(args); err != nil {
				return err
			}
			return atMostOne(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.join(cmd.Context(), out, cmd.OutOrStdout(), args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.as, "as", "", "your `name` in the room; the name of the user without it")
	f.StringVar(&flags.identity, "identity", "",
		"your key, a `file`, created if it is not there; a file in the folder of seal without it")
	f.BoolVar(&flags.passphrase, "passphrase", false,
		"encrypt your key with a passphrase that the terminal asks for, from now on")
	f.StringVar(&flags.known, "known-peers", "",
		"remember the keys of members in this `file`; one in the folder of seal without it")
	f.StringArrayVar(&flags.ca, "ca", nil,
		"authorities of the relay, a `file`; may be given several times")
	f.DurationVar(&flags.wait, "wait", 0,
		"give up if no member has joined within this `time`; 0 for no limit")
	f.BoolVar(&flags.stay, "stay", false, "stay after the end of the input, until interrupted")
	f.StringVar(&flags.dir, "dir", ".", "the `folder` for files that you accept")
	f.BoolVar(&flags.plain, "plain", false, "on a terminal, show lines instead of the whole screen")
	return cmd
}

// join runs the command.
func (flags *chatFlags) join(
	ctx context.Context, out *output, stdout io.Writer, args []string,
) error {
	if err := checkDir(flags.dir); err != nil {
		return err
	}
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
	c := &roomChat{
		room: room, name: opts.Name, out: out, stdout: stdout, met: make(chan struct{}),
		screen: flags.onScreen(out), dir: flags.dir,
	}
	if !c.screen {
		out.print(talkEvent{What: "entered", Name: opts.Name})
	}
	if isTerminal(os.Stdin) {
		c.commands = &chatscreen.Commands{Room: room, Name: opts.Name}
	}
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
	if opts.Identity, err = flags.loadIdentity(in(flags.identity, "chat.key")); err != nil {
		return nil, err
	}
	known := in(flags.known, "chat.known")
	if opts.Known, err = trust.OpenKnownPeers(known, nil); err != nil {
		return nil, unusableKnown(known, err)
	}
	verified := known + ".verified"
	if opts.Verified, err = trust.OpenKnownPeers(verified, nil); err != nil {
		return nil, unusableKnown(verified, err)
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

// noInvitation refuses arguments that are invitations, or parts of one. No error shows them.
func noInvitation(args []string) error {
	for _, arg := range args {
		arg = strings.ToLower(strings.TrimSpace(arg))
		if strings.HasPrefix(arg, "sealtalk:") || strings.HasPrefix(arg, "https://") {
			return usage("an invitation is a secret, and others can see arguments").
				hinted("write it to a file and name that, or let the terminal ask for it")
		}
	}
	return nil
}

// readInvitation reads the invitation from the file, or asks for it. No error shows it.
func readInvitation(out *output, args []string) (*talk.Invitation, error) {
	var text string
	if len(args) > 0 {
		b, err := readSecret(out, "FILE", args[0], maxInvitationFile)
		if err != nil {
			return nil, err
		}
		text = string(b)
	} else {
		var err error
		if text, err = ask("Invitation: "); err != nil {
			return nil, unanswered(err, "invitation").
				hinted("name a file that has it: seal chat join FILE")
		}
	}
	invitation, err := talk.ParseInvitation(text)
	if err != nil {
		return nil, failed(err, "%v", err).hinted("seal chat new prints an invitation")
	}
	return invitation, checkInvited(invitation.Relay)
}

// invitedSchemes are those of the addresses that an invitation may have. Another user has made it,
// and must not choose a device, a bus or a descriptor of this machine that is written to.
var invitedSchemes = []string{"tcp", "tcp4", "tcp6", "mptcp", "ws", "wss", "unix", "vsock"}

// checkInvited reports why the relay of an invitation is not connected to.
func checkInvited(relay string) error {
	at, err := address.Parse(relay)
	if err != nil {
		return failed(err, "the address of the relay in the invitation: %v", err)
	}
	if !slices.Contains(invitedSchemes, at.Scheme()) {
		return failed(os.ErrInvalid, "the invitation names a relay at %s:, which is no network "+
			"of relays", at.Scheme()).hinted("ask for an invitation with a host and a port")
	}
	return nil
}

// withoutRelay is the error of a relay that was not reached. It names the relay: the peer could
// be the other member.
func (flags *chatFlags) withoutRelay(at address.Address, err error) error {
	p := explainHandshake(err)
	p.err = err
	if refused, ok := errors.AsType[*trust.Error](err); ok {
		p.hint = flags.relayHint(refused)
	}
	if p.code == "refused" || p.code == "not-found" {
		return p.hinted("start the relay (seal relay), or check its address")
	}
	p.text = "the relay " + printable.Line(at.String()) + ": " + p.text
	return p
}

// relayHint is trustHint with those flags that this command has.
func (flags *chatFlags) relayHint(e *trust.Error) string {
	pin := strings.Replace(cmp.Or(flags.pin, invitedPin), "PIN", e.Pin.String(), 1)
	switch e.Code {
	case trust.CodeUnknownAuthority, trust.CodeSelfSigned, trust.CodeSelfSignedInChain:
		return withFlags(e.Hint, "--ca FILE, or "+pin)
	case trust.CodeNoRoots:
		return withFlags(e.Hint, "--ca FILE")
	case trust.CodePinMismatch:
		return withFlags(e.Hint, pin)
	}
	return e.Hint
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
	at, err := address.Parse(i.Relay)
	if err != nil {
		return nil, usage("the address of the relay: %s", reason(err)).
			hinted("as in relay.example:4433")
	}
	if at.Packets() {
		return nil, usage("the relay needs an address of a stream, and %s:// carries datagrams",
			at.Scheme()).hinted("as in relay.example:4433")
	}
	cfg := &sealsock.Config{Trust: policy}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := sealsock.DialAddress(ctx, belowTLS(at), cfg)
		if ctx.Err() != nil && err != nil {
			return nil, err
		}
		if err != nil {
			return nil, flags.withoutRelay(at, err) // and no nil *Conn in an interface
		}
		return overTLS(ctx, at, conn)
	}, nil
}
