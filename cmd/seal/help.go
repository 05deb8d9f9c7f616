package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// helpWidth is the width of help texts in columns, if the terminal has no less.
const helpWidth = 100

// minHelpWidth is the width of help texts on a terminal that has less.
const minHelpWidth = 40

// helpColumns is the width of a help text that goes to w.
func helpColumns(w io.Writer) int {
	if c, ok := w.(*checkedWriter); ok {
		w = c.w
	}
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return max(minHelpWidth, min(width, helpWidth))
		}
	}
	return helpWidth
}

// flow fills the lines of each paragraph up to width columns. A paragraph with an indented line
// stays as it is.
func flow(text string, width int) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, " ") || strings.Contains(p, "\n ") {
			continue
		}
		var b strings.Builder
		column := 0
		for word := range strings.FieldsSeq(p) {
			n := utf8.RuneCountInString(word)
			switch {
			case column == 0:
			case column+1+n > width:
				b.WriteByte('\n')
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += n
		}
		paragraphs[i] = b.String()
	}
	return strings.Join(paragraphs, "\n\n")
}

// A flagGroup is a heading of the help and the flags below it. A flag has the same
// heading in all commands.
type flagGroup struct {
	title string
	flags string // separated by spaces
}

// flagGroups has each flag of the commands that have more flags than fit a screen.
var flagGroups = []flagGroup{
	{"Service", "keep echo exec http chat to listen into max-size framed drain"},
	{"Limits", "clients max-per-address allow deny rate member-rate idle timeout"},
	{"Identity", "cert key p12 key-password-file name raw-key sni-strict psk-file psk-without-dhe"},
	{"Peers", "ca ca-dir client-ca client-auth pin known-peers insecure strict"},
	{"Connection", "mtu proxy proxy-user-file starttls accept-proxy-header send-proxy-header " +
		"alpn session early-data tickets max-early-data"},
	{"Several servers", "nats nats-auth nats-ca nats-tls-first fleet-secret ticket-keys"},
	{"Revocation", "crl revocation revocation-max-age"},
	{"Encrypted ClientHello", "ech-keys ech-config"},
	{"Protocol", "profile min max suites groups sigalgs legacy"},
	{"Diagnosis", "log log-format trace keylog"},
	{"Measurement", "time parallel get"},
	{"Tunnels", "check convert client admin"},
	{"Inspection", "list fail-under expires-within all-addresses dns html messages pem"},
}

// commonFlags has the flags that --help lists, for each command with flagGroups; it lists
// all flags of the others.
var commonFlags = map[string]string{
	"seal listen": "keep echo exec http chat to cert key name client-ca psk-file",
	"seal connect": "ca name pin known-peers insecure cert key psk-file starttls " +
		"listen",
	"seal inspect": "name starttls list fail-under expires-within",
	"seal relay":   "cert key name clients max-per-address allow deny rate",
	"seal tunnel":  "check convert client listen to cert key ca name",
	"seal bench":   "time parallel echo get name ca insecure",
	"seal":         "version",
}

// usageTemplate is what --help prints below the description.
const usageTemplate = `Usage:
  {{.UseLine}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- if .HasAvailableSubCommands}}

Commands:
{{- range .Commands}}{{if (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}
{{- flagHelp .}}
`

// helpTemplate is the description and what follows it.
const helpTemplate = `{{description .}}

{{.UsageString}}`

// errHelpAll ends the parsing of flags at --help-all.
var errHelpAll = errors.New("help was requested")

// helpAll is the value of --help-all, which takes effect where it is parsed, as --help
// does, even if arguments are missing.
type helpAll struct{ requested bool }

func (h *helpAll) String() string   { return "false" }
func (h *helpAll) Type() string     { return "bool" }
func (h *helpAll) IsBoolFlag() bool { return true }

// Set implements pflag.Value.
func (h *helpAll) Set(string) error {
	h.requested = true
	return errHelpAll
}

// addHelp sets the help texts of all commands.
func addHelp(root *cobra.Command) {
	all := new(helpAll)
	f := root.PersistentFlags().VarPF(all, "help-all", "", "show the help with all flags")
	f.NoOptDefVal = "true"
	width := helpWidth
	cobra.AddTemplateFunc("description", func(cmd *cobra.Command) string {
		width = helpColumns(cmd.OutOrStdout()) // which is another writer for what follows
		return flow(description(cmd, all.requested), width)
	})
	cobra.AddTemplateFunc("flagHelp", func(cmd *cobra.Command) string {
		return flagHelp(cmd, all.requested, width)
	})
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
	root.SetHelpCommand(newHelp(all))
}

// newHelp is the command help, with an error for a command that does not exist. Its --help-all
// is about the command that the arguments name.
func newHelp(all *helpAll) *cobra.Command {
	help := &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string,
			cobra.ShellCompDirective) {
			var names []string
			if of, _, err := cmd.Root().Find(args); err == nil {
				for _, sub := range of.Commands() {
					names = append(names, sub.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 && !of.HasSubCommands() {
				return usage("unexpected argument %q", rest[0]).
					hinted("%s has no further commands", of.CommandPath())
			}
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmp.Or(of, cmd.Root()), args[len(args)-max(1, len(rest))])
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
	help.Flags().BoolVar(&all.requested, "help-all", false, "show the help with all flags")
	_ = help.Flags().MarkHidden("help-all") // it is one of all commands
	return help
}

// description is the text above the usage: for a command whose flags do not fit a screen
// its first paragraph, or with all the whole.
func description(cmd *cobra.Command, all bool) string {
	text := strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short))
	if _, grouped := commonFlags[cmd.CommandPath()]; grouped && !all {
		text, _, _ = strings.Cut(text, "\n\n")
	}
	return text
}

// flagHelp lists the flags of a command under their headings, in lines of width columns.
func flagHelp(cmd *cobra.Command, all bool, width int) string {
	var b strings.Builder
	section := func(title string, flags *pflag.FlagSet) {
		if flags.HasAvailableFlags() {
			text := strings.TrimRight(flags.FlagUsagesWrapped(width), "\n")
			fmt.Fprintf(&b, "\n\n%s:\n%s", title, text)
		}
	}
	common, grouped := commonFlags[cmd.CommandPath()]
	switch own := cmd.LocalNonPersistentFlags(); {
	case grouped && all && cmd != cmd.Root():
		for _, g := range flagGroups {
			section(g.title, only(own, g.flags))
		}
	case grouped && !all:
		section("Common flags", only(own, common))
		if cmd == cmd.Root() {
			section("Flags of all commands", cmd.PersistentFlags())
		}
		b.WriteString("\n\n" + flow(cmd.CommandPath()+
			" --help-all shows the full help with all flags.", width))
		return b.String()
	default:
		section("Flags", without(own, "help"))
	}
	section("Flags of all commands", cmd.Root().PersistentFlags())
	return b.String()
}

// only returns those of flags that names has, in that order.
func only(flags *pflag.FlagSet, names string) *pflag.FlagSet {
	some := pflag.NewFlagSet("", pflag.ContinueOnError)
	some.SortFlags = false
	for name := range strings.FieldsSeq(names) {
		if f := flags.Lookup(name); f != nil {
			some.AddFlag(f)
		}
	}
	return some
}

// without returns flags except those of names.
func without(flags *pflag.FlagSet, names ...string) *pflag.FlagSet {
	rest := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(names, f.Name) {
			rest.AddFlag(f)
		}
	})
	return rest
}
