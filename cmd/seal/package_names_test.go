package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sealsock/sealsock/fleet"
	"github.com/sealsock/sealsock/starttls"
)

// TestPackageNames finds the errors in the source that begin with the name of their package.
func TestPackageNames(t *testing.T) {
	begins := regexp.MustCompile(`(?:errors\.New|Errorf)\(\s*"([a-z0-9]+): `)
	clause := regexp.MustCompile(`(?m)^package (\w+)$`)
	found := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if rel, _ := filepath.Rel("../..", path); d.IsDir() && (rel == "contrib" || rel == "test" ||
			rel == "cmd" || strings.HasPrefix(d.Name(), ".") && rel != ".") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := clause.FindSubmatch(text)
		for _, m := range begins.FindAllSubmatch(text, -1) {
			if name != nil && (string(m[1]) == string(name[1]) || string(m[1]) == "tls") {
				found[string(m[1])] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(maps.Keys(found)); !slices.Equal(want, packageNames) {
		t.Errorf("packageNames is %q, and the source has %q", packageNames, want)
	}
}

// TestNoPackageNames: what the user sees has no name of a package, and keeps the same word where it
// is another thing.
func TestNoPackageNames(t *testing.T) {
	twoSecrets := filepath.Join(t.TempDir(), "secrets")
	lines := strings.Repeat(strings.Repeat("1", 64)+"\n", 2)
	if err := os.WriteFile(twoSecrets, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	_, secretErr := fleet.ReadSecret(twoSecrets)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	dialogErr := starttls.Client(t.Context(), a, "gopher", "localhost")
	talkErr := fmt.Errorf("talk: %s: %w", "fleet", errors.New("transfer: relay: it ended"))
	for _, test := range []struct {
		err  error
		want string
	}{
		{talkErr, "fleet: relay: it ended"},
		{fmt.Errorf("room: %w", talkErr), "room: fleet: relay: it ended"},
		{errors.Join(errors.New("talk: a"), errors.New("tunnel: b")), "a\nb"},
		{failed(talkErr, "no room: %v", talkErr), "no room: fleet: relay: it ended"},
		{errors.New("relay.example: no such host"), "relay.example: no such host"},
	} {
		if got := explain(test.err).text; got != test.want {
			t.Errorf("%q is shown as %q, not %q", test.err, got, test.want)
		}
	}
	for _, err := range []error{secretErr, dialogErr} {
		if err == nil || regexp.MustCompile(`(^|: )(fleet|starttls): `).MatchString(explain(err).text) {
			t.Errorf("%v is shown as %q", err, explain(err).text)
		}
	}
}
