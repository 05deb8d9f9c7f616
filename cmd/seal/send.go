package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sealsock/sealsock/talk"
	"github.com/sealsock/sealsock/transfer"
)

const sendLong = `
Send files and folders to someone who knows a code. seal prints the code, such as
7-crystal-lagoon, to standard output: tell it to the receiver, who runs seal receive.
The two programs meet at a relay (seal relay), which can read nothing. Where they can
reach each other, the files go directly from one to the other.

A code is for one guess: after a wrong one it ends, and both sides report that. Do not
end seal before the receiver has everything. A transfer that was interrupted continues
where it was: run seal receive again with the same code, or both again.

Folders are sent with all that is in them, except for symbolic links and devices.`

const sendExample = `  seal send report.pdf
  seal send --relay relay.example:4433 pictures notes.txt
  seal send --receivers 3 slides.pdf`

const receiveLong = `
Receive the files of someone who runs seal send. The terminal asks for the code. On a
terminal seal shows what is offered, and asks whether to receive it. It asks nothing with
--yes or --json, nor where the code is from a flag and standard input is no terminal.

A file has its name when it is complete, its checksum was compared with the sender's,
and it is on the disk. Until then it is in a folder whose name begins with .seal-partial-.
Nothing is replaced without --overwrite or a question. Names that lead out of the folder,
or have characters that do not print, are refused.`

const receiveExample = `  seal receive
  seal receive --relay relay.example:4433 --dir ~/Downloads
  seal receive --yes --code-file code`

// defaultRelay is the relay without --relay and SEALSOCK_RELAY.
const defaultRelay = "localhost:4433"

// maxCodeFile bounds the file with a code.
const maxCodeFile = 1024

// meetFlags are those of send and receive.
type meetFlags struct {
	relay    string
	pin      string
	ca       []string
	noDirect bool
}

func (flags *meetFlags) register(f *pflag.FlagSet) {
	f.StringVar(&flags.relay, "relay", "", "the `address` of the relay; without it the value of "+
		"SEALSOCK_RELAY, or "+defaultRelay)
	f.StringVar(&flags.pin, "pin", "",
		"the `pin` of the relay's key, as seal relay prints it, instead of an authority")
	f.StringArrayVar(&flags.ca, "ca", nil,
		"authorities of the relay, a `file`; may be given several times")
	f.BoolVar(&flags.noDirect, "no-direct", false,
		"send through the relay alone: the other side does not learn your addresses")
}

// address returns the address of the relay.
func (flags *meetFlags) address() string {
	return cmp.Or(flags.relay, os.Getenv("SEALSOCK_RELAY"), defaultRelay)
}

// invitation names the relay in the form that the rooms of seal chat have.
func (flags *meetFlags) invitation() *talk.Invitation {
	return &talk.Invitation{Relay: flags.address(), Pin: flags.pin}
}

// sendFlags are those of seal send.
type sendFlags struct {
	meetFlags
	receivers int
	attempts  int
	words     int
}

func newSend(out *output) *cobra.Command {
	var flags sendFlags
	cmd := &cobra.Command{
		Use:     "send FILE...",
		Short:   "Send files to someone who knows a code",
		Long:    sendLong,
		Example: sendExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("FILE is missing").hinted("usage: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.send(cmd.Context(), out, cmd, args)
		},
	}
	f := cmd.Flags()
	flags.register(f)
	f.IntVar(&flags.receivers, "receivers", 1, "the `number` of receivers with the same code, "+
		"at most 40")
	f.IntVar(&flags.attempts, "attempts", 1, "the `number` of wrong codes that end the code")
	f.IntVar(&flags.words, "words", 2, "the `number` of words of the code, at most 16")
	return cmd
}

