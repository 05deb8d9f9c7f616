package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestUnknownFlag(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv("BOGO_UNIMPLEMENTED", log)
	for _, tc := range []struct {
		args []string
		code int
		out  string
	}{
		{[]string{"-is-handshaker-supported"}, exitOK, "No\n"},
		{[]string{"-server", "-no-such-flag"}, exitUnimplemented, ""},
		{[]string{"-on-resume-no-such-flag"}, exitUnimplemented, ""},
		{[]string{"-port"}, exitFailed, ""},
		{[]string{"-port", "many"}, exitFailed, ""},
		{[]string{"-port", "-1"}, exitFailed, ""},
		{[]string{"-max-version", "770"}, exitUnimplemented, ""},
		{[]string{"-curves", "70000"}, exitFailed, ""},
		{[]string{"-curves", "4660"}, exitUnimplemented, ""},
	} {
		var out, errs bytes.Buffer
		if code := run(tc.args, &out, &errs); code != tc.code || out.String() != tc.out {
			t.Errorf("%q: status %d with %q, want %d with %q", tc.args, code, out.String(), tc.code, tc.out)
		}
		if tc.code == exitFailed != (errs.Len() > 0) {
			t.Errorf("%q: %q on standard error", tc.args, errs.String())
		}
	}
	noted, err := os.ReadFile(log)
	if err != nil || !strings.HasPrefix(string(noted), "-no-such-flag\n-no-such-flag\n") {
		t.Errorf("%q was noted: %v", noted, err)
	}
}

func TestPrefixes(t *testing.T) {
	set, err := parseFlags([]string{
		"-host-name", "all", "-on-resume-host-name", "resumed", "-on-retry-host-name", "again",
		"-on-shim-on-initial-select-alpn", "first", "-on-handshaker-select-alpn", "other",
		"-cert-file", "usual", "-new-x509-credential", "-cert-file", "new",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		set.initial.hostName, set.resume.hostName, set.retry.hostName, set.initial.selectALPN, set.resume.selectALPN,
		set.initial.usual.certFile, set.initial.credentials[0].certFile,
	}
	want := []string{"all", "resumed", "again", "first", "", "usual", "new"}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each excluded test has a reason, which states a decision.
func TestConfig(t *testing.T) {
	text, err := os.ReadFile("../config.json")
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ DisabledTests map[string]string }
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	if len(config.DisabledTests) == 0 {
		t.Fatal("nothing is left out, which cannot be")
	}
	excuse := regexp.MustCompile(`(?i)\b(fails?|todo|later|not yet|broken|flaky|fix|unknown)\b`)
	for pattern, reason := range config.DisabledTests {
		if _, err := filepath.Match(pattern, ""); err != nil {
			t.Errorf("%q is no pattern: %v", pattern, err)
		}
		if len(reason) < len("no DTLS") || excuse.MatchString(reason) {
			t.Errorf("%q: %q is no decision", pattern, reason)
		}
	}
}
