package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestEventsAreDocumented: docs/seal.md names each event of --json.
func TestEventsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/seal.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ = bytes.Cut(page, []byte("\n## Scripts\n"))
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	events := regexp.MustCompile(`\) event\(\) string +\{ return "([^"]+)" \}`)
	var found int
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range events.FindAllSubmatch(source, -1) {
			found++
			if !bytes.Contains(page, []byte("`"+string(event[1])+"`")) {
				t.Errorf("docs/seal.md does not name the event %q of %s", event[1], file)
			}
		}
	}
	if found < 30 {
		t.Errorf("%d events were found", found)
	}
}

// docs/seal.md names no flag and no command that is not there, and leaves out none
// of the commands.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/seal.md")
	if err != nil {
		t.Fatal(err)
	}
	flags, commands := map[string]bool{"--help": true}, make(map[string]bool)
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		commands[c.CommandPath()] = true
		for _, f := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			f.VisitAll(func(f *pflag.Flag) { flags["--"+f.Name] = true })
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	root := newRoot(newOutput(os.Stderr))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("version")
	walk(root)
	for _, flag := range regexp.MustCompile(`--[a-z][a-z0-9-]+`).FindAllString(string(page), -1) {
		if !flags[flag] {
			t.Errorf("docs/seal.md names %s, which no command has", flag)
		}
	}
	for _, command := range regexp.MustCompile(`seal (ca [a-z]+|[a-z]+)`).FindAllString(string(page), -1) {
		if !commands[command] && command != "seal has" {
			t.Errorf("docs/seal.md names %q, which is no command", command)
		}
	}
	for command := range commands {
		last := command[strings.LastIndex(command, " ")+1:]
		if !strings.HasPrefix(command, "seal completion ") && !strings.Contains(string(page), last) {
			t.Errorf("docs/seal.md does not name %q", command)
		}
	}
}
