package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	all := file("all", "UNIMPLEMENTED (A-TLS13)\nUNIMPLEMENTED (B-TLS13)\nnoise\nUNIMPLEMENTED (B-DTLS)\nUNIMPLEMENTED (C-TLS13)\n")
	results := file("results", `{"tests": {"A-TLS13": {"actual": "PASS"}, "C-TLS13": {"actual": "FAIL"}, "D": {"actual": "SKIP"}}}`)
	missing := file("missing", "-flag\n-flag\n-list [1 2]\n-list [3]\n")
	config := file("config", `{"DisabledTests": {"*-DTLS": "no DTLS", "B-*TLS*": "no B"}}`)
	doc := file("doc", "before\n"+begin+"old\n"+end+"\nafter\n")
	if err := report(all, results, missing, config, "deadbeef", doc); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n" + begin, "\nafter\n", "deadbeef", "| 1 | 1 | 4 | 2 |", "| no DTLS | 1 |", "| no B | 1 |", "| -flag | 2 |", "| -list | 2 |"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Errorf("the old totals are still there: %q", text)
	}
	if err := replace(all, ""); err == nil {
		t.Error("a file without marks was written to")
	}
}
