package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module has a package for each way to fail.
var module = map[string]string{
	"go.mod": "module m\n\ngo 1.27\n",
	"tests/a_test.go": `package tests

import (
	"fmt"
	"testing"
)

func TestPasses(t *testing.T) { fmt.Println("not shown") }
func TestSkips(t *testing.T)  { t.Skip("no server\nwas found") }
func TestFails(t *testing.T) {
	fmt.Println("first line")
	t.Run("sub", func(t *testing.T) { t.Error("wrong\nvalue") })
}
`,
	"build/a_test.go": "package build\n\nvar _ = missing\n",
	"exits/a_test.go": `package exits

import (
	"fmt"
	"os"
	"testing"
)

func TestExits(t *testing.T) {
	fmt.Println("last words")
	os.Exit(3)
}
`,
	"main/a_test.go": `package main

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(*testing.M) {
	fmt.Println("no folder")
	os.Exit(3)
}
`,
}

// inModule writes the module of the tests and makes it the working folder.
func inModule(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range module {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("GOFLAGS", "") // of a run with -mod and the like
	t.Setenv("GOWORK", "off")
}

// TestFailuresAreLast runs go test on packages that fail. The results of the packages come
// first, then the skipped tests, then the whole output of the failed ones, then their names.
func TestFailuresAreLast(t *testing.T) {
	inModule(t)
	var out strings.Builder
	if code, err := run([]string{"./..."}, &out); code != 1 || err != nil {
		t.Errorf("exit code %d, %v, want 1", code, err)
	}
	text := out.String()
	at := 0
	for _, want := range []string{
		"FAIL\tm/tests\t",
		"\nskipped tests: 1\n  m/tests.TestSkips: a_test.go:9: no server was found\n",
		"\n1 passed, 1 skipped, 5 failed\nFAIL ",
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("%q does not follow in:\n%s", want, text)
		}
		at += i
	}
	for _, want := range []string{
		"failed: m/tests.TestFails\n=== RUN   TestFails\nfirst line\n--- FAIL: TestFails",
		"failed: m/tests.TestFails/sub\n=== RUN   TestFails/sub\n    a_test.go:12: wrong\n" +
			"        value\n",
		"failed: m/build\n", "undefined: missing\n",
		"failed: m/exits.TestExits\n=== RUN   TestExits\nlast words\n",
		"failed: m/main\nno folder\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	for _, name := range []string{"tests.TestFails", "tests.TestFails/sub", "build",
		"exits.TestExits", "main"} {
		if !strings.Contains(text[at:], "FAIL m/"+name+"\n") {
			t.Errorf("the end does not name m/%s:\n%s", name, text[at:])
		}
	}
	if strings.Contains(text, "not shown") {
		t.Errorf("the output of a passed test is shown:\n%s", text)
	}
}

func TestSuccess(t *testing.T) {
	inModule(t)
	var out strings.Builder
	code, err := run([]string{"-run", "TestPasses|TestSkips", "./tests"}, &out)
	if code != 0 || err != nil {
		t.Errorf("exit code %d, %v, want 0:\n%s", code, err, out.String())
	}
	if !strings.HasPrefix(out.String(), "ok  \tm/tests\t") ||
		!strings.HasSuffix(out.String(), "\n1 passed, 1 skipped, 0 failed\n") {
		t.Errorf("the output is:\n%s", out.String())
	}
	if code, _ := run([]string{"-no-such-flag"}, &out); code == 0 {
		t.Error("a wrong flag has exit code 0")
	}
}

// TestManyFailures: the end of a log, 30 lines, names each failed test.
func TestManyFailures(t *testing.T) {
	var out strings.Builder
	s := &summary{out: &out}
	for range 101 {
		s.failed = append(s.failed, failure{key{"m", "TestX"},
			[]string{"long\n", "output\n"}, false})
	}
	s.print()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := strings.Join(lines[len(lines)-29:], "\n") // make adds a line
	if n := strings.Count(last[strings.Index(last, "101 failed"):], " m.TestX"); n != 101 {
		t.Errorf("%d names of 101 in:\n%s", n, last)
	}
}
