// Command seal opens and serves encrypted connections from the shell.
//
//	seal listen localhost:4433
//	seal connect localhost:4433
//
// Standard output carries data and nothing else; messages go to standard error.
// docs/seal.md describes it with examples, `seal help` lists its commands.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	_ "github.com/sealsock/sealsock/all" // every scheme, file format and check
)

func main() { os.Exit(run(os.Args[1:])) }

// run is the whole program. It prints the error, if there is one, and returns the
// exit code.
func run(args []string) int {
	out := newOutput(os.Stderr)
	ctx, stop := untilInterrupted(context.Background())
	defer stop()
	defer func() { out.journal.close() }()
	root := newRoot(out)
	root.SetArgs(args)
	stdout := &checkedWriter{w: os.Stdout}
	root.SetOut(stdout)
	err := root.ExecuteContext(ctx)
	if err == nil || err == stdout.err {
		err = outputError(stdout.err)
	}
	if err == nil {
		return exitOK
	}
	return out.fail(err)
}

// A checkedWriter remembers the first error, for callers that do not look at it: those
// that print help.
type checkedWriter struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

const rootLong = `seal opens and serves encrypted connections: TLS 1.3, and TLS 1.2 with
older peers.

Standard output carries data and nothing else; messages go to standard error.
An address is host:port, or has a scheme, such as unix:///run/app.sock.

Exit codes:
  0    success
  1    failure: no connection, a rejected certificate, an unreadable key
  2    usage error: an unknown command or flag, an invalid value
  3    truncated: the connection ended early, and the data may be incomplete
  130  interrupted with Ctrl-C (143: by SIGTERM)

Environment:
  SEALSOCK_HOME   folder of the local authority, instead of sealsock in the
                  user's configuration folder
  SEALSOCK_RELAY  address of the relay of send and receive
  HTTPS_PROXY     proxy of connect and inspect; ALL_PROXY and NO_PROXY likewise
  SSLKEYLOGFILE   file for the secrets of connections, as with --keylog
  NO_COLOR        no colours`

const rootExample = `  seal listen --echo --keep localhost:4433     an echo server, certificate included
  seal connect localhost:4433                  connect to it
  seal connect example.com:443 < request.txt   send a file, print the response
  seal listen localhost:4433 > file            receive a file`

func newRoot(out *output) *cobra.Command {
	root := &cobra.Command{
		Use:                   "seal COMMAND",
		DisableFlagsInUseLine: true,
		Short:                 "Encrypted connections from the shell",
		Long:                  rootLong,
		Example:               rootExample,
		SilenceErrors:         true,
		SilenceUsage:          true,
		Args:                  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return &problem{text: "a command is missing", hint: "seal help lists them", exit: exitUsage}
		},
	}
	root.PersistentFlags().BoolVar(&out.json, "json", false, "print messages in JSON, one object in each line, to standard error")
	root.PersistentFlags().BoolVarP(&out.quiet, "quiet", "q", false, "print only warnings and errors")
	root.SetFlagErrorFunc(badFlag)
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		out.flags = cmd.Flags()
		if err := refuseEmpty(cmd, args); err != nil {
			return err
		}
		return refuseIgnored(cmd, args)
	}
	root.Version = readVersion().text()
	root.Flags().Bool("version", false, "print the version, as seal version does")
	root.SetVersionTemplate("{{.Version}}\n")
	addHelp(root)
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(
		newListen(out),
		newConnect(out),
		newInspect(out),
		newBench(out),
		newTunnelCommand(out),
		newCA(out),
		newCert(out),
		newECH(out),
		newRelayCommand(out),
		newChatCommand(out),
		newSend(out),
		newReceive(out),
		newVersion(out),
		newMan(),
	)
	completeValues(root)
	refuseShells(root)
	return root
}

const completionLong = `Print a script that completes the commands and flags of seal, and their values, in a
shell. The help of each command below tells how the shell loads it.`

// refuseShells makes seal completion fail for a shell that it does not know: its output goes
// into a file, where the help that cobra prints would not be noticed.
func refuseShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args, cmd.RunE = cobra.ArbitraryArgs, needsSubcommand
			cmd.Short, cmd.Long = "Print the completions for a shell", completionLong
		}
	}
}

// exactArgs is cobra.ExactArgs with an error that names the arguments.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(args) < len(names) {
			return usage("%s is missing", names[len(args)]).hinted("usage: %s", cmd.UseLine())
		}
		return usage("unexpected argument %q", args[len(names)]).hinted("usage: %s", cmd.UseLine())
	}
}

// atMostOne is cobra.MaximumNArgs(1) with an error that names the argument.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("unexpected argument %q", args[1]).hinted("usage: %s", cmd.UseLine())
	}
	return nil
}

func unknownCommand(cmd *cobra.Command, name string) error {
	err := usage("unknown command %q", name).hinted("seal help lists them")
	if cmd.HasParent() {
		err.hint = cmd.CommandPath() + " --help lists them"
	}
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		err.hint = "did you mean " + cmd.CommandPath() + " " + near[0] + "?"
	}
	return err
}

// untilInterrupted returns a context that ends with Ctrl-C or the terminate
// signal. A second signal ends the process at once.
func untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// If the reader of standard output ends, the write fails with an error
	// instead of ending the process silently.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		select {
		case s := <-signals:
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			cancel(&interrupted{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal os.Signal }

func (*interrupted) Error() string { return "interrupted" }

func (i *interrupted) exit() int {
	switch i.signal {
	case syscall.SIGTERM:
		return exitTerminated
	case syscall.SIGHUP:
		return exitHungUp
	}
	return exitInterrupted
}