// send runs the command.
func (flags *sendFlags) send(
	ctx context.Context, out *output, cmd *cobra.Command, args []string,
) error {
	for _, bound := range []struct {
		flag       string
		value, top int
	}{{"receivers", flags.receivers, 40}, {"attempts", flags.attempts, 1000},
		{"words", flags.words, 16}} {
		if bound.value < 1 || bound.value > bound.top {
			return usage("--%s takes a number from 1 to %d", bound.flag, bound.top).
				hinted("leave it out for the usual one")
		}
	}
	dial, err := (&chatFlags{ca: flags.ca, pin: "--pin PIN"}).dial(flags.invitation())
	if err != nil {
		return err
	}
	files, err := interruptibly(ctx, func() (*transfer.Files, error) {
		return transfer.Scan(ctx, args...)
	})
	if err != nil {
		return sendProblem(ctx, err)
	}
	for _, name := range files.Skipped {
		out.print(transferEvent{What: "skipped", Name: name})
	}
	shown := newShownTransfer(out, "sending", flags.receivers)
	s, err := transfer.NewSender(ctx, transfer.SendOptions{
		Dial: dial, Files: files, Words: flags.words, Receivers: flags.receivers,
		Attempts: flags.attempts, RelayOnly: flags.noDirect,
		Notify: shown.notify, Progress: shown.progress,
	})
	if err != nil {
		return sendProblem(ctx, err)
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), s.Code().Text()); err != nil {
		s.Close()
		return outputError(err)
	}
	out.print(transferEvent{What: "offered", Files: files.Count(), Bytes: files.Bytes(),
		Command: flags.receiving()})
	err = s.Run(ctx)
	shown.end()
	return sendProblem(ctx, err)
}

// receiving is the command for the receiver.
func (flags *sendFlags) receiving() string {
	command := programName() + " receive"
	if at := flags.address(); at != defaultRelay {
		command += " --relay " + at
	}
	if flags.pin != "" {
		command += " --pin " + flags.pin
	}
	return command
}

// receiveFlags are those of seal receive.
type receiveFlags struct {
	meetFlags
	dir       string
	code      string
	codeFile  string
	overwrite bool
	yes       bool
}

func newReceive(out *output) *cobra.Command {
	var flags receiveFlags
	cmd := &cobra.Command{
		Use:     "receive",
		Short:   "Receive the files of someone who has made a code",
		Long:    receiveLong,
		Example: receiveExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("a code is a secret, and others can see arguments").
					hinted("run seal receive without it: the terminal asks for it; scripts have --code-file")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.receive(cmd.Context(), out)
		},
	}
	f := cmd.Flags()
	flags.register(f)
	f.StringVar(&flags.dir, "dir", ".", "the `folder` for the files")
	f.StringVar(&flags.code, "code", "",
		"the `code`; other users of this machine can see it, so prefer the question or --code-file")
	f.StringVar(&flags.codeFile, "code-file", "", "a `file` with the code; - is standard input")
	f.BoolVar(&flags.overwrite, "overwrite", false, "replace files that exist")
	f.BoolVarP(&flags.yes, "yes", "y", false, "receive without a question")
	return cmd
}

// checkDir finds a folder of --dir that cannot be used before a code is.
func checkDir(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return failed(err, "--dir %s cannot be used: %v", name, cause(err)).
			hinted("name a folder that exists, and that this user may write to")
	case !info.IsDir():
		return failed(nil, "--dir %s is not a folder", name).
			hinted("name the folder for the files; they keep their names")
	}
	return nil
}

// receive runs the command.
func (flags *receiveFlags) receive(ctx context.Context, out *output) error {
	if err := checkDir(flags.dir); err != nil {
		return err
	}
	dial, err := (&chatFlags{ca: flags.ca, pin: "--pin PIN"}).dial(flags.invitation())
	if err != nil {
		return err
	}
	code, err := flags.readCode(ctx, out)
	if err != nil {
		return err
	}
	shown := newShownTransfer(out, "receiving", 1)
	begun := false
	received, err := transfer.Receive(ctx, transfer.ReceiveOptions{
		Dial: dial, Code: code, Dir: flags.dir, RelayOnly: flags.noDirect,
		Accept: func(ctx context.Context, o *transfer.Offer) (bool, error) {
			return flags.accept(ctx, out, o)
		},
		Notify:   shown.notify,
		Progress: func(done, total int64) { begun = true; shown.progress(0, done, total) },
	})
	shown.end()
	if err != nil {
		return receiveProblem(ctx, err, begun)
	}
	out.print(transferEvent{What: "received", Files: received.Files, Bytes: received.Bytes})
	return nil
}

