package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/probe"
)

// What the server did not answer does not meet what the flags ask for.
func TestUnansweredRequirements(t *testing.T) {
	seen := []probe.Chain{{Key: "RSA 2048 bits", NotAfter: time.Now().AddDate(1, 0, 0)}}
	for _, test := range []struct {
		name   string
		flags  inspectFlags
		report probe.Report
		want   string // "" for no error
	}{
		{"all answered", inspectFlags{failUnder: "A", expires: 21},
			probe.Report{Grade: "A", Certificates: seen}, ""},
		{"no flag", inspectFlags{}, probe.Report{Grade: "A", Open: []string{"certificates"}}, ""},
		{"lower grade", inspectFlags{failUnder: "A"}, probe.Report{Grade: "B"}, "has grade B, and"},
		{"flaw", inspectFlags{failUnder: "C"},
			probe.Report{Grade: "A", Certificates: seen, Open: []string{"ROBOT"}}, "grade A at best, and"},
		{"nothing that lowers it so far", inspectFlags{failUnder: "B"},
			probe.Report{Grade: "B", Open: []string{"downgrade", "groups"}}, ""},
		{"any grade", inspectFlags{failUnder: "F"},
			probe.Report{Grade: "A", Open: []string{"ROBOT"}}, ""},
		{"none seen", inspectFlags{expires: 21}, probe.Report{Grade: "A"}, "no certificate was seen"},
		{"none to print", inspectFlags{pem: true}, probe.Report{Grade: "A"}, "no certificate was seen"},
		{"one not seen", inspectFlags{expires: 21},
			probe.Report{Grade: "A", Certificates: seen, Open: []string{"certificates"}},
			"may have a certificate that was not seen"},
		{"one not printed", inspectFlags{pem: true},
			probe.Report{Grade: "A", Certificates: seen, Open: []string{"certificates"}},
			"may have a certificate that was not seen"},
	} {
		err := test.flags.requirementError(&inspection{Address: "a:1", Report: &test.report})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// A grade that could be lower, and what has no answer, are shown so.
func TestUnansweredText(t *testing.T) {
	i := &inspection{Address: "a:1", Report: &probe.Report{
		Grade: "A", Open: []string{"certificates", "groups"},
	}}
	for _, want := range []string{
		"a:1: grade A at best (", "key exchange unknown, certificates unknown",
	} {
		if text := i.text(); !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	i.Report.Open, i.Report.Dropped = nil, []string{"SSL 2.0", "compression"}
	for _, want := range []string{
		"a:1: grade A (", "key exchange no, certificates no",
		"\n  dropped         SSL 2.0, compression\n",
	} {
		if text := i.text(); !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
}

// TestWaitingDialIsExplained: a connection that waits for the first one until its time is over has
// the error of a connection, which names the proxy.
func TestWaitingDialIsExplained(t *testing.T) {
	want := errors.New("the proxy did not connect")
	f := &fixedServer{named: true, turn: make(chan struct{}, 1),
		first: func(context.Context) (net.Conn, error) { return nil, want }}
	f.turn <- struct{}{} // the first one is under way
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.dial(ctx); err != want {
		t.Errorf("%v, want %v", err, want)
	}
}
