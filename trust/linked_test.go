package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/internal/linked"
)

// without runs the test as if the program imported neither idn nor fetch.
func without(t *testing.T) {
	ascii, fold, fetch := linked.ToASCII, linked.FoldCase, linked.Fetch
	t.Cleanup(func() { linked.ToASCII, linked.FoldCase, linked.Fetch = ascii, fold, fetch })
	linked.ToASCII, linked.FoldCase, linked.Fetch = nil, nil, nil
}

// TestPolicyThatCannotAsk gives a policy that asks responders to a program that cannot:
// it must refuse, also where it would accept a peer whose responder is silent.
func TestPolicyThatCannotAsk(t *testing.T) {
	h := newHouse(t, server("example.org"), func(c *x509.Certificate) {
		c.OCSPServer = []string{"http://ocsp.test/"}
	})
	without(t)
	for _, mode := range allModes {
		for _, noFetch := range []bool{false, true} {
			r := &Revocation{Mode: mode, NoFetch: noFetch}
			p := Policy{Roots: rootsOf(t, h.root), Revocation: r}
			_, err := p.Verify(context.Background(), h.peer())
			asks := (mode == RevocationPrefer || mode == RevocationRequire) && !noFetch
			if names := err != nil && strings.Contains(err.Error(), "trust/fetch"); names != asks {
				t.Errorf("mode %d, no fetch %v: %v", mode, noFetch, err)
			}
			if (p.Check() != nil) != asks {
				t.Errorf("mode %d, no fetch %v: Check returned %v", mode, noFetch, p.Check())
			}
		}
	}
}

// TestNamesWithoutTables compares names that are ASCII without tables as with them, and
// demands an error that names the package for those that are not.
func TestNamesWithoutTables(t *testing.T) {
	names := []string{"example.org", "EXAMPLE.org.", "a-b.c", "-a.b", "A-.b", "_x.b", "A_b.c", "a..b", "", ".", "a b.c",
		"a*.b", "xn--bcher-kva.example", "XN--BCHER-KVA.example", "1.2.3.4.5", strings.Repeat("a", 64) + ".b"}
	want := map[string]string{}
	for _, name := range names {
		want[name], _ = asciiHost(name)
	}
	without(t)
	for _, name := range names {
		if got, err := asciiHost(name); got != want[name] || (err != nil) != (got == "") {
			t.Errorf("%q is %q, %v; with tables %q", name, got, err, want[name])
		}
	}
	if _, err := asciiHost("bücher.example"); err == nil || !strings.Contains(err.Error(), "trust/idn") {
		t.Errorf("a name in Unicode: %v", err)
	}
}

// TestDirectoryNamesWithoutTables has authorities that restrict directory names. One that
// is not ASCII cannot be compared without tables, and may be excluded.
func TestDirectoryNamesWithoutTables(t *testing.T) {
	without(t)
	for _, tc := range []struct {
		excluded, subject string // "" for no constraint
		want              string // in the error
	}{
		{"", "Société", ""},
		{"Other", "Plain", ""},
		{"Plain", "Plain", "is excluded"},
		{"SOCIÉTÉ", "Société", "trust/idn"},
		{"SOCIÉTÉ", "Plain", "trust/idn"},
		{"Other", "Société", "trust/idn"},
	} {
		root := issue(t, nil, nil, authority("Root"))
		changes := []change{authority("Inter")}
		if tc.excluded != "" {
			changes = append(changes, limited(true, nil, directories(directoryName("O="+tc.excluded))))
		}
		inter := issue(t, root, nil, changes...)
		leaf := issue(t, inter, nil, server("example.org"), subject("O="+tc.subject))
		p := Policy{Roots: rootsOf(t, root)}
		_, err := p.Verify(context.Background(), &Peer{Server: true, Name: "example.org", Now: noon,
			Chain: [][]byte{leaf.Raw, inter.Raw}})
		var e *Error
		if tc.want == "" && err != nil || tc.want != "" &&
			(!errors.As(err, &e) || e.Code != CodeNameConstraint || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("excluded %q, subject %q: %v", tc.excluded, tc.subject, err)
		}
	}
}
