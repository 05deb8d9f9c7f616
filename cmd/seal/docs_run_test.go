package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A shellBlock is a block of shell commands in a document.
type shellBlock struct {
	doc  string
	text string
	runs bool // marked as one that ends by itself on a machine without a network

	leftOut string // why no test runs it, as the mark in front of it states
}

var shellFence = regexp.MustCompile(
	"(?ms)^(<!-- test: run -->\n)?(?:<!-- test: no, ([^\n]*) -->\n)?```sh\n(.*?)^```")

// shellBlocks returns the blocks of README.md and docs.
func shellBlocks(t *testing.T) []shellBlock {
	t.Helper()
	docs, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []shellBlock
	for _, doc := range append(docs, "../../README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range shellFence.FindAllSubmatch(text, -1) {
			block := shellBlock{filepath.Base(doc), string(m[3]), len(m[1]) > 0, string(m[2])}
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// recorder defines shell functions that write the arguments of each call of
// seal to the file calls, one a line, after a line with their number, and
// ignore the other programs of the documents. PATH is empty, so that a program
// without such a function is an error.
const recorder = `
set -e
PATH=
seal() { printf '%s\n' "$#" "$@" >&3; }
sudo() { shift; "$@"; }
tar() { :; }
mkdir() { :; }
make() { :; }
go() { :; }
exec 3>>calls
`

// callsOf returns the arguments of each call of seal in a block.
func callsOf(t *testing.T, block shellBlock) [][]string {
	t.Helper()
	dir := t.TempDir()
	for _, input := range []string{"photos.tar", "request.txt"} {
		if err := os.WriteFile(filepath.Join(dir, input), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.ReplaceAll(block.text, "./bin/seal", "seal")
	cmd := exec.Command("sh", "-c", recorder+text)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s\n%s", block.doc, err, out, block.text)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return splitCalls(t, string(calls))
}

func splitCalls(t *testing.T, text string) (calls [][]string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(lines) > 0 && lines[0] != "" {
		n := 0
		for _, digit := range lines[0] {
			n = 10*n + int(digit-'0')
		}
		if n >= len(lines) {
			t.Fatalf("%q is cut short", text)
		}
		calls, lines = append(calls, lines[1:1+n]), lines[1+n:]
	}
	return calls
}

// checkCall parses the arguments of seal as the command does, without running it.
func checkCall(args []string) error {
	root := newRoot(newOutput(os.Stderr))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("version")
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if cmd == root {
		return unknownCommand(root, strings.Join(args, " "))
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// TestDocumentedCommandsParse parses each command line of seal in the shell
// blocks of the documents.
func TestDocumentedCommandsParse(t *testing.T) {
	calls := 0
	for _, block := range shellBlocks(t) {
		for _, args := range callsOf(t, block) {
			calls++
			if err := checkCall(args); err != nil {
				t.Errorf("%s: seal %s: %v", block.doc, strings.Join(args, " "), err)
			}
		}
	}
	if calls < 25 {
		t.Errorf("only %d commands were found", calls)
	}
	for _, bad := range []string{"lisden :1", "listen --no-such-flag", "connect a b"} {
		if checkCall(strings.Fields(bad)) == nil {
			t.Errorf("seal %s passed the check", bad)
		}
	}
}

// TestDocumentedCommandsRun runs the blocks that are marked with
// <!-- test: run -->, each line with the real command in one folder.
func TestDocumentedCommandsRun(t *testing.T) {
	ran := 0
	for _, block := range shellBlocks(t) {
		if !block.runs {
			continue
		}
		ran++
		dir := t.TempDir()
		cmd := exec.Command("sh", "-e", "-c", block.text)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SEALSOCK_HOME="+filepath.Join(dir, "home"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s\n%s", block.doc, err, out, block.text)
		}
	}
	if ran < 2 {
		t.Errorf("only %d blocks are marked", ran)
	}
}