// readCode returns the code of the flags, or asks for it.
func (flags *receiveFlags) readCode(ctx context.Context, out *output) (*transfer.Code, error) {
	text := flags.code
	var err error
	switch {
	case flags.code != "" && flags.codeFile != "":
		return nil, usage("--code and --code-file exclude each other").hinted("leave out one of them")
	case flags.codeFile == "-":
		var b []byte
		b, err = readBounded(ctx, "-", maxCodeFile)
		text = string(b)
	case isCode(flags.codeFile):
		return nil, usage("a code is a secret, and --code-file names a file that has it").
			hinted("write the code to a file, or let the terminal ask for it")
	case flags.codeFile != "":
		text, err = interruptibly(ctx, func() (string, error) {
			b, err := readSecret(out, "--code-file", flags.codeFile, maxCodeFile)
			return string(b), err
		})
	case flags.code == "":
		text, err = interruptibly(ctx, func() (string, error) { return ask("Code: ") })
		if err != nil && ctx.Err() == nil {
			return nil, unanswered(err, "code").
				hinted("write it to a file, and name that with --code-file")
		}
	}
	if err != nil {
		return nil, err
	}
	code, err := transfer.ParseCode(text)
	if err != nil {
		return nil, failed(err, "%s", strings.TrimPrefix(err.Error(), "transfer: ")).
			hinted("seal send prints the code; no attempt was used")
	}
	return code, nil
}

// isCode reports whether what should be the name of a file is a code, which no error shows.
func isCode(file string) bool {
	_, err := transfer.ParseCode(file)
	if err != nil {
		return false
	}
	_, err = os.Lstat(file)
	return errors.Is(err, fs.ErrNotExist)
}

// errDeclined is the answer of a user who does not accept an offer.
var errDeclined = errors.New("the user has declined")

// accept decides about an offer. It asks where standard input is a terminal, and where the code
// was typed at one.
func (flags *receiveFlags) accept(
	ctx context.Context, out *output, o *transfer.Offer,
) (overwrite bool, err error) {
	offered := transferEvent{What: "offer", Files: o.Files, Bytes: o.Bytes, Names: o.Names,
		Folders: o.Folders, Present: o.Present}
	typed := flags.code == "" && flags.codeFile == ""
	asks := (typed || isTerminal(os.Stdin)) && !out.json
	if flags.yes || !asks {
		out.print(offered)
	} else if !agrees(ctx, strings.TrimPrefix(offered.text(), "seal: ")+"\nReceive? (yes or no) ") {
		return false, errDeclined
	}
	switch {
	case len(o.Existing) == 0 || flags.overwrite:
		return flags.overwrite, nil
	case !asks || flags.yes:
		return false, failed(transfer.ErrExists, "%s", exist(o.Existing)).hinted(existHint)
	}
	if !agrees(ctx, oneLine(exist(o.Existing))+".\nReplace? (yes or no) ") {
		return false, errDeclined
	}
	return true, nil
}

// agrees asks a question.
func agrees(ctx context.Context, question string) bool {
	answer, err := interruptibly(ctx, func() (string, error) { return ask(question) })
	answer = strings.ToLower(strings.TrimSpace(answer))
	return err == nil && (answer == "yes" || answer == "y")
}

