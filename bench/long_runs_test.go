package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The sections of docs/performance.md are those of the files beside it.
func TestLongRuns(t *testing.T) {
	text, err := longRuns("../docs")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	if text == "" || !strings.HasSuffix(string(page), text) {
		t.Errorf("docs/performance.md does not end with\n%s", text)
	}
	folder := t.TempDir()
	if text, err := longRuns(folder); text != "" || err != nil {
		t.Errorf("without files: %q, %v", text, err)
	}
	if err := os.WriteFile(filepath.Join(folder, soakFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := longRuns(folder); err == nil || !strings.Contains(err.Error(), soakFile) {
		t.Errorf("with a file that is no JSON: %v", err)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
