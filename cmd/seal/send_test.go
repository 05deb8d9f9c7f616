package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/transfer"
)

// TestListed: a sender cannot hide a file whose name begins with a dot behind the number of the
// others.
func TestListed(t *testing.T) {
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprint("f", i))
	}
	var dots []string
	for i := range 20 {
		dots = append(dots, fmt.Sprint(".d", i))
	}
	for _, test := range []struct {
		names []string
		want  string
	}{
		{[]string{"a"}, "a"},
		{[]string{"a", "b", "c"}, "a, b, c"},
		{many, "f0, f1, f2 and 47 more"},
		{append(many[:50:50], ".ssh"), ".ssh, f0, f1 and 48 more"},
		{append(many[:50:50], ".a", ".b", "x/.c", ".ssh"), ".a, .b, x/.c, .ssh and 50 more"},
		{append(dots[:20:20], "a", ".ssh"),
			strings.Join(dots, ", ") + " and 2 more, 1 of them with a dot in front"},
	} {
		if got := listed(test.names); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// TestTransferProblems: each side is told what it can do itself.
func TestTransferProblems(t *testing.T) {
	ctx := context.Background()
	for _, test := range []struct {
		err                error
		text, send, accept string
	}{
		{transfer.ErrWrongCode, "", "run seal send again, and tell the receiver the new code",
			"compare the code with the sender's; if it is the same, somebody else has answered: the " +
				"sender ends seal send and runs it again, for a new code"},
		{fmt.Errorf("%q: %w", "x", transfer.ErrName), "", "rename the file, or send an archive",
			"ask the sender to rename the file, or to send an archive"},
		{fmt.Errorf("x: %w", transfer.ErrExists), "", existHint, existHint},
		{errors.New("transfer: none is there"), "none is there", "", ""},
	} {
		for hint, err := range map[string]error{
			test.send: sendProblem(ctx, test.err), test.accept: receiveProblem(ctx, test.err, true),
		} {
			p := explain(err)
			if p.hint != hint || test.text != "" && p.text != test.text {
				t.Errorf("%v: %q, hint %q, want %q", test.err, p.text, p.hint, hint)
			}
		}
	}
	ended, cancel := context.WithCancelCause(ctx)
	cancel(&interrupted{})
	for begun, hint := range map[bool]string{true: keptHint, false: ""} {
		if p := explain(receiveProblem(ended, ended.Err(), begun)); p.hint != hint ||
			p.code != "interrupted" {
			t.Errorf("after an interruption: %+v", p)
		}
	}
}

// TestAcceptAsks: a user who typed the code at a terminal is asked there, also where standard input is
// a file. Without an answer nothing is received.
func TestAcceptAsks(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	defer func(stdin *os.File) { os.Stdin = stdin }(os.Stdin)
	os.Stdin = null
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // there is no answer
	for name, test := range map[string]struct {
		flags receiveFlags
		json  bool
		want  error
	}{
		"a code that was typed": {want: errDeclined},
		"a code in a file":      {flags: receiveFlags{codeFile: "code"}},
		"a code in a flag":      {flags: receiveFlags{code: "1-a-b"}},
		"yes":                   {flags: receiveFlags{yes: true}},
		"json":                  {json: true},
	} {
		out := &output{w: io.Discard, json: test.json}
		_, err := test.flags.accept(ctx, out, &transfer.Offer{Files: 1, Names: []string{"a"}})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}
