package main

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpLines is the number of lines that a help text may have.
const helpLines = 40

// helpOf returns what a command prints for --help or --help-all.
func helpOf(t *testing.T, path, flag string) string {
	t.Helper()
	root := newRoot(newOutput(os.Stderr))
	var text bytes.Buffer
	root.SetOut(&text)
	root.SetArgs(append(strings.Fields(path)[1:], flag))
	if err := root.Execute(); err != nil {
		t.Fatalf("%s %s: %v", path, flag, err)
	}
	return text.String()
}

// allCommands calls f with each command, except those of cobra.
func allCommands(f func(*cobra.Command)) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		f(cmd)
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(newOutput(os.Stderr)))
}

// TestHelpFits checks the size of each help text: --help fits a screen, and no line of it
// or of --help-all has more than 100 columns.
func TestHelpFits(t *testing.T) {
	allCommands(func(cmd *cobra.Command) {
		for _, flag := range []string{"--help", "--help-all"} {
			text := helpOf(t, cmd.CommandPath(), flag)
			lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
			if flag == "--help" && len(lines) > helpLines {
				t.Errorf("%s --help has %d lines", cmd.CommandPath(), len(lines))
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n > helpWidth {
					t.Errorf("%s %s: %d columns: %s", cmd.CommandPath(), flag, n, line)
				}
			}
		}
	})
}

// TestHelpFlows: a help text has the width of the terminal, and keeps what is indented.
func TestHelpFlows(t *testing.T) {
	const text = "one two\nthree four\n\nA list:\n  of a line that is long\n\nlongerthanall x"
	const want = "one two\nthree\nfour\n\nA list:\n  of a line that is long\n\nlongerthanall\nx"
	if got := flow(text, 9); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := flow(text, 100); !strings.HasPrefix(got, "one two three four\n\nA list:\n  of") {
		t.Errorf("%q", got)
	}
	if n := helpColumns(new(bytes.Buffer)); n != helpWidth {
		t.Errorf("%d columns without a terminal", n)
	}
}

// TestHelpGroups checks that --help-all lists each flag of a command once, and that a
// group has no flag that no command has.
func TestHelpGroups(t *testing.T) {
	grouped := map[string]bool{}
	for _, g := range flagGroups {
		for name := range strings.FieldsSeq(g.flags) {
			if grouped[name] {
				t.Errorf("--%s is in two groups", name)
			}
			grouped[name] = true
		}
	}
	used := map[string]bool{}
	allCommands(func(cmd *cobra.Command) {
		common, ok := commonFlags[cmd.CommandPath()]
		if !ok || !cmd.HasParent() {
			return
		}
		text := "\n" + helpOf(t, cmd.CommandPath(), "--help-all")
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			used[f.Name] = true
			if f.Name != "help" && !grouped[f.Name] {
				t.Errorf("%s: --%s is in no group", cmd.CommandPath(), f.Name)
			}
			if f.Name != "help" && strings.Count(text, "\n      --"+f.Name+" ") != 1 {
				t.Errorf("%s --help-all does not list --%s once", cmd.CommandPath(), f.Name)
			}
		})
		for name := range strings.FieldsSeq(common) {
			if cmd.Flags().Lookup(name) == nil {
				t.Errorf("%s has no --%s", cmd.CommandPath(), name)
			}
		}
	})
	for name := range grouped {
		if !used[name] {
			t.Errorf("no command has --%s", name)
		}
	}
}

// TestFlagErrors checks the errors of the flag parser: a flag that was mistyped, and values
// that are not of the flag's kind. None has a text of Go's.
func TestFlagErrors(t *testing.T) {
	for _, test := range []struct{ args, text, hint string }{
		{"connect --mim 1.3 a:1", "seal connect has no flag --mim", "did you mean --min?"},
		{"connect --timeuot 1s a:1", "seal connect has no flag --timeuot", "did you mean --timeout?"},
		{"listen --kep a:1", "seal listen has no flag --kep", "did you mean --keep?"},
		{"connect --known a:1", "seal connect has no flag --known", "did you mean --known-peers?"},
		{"connect --xyzzy a:1", "seal connect has no flag --xyzzy",
			"seal connect --help-all lists the flags"},
		{"connect -x a:1", "seal connect has no flag -x", "seal connect --help-all lists the flags"},
		{"connect --timeout soon a:1", `--timeout "soon" is not a time`, "as in --timeout 10s"},
		{"listen --clients x a:1", `--clients "x" is not a whole number`,
			"use only digits, as in --clients 10"},
		{"listen --clients 99999999999999999999 a:1",
			"--clients 99999999999999999999 is too large", "give a smaller number"},
		{"listen --keep=maybe a:1", `--keep takes no value, but "maybe" was given`,
			"--keep alone enables it"},
		{"connect --name", "--name needs a value", "as in --name NAME"},
		{"connect --=x", `"--=x" is not a flag`, "seal connect --help-all lists the flags"},
	} {
		root := newRoot(newOutput(os.Stderr))
		root.SetArgs(strings.Fields(test.args))
		p := explain(root.Execute())
		if p.text != test.text || p.hint != test.hint || p.exit != exitUsage {
			t.Errorf("seal %s: exit %d\n%s\nhint: %s\nwant\n%s\nhint: %s",
				test.args, p.exit, p.text, p.hint, test.text, test.hint)
		}
	}
}

// TestCompletions checks that the shells complete the values of flags.
func TestCompletions(t *testing.T) {
	for _, test := range []struct{ args, want, not string }{
		{"connect --min ", "1.3", "1.1"},
		{"listen --client-auth ", "require", ""},
		{"connect --groups X25519,", "X25519,secp256r1", "X25519,x25519"},
		{"connect --suites ", "TLS_AES_128_GCM_SHA256", "TLS_RSA_WITH_RC4_128_SHA"},
		{"connect --starttls ", "smtp", ""},
		{"ca issue --algorithm ", "ed25519", ""},
		{"ca revoke --reason ", "key-compromise", ""},
	} {
		root := newRoot(newOutput(os.Stderr))
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetArgs(append([]string{"__complete"}, strings.Split(test.args, " ")...))
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		words := strings.Split(out.String(), "\n")
		if !slices.Contains(words, test.want) || test.not != "" && slices.Contains(words, test.not) {
			t.Errorf("%s: %q, want %q and not %q", test.args, words, test.want, test.not)
		}
	}
}
