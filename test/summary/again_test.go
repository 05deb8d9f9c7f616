package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chance is a package whose tests fail the first time, each in its own way.
const chance = `package chance

import (
	"os"
	"testing"
)

func first(name string) bool {
	name = "first" + name
	_, err := os.Stat(name)
	return err != nil && os.WriteFile(name, nil, 0o600) == nil
}

func TestOnce(t *testing.T) {
	t.Run("sub", func(t *testing.T) {
		if first("once") {
			t.Error("the first time")
		}
	})
}

func TestAlways(t *testing.T) { t.Error("each time") }

func TestPanics(t *testing.T) {
	if first("panics") {
		panic("the first time")
	}
}

func TestExits(t *testing.T) {
	if first("exits") {
		os.Exit(1)
	}
}

func TestSkips(t *testing.T) {
	if first("skips") {
		t.Fatal("the first time")
	}
	t.Skip("from then on")
}

func TestFirstA(t *testing.T) { if first("a") { t.Error() } }
func TestFirstB(t *testing.T) { if first("b") { t.Error() } }
func TestFirstC(t *testing.T) { if first("c") { t.Error() } }
func TestFirstD(t *testing.T) { if first("d") { t.Error() } }
`

// TestAgain: a test that fails by chance is named, and the run continues; all other failures
// end it.
func TestAgain(t *testing.T) {
	inChance(t)
	for _, c := range []struct {
		run  string
		code int
	}{
		{"TestOnce", 0}, {"TestFirst[ABC]", 0}, {"TestFirst", 1},
		{"TestAlways", 1}, {"TestOnce|TestAlways", 1}, {"TestPanics", 1}, {"TestExits", 1},
		{"TestSkips", 1},
		{"TestNone", 0},
	} {
		code, text := chances(t, "-again", "-run", c.run, "./chance")
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d:\n%s", c.run, code, c.code, text)
		}
	}
	code, text := chances(t, "-again", "-run", "TestOnce", "-timeout", "1m", "./...")
	for _, want := range []string{
		"once more, 5 times: m/chance TestOnce\n",
		"\n10 passed, 0 skipped, 0 failed\n",
		": m/chance.TestOnce/sub m/chance.TestOnce\n",
	} {
		if code != 0 || !strings.Contains(text, want) {
			t.Errorf("exit code %d, and %q is missing in:\n%s", code, want, text)
		}
	}
	if code, text := chances(t, "-run", "TestOnce", "./chance"); code != 1 {
		t.Errorf("without -again: exit code %d:\n%s", code, text)
	}
	for _, line := range []string{
		"WARNING: DATA RACE\n", "    testing.go:1712: race detected during execution of test\n",
	} {
		race := newSummary(io.Discard)
		race.failed = []failure{{key{"m", "TestRaces"}, []string{line}, false}}
		if race.chances() != nil {
			t.Errorf("a data race would be passed over: %s", line)
		}
	}
}

// inChance writes the module of the package chance and makes it the working folder.
func inChance(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	if err := os.Mkdir("chance", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": module["go.mod"], "chance/a_test.go": chance,
	} {
		if err := os.WriteFile(filepath.FromSlash(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// chances runs tests of the package chance for the first time.
func chances(t *testing.T, args ...string) (int, string) {
	t.Helper()
	before, err := filepath.Glob("chance/first*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range before {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	code, err := run(args, &out)
	if err != nil {
		t.Error(err)
	}
	return code, out.String()
}