// listed names some of many files. Those that begin with a dot, which programs read their
// settings from and which lists of files leave out, come first: 20 are named, and others
// counted.
func listed(names []string) string {
	const most, mostHidden = 3, 20
	names = slices.Clone(names)
	hidden := func(name string) bool {
		return strings.HasPrefix(name, ".") || strings.Contains(name, "/.")
	}
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case hidden(a) == hidden(b):
			return 0
		case hidden(a):
			return -1
		}
		return 1
	})
	shown := 0
	for shown < len(names) && (shown < most || shown < mostHidden && hidden(names[shown])) {
		shown++
	}
	text := strings.Join(names[:shown], ", ")
	if more := len(names) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	unnamed := slices.DeleteFunc(names[shown:], func(name string) bool { return !hidden(name) })
	if len(unnamed) > 0 {
		text += fmt.Sprintf(", %d of them with a dot in front", len(unnamed))
	}
	return text
}

// exist is the text that files are there.
func exist(names []string) string {
	if len(names) == 1 {
		return names[0] + " exists"
	}
	return listed(names) + " exist"
}

const (
	existHint = "run seal receive again with the same code, and --overwrite or another --dir"
	keptHint  = "run seal receive again with the code that seal send shows: " +
		"what has arrived is kept"
)

// sendHints has what a sender does about errors for which a receiver does something else.
var sendHints = map[error]string{
	transfer.ErrWrongCode: "run seal send again, and tell the receiver the new code",
	transfer.ErrName:      "rename the file, or send an archive",
	transfer.ErrSpace:     "",
	transfer.ErrGone:      "run seal send again, and tell the receiver the new code",
}

// transferHints has what to do about the errors of a transfer.
var transferHints = []struct {
	err  error
	code string
	hint string // for a receiver
}{
	{transfer.ErrWrongCode, "wrong-code", "compare the code with the sender's; if it is the same, somebody " +
		"else has answered: the sender ends seal send and runs it again, for a new code"},
	{transfer.ErrUsedUp, "used-up", "ask the sender to run seal send again"},
	{transfer.ErrBusy, "busy", "wait for another receiver, or ask for --receivers of seal send"},
	{transfer.ErrNoSender, "no-sender", "both sides need the same relay: --relay"},
	{transfer.ErrName, "unsafe-name", "ask the sender to rename the file, or to send an archive"},
	{transfer.ErrExists, "exists", existHint},
	{transfer.ErrSpace, "no-space", "make space, or name a folder on another disk with --dir, and " +
		"run seal receive again with the same code"},
	{transfer.ErrCorrupt, "corrupt", "run seal receive again"},
	{transfer.ErrGone, "gone", keptHint},
	{transfer.ErrChanged, "changed", "run seal send again"},
	{transfer.ErrKind, "kind", "copy what it has into a file, and send that"},
	{transfer.ErrRefused, "refused", ""},
}

// sendProblem explains an error to a sender.
func sendProblem(ctx context.Context, err error) error {
	err = transferProblem(ctx, err)
	var p *problem
	if !errors.As(err, &p) {
		return err
	}
	if file, missing := errors.AsType[*fs.PathError](err); missing && p.hint == "" &&
		errors.Is(err, fs.ErrNotExist) {
		p.text, p.hint = file.Path+" does not exist", "check the name and the folder"
	}
	for kind, hint := range sendHints {
		if p.err != nil && errors.Is(p.err, kind) {
			p.hint = hint
		}
	}
	return err
}

// receiveProblem explains an error to a receiver, which may have begun to receive files.
func receiveProblem(ctx context.Context, err error, begun bool) error {
	if ctx.Err() == nil || !begun {
		return transferProblem(ctx, err)
	}
	p := explain(causeOf(ctx, err))
	p.hint = keptHint
	return p
}

// transferProblem explains an error of a transfer.
func transferProblem(ctx context.Context, err error) error {
	var own *problem
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return causeOf(ctx, err)
	case errors.As(err, &own):
		return err
	case errors.Is(err, errDeclined):
		return failed(err, "nothing was received")
	}
	text, ours := strings.CutPrefix(err.Error(), "transfer: ")
	text = strings.TrimSuffix(text, ": "+os.ErrInvalid.Error())
	for _, h := range transferHints {
		if errors.Is(err, h.err) {
			p := failed(err, "%s", text)
			p.hint, p.code = h.hint, h.code
			return p
		}
	}
	if ours {
		return failed(err, "%s", text)
	}
	return err
}
