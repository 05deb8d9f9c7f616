package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLoops builds the server of each library and gives both of its ports a short turn.
func TestLoops(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds three modules; go test without -short runs it")
	}
	r := &loopsRun{root: "..", dir: t.TempDir(), rounds: 1, length: 20 * time.Millisecond}
	if err := writeMaterial(r.dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range libraries {
		rows, err := r.measure(t.Context(), name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, row := range rows {
			for _, side := range []string{plainSide, sealedSide} {
				// The time of the processor is counted in hundredths of a second.
				if v, ok := row.Median(side); !ok || v <= 0 && row.More {
					t.Errorf("%s, %s, %s: %v, %v", name, side, row.Name, v, ok)
				}
			}
		}
	}
}

// TestLoopsChapter: a run of the rest of the comparison keeps the figures of the event loops.
func TestLoopsChapter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte("# Old\n"+loopsChapter("")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeBetween(file, loopsBegin, loopsEnd, "| gnet | 7 |\n"); err != nil {
		t.Fatal(err)
	}
	if err := newReport(1, "").write(filepath.Dir(file)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(text); strings.Count(s, "| gnet | 7 |") != 1 || strings.Contains(s, "# Old") {
		t.Errorf("the file is now:\n%s", s)
	}
}
