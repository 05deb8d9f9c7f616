package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/sealsock/sealsock/authority"
)

// TestListAccounts: a table, and with --json one object a line.
func TestListAccounts(t *testing.T) {
	all := []authority.Account{
		{ID: "first", Used: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, {ID: "second"},
	}
	out := newOutput(os.Stderr)
	for json, want := range map[bool]string{
		false: "ACCOUNT  LAST ORDER\nfirst    2026-01-02\nsecond   0001-01-01\n",
		true: `{"event":"account","account":"first","last_order":"2026-01-02T03:04:05Z"}` + "\n" +
			`{"event":"account","account":"second","last_order":"0001-01-01T00:00:00Z"}` + "\n",
	} {
		var b bytes.Buffer
		out.json = json
		if err := listAccounts(&b, out, all); err != nil || b.String() != want {
			t.Errorf("--json %v: %v\n%s", json, err, b.String())
		}
	}
}
