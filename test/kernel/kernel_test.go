//go:build linux

package kernel

import (
	"bufio"
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sealsock/sealsock/internal/sockettest"
)

// module is this module's import path.
const module = "github.com/sealsock/sealsock"

// patience is how long the machine may run, and testPatience one package's tests
// in it. The race detector makes everything slower, in an emulated processor
// much slower.
var (
	patience     = map[bool]time.Duration{false: 10 * time.Minute, true: 15 * time.Minute}[underRace]
	testPatience = map[bool]time.Duration{false: 3 * time.Minute, true: 5 * time.Minute}[underRace]
)

//go:embed skips.txt
var skipsText string

var only = flag.String("only", "", "run only the packages whose path ends like this, for work on one family")

// TestFamilies runs every package's tests in the machine. Each of their tests
// is a subtest here.
func TestFamilies(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a virtual machine; not in -short")
	}
	lab := needLab(t)
	initrd, err := buildImage(lab, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	out, err := lab.boot(initrd, patience)
	t.Logf("the machine ran for %v", time.Since(start).Round(time.Second))
	log := filepath.Join(lab.dir, "guest.log")
	if werr := os.WriteFile(log, out, 0o644); werr != nil {
		t.Error(werr)
	}
	if err != nil {
		t.Fatalf("%v; what it said last:\n%s", err, tail(out, 3000))
	}
	results, problems, shown := parse(out)
	notes := noted(out)
	for _, p := range problems {
		t.Errorf("the machine said: %s", p)
	}
	if len(results) == 0 {
		t.Fatalf("no tests ran; the machine said:\n%s", tail(out, 3000))
	}
	check(t, results)
	if *only == "" {
		shown.complete(t)
		shown.compare(t, notes)
	}
}

// needLab opens the lab. It installs and downloads what is missing only if SEALSOCK_PEERS
// is "require", and else skips the test.
func needLab(t *testing.T) *lab {
	t.Helper()
	required := os.Getenv("SEALSOCK_PEERS") == "require"
	l, err := openLab(required)
	if err != nil && required {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("left out: the socket families in a virtual machine: %v", err)
	}
	return l
}

// TestLab checks that the files which stay in the user's cache are few, and are all that
// the machine needs.
func TestLab(t *testing.T) {
	l := needLab(t)
	for name, most := range map[string]int64{l.dir: 200 << 20, l.kernel(): 100 << 20} {
		if size := sizeOf(t, name); size == 0 || size > most {
			t.Errorf("%s has %d MiB, want at most %d", name, size>>20, most>>20)
		}
	}
	modules, err := l.moduleFiles()
	if err != nil {
		t.Fatal(err)
	}
	if len(modules) < 20 {
		t.Errorf("%d modules were found: %v", len(modules), modules)
	}
	for _, file := range modules {
		if !exists(filepath.Join(l.root, "lib", "modules", l.release, file)) {
			t.Errorf("%s is missing", file)
		}
	}
}

// sizeOf is the size of the files below a path.
func sizeOf(t *testing.T, path string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A result is what one package's tests did.
type result struct {
	name   string // path in this module
	output string
	exit   string // of the test program
	tests  []outcome
}

// An outcome is what one test did: PASS, FAIL or SKIP.
type outcome struct{ name, verdict string }

var verdict = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+)`)

// parse parses the output of the guest: lines that begin with "@@" come from
// the guest program.
func parse(out []byte) (results []result, problems []string, shown passes) {
	shown = passes{}
	scanner := bufio.NewScanner(bytes.NewReader(bytes.ReplaceAll(out, []byte("\r"), nil)))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		line := scanner.Text()
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "@@ begin "):
			results = append(results, result{name: words[2], exit: "none"})
		case strings.HasPrefix(line, "@@ end ") && len(results) > 0:
			results[len(results)-1].exit = words[3]
		case strings.HasPrefix(line, sockettest.Shown):
			shown[strings.TrimPrefix(line, sockettest.Shown)]++
		case strings.HasPrefix(line, "@@ problem "):
			problems = append(problems, strings.TrimPrefix(line, "@@ problem "))
		case len(results) > 0 && results[len(results)-1].exit == "none":
			r := &results[len(results)-1]
			r.output += line + "\n"
			if m := verdict.FindStringSubmatch(line); m != nil {
				r.tests = append(r.tests, outcome{m[2], m[1]})
			}
		}
	}
	return results, problems, shown
}

// check makes subtests of the results and compares skips with the list.
func check(t *testing.T, results []result) {
	allowed, err := skips(skipsText)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, r := range results {
		t.Run(r.name, func(t *testing.T) {
			for _, p := range r.problems(allowed, used) {
				t.Errorf("%s:\n%s", p, r.output)
			}
			t.Logf("%d passed", r.passed())
		})
	}
	for key := range allowed {
		if !used[key] && *only == "" {
			t.Errorf("skips.txt lists %s, which does not skip", key)
		}
	}
}

func (r *result) passed() int {
	n := 0
	for _, o := range r.tests {
		if o.verdict == "PASS" {
			n++
		}
	}
	return n
}

// problems returns the problems of a result: failed tests, no passed test, and
// skips that are not permitted. It records in used the permitted skips that
// occurred.
func (r *result) problems(allowed map[string]string, used map[string]bool) []string {
	var all []string
	if r.exit != "0" {
		all = append(all, "exit status "+r.exit)
	}
	for _, o := range r.tests {
		if o.verdict != "SKIP" {
			continue
		}
		key := r.name + " " + o.name
		if allowed[key] == "" {
			all = append(all, o.name+" skipped, and is not in skips.txt")
		}
		used[key] = true
	}
	if r.passed() == 0 {
		all = append(all, "nothing passed")
	}
	return all
}

// skips reads the list: a package, a test, and the reason in words.
func skips(text string) (map[string]string, error) {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.SplitN(line, " ", 3)
		if len(fields) < 3 {
			return nil, fmt.Errorf("skips.txt: %q has no reason", line)
		}
		all[fields[0]+" "+fields[1]] = fields[2]
	}
	return all, nil
}

// packages returns the import paths whose tests run in the machine: all below
// socket that have tests, address, and those of TLS and the command over the
// families.
func packages() ([]string, error) {
	cmd := exec.Command("go", "list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}",
		module+"/socket/...", module+"/address", module+"/test/kernel/sealed",
		module+"/test/kernel/command",
		module+"/test/kernel/kerneltls", module+"/internal/interrupt")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []string
	for _, p := range strings.Fields(string(out)) {
		if *only == "" || strings.HasSuffix(p, *only) {
			all = append(all, p)
		}
	}
	return all, nil
}

// buildTests compiles the tests of the packages and the first program of the
// guest as static binaries.
func buildTests(dir string) (names []string, err error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	all, err := packages()
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		name := strings.TrimPrefix(p, module+"/")
		file := strings.ReplaceAll(name, "/", "_") + ".test"
		if err := goTool(underRace, "test", "-c", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, file), p); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	for program, pkg := range map[string]string{"init": "test/kernel/guest", "seal": "cmd/seal"} {
		if err := goTool(false, "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, program), module+"/"+pkg); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// goTool builds a program for the machine: static, or with the race detector,
// which needs the C library.
func goTool(race bool, verb string, args ...string) error {
	cgo := "0"
	if race {
		cgo = "1"
		args = append([]string{"-race"}, args...)
	}
	cmd := exec.Command("go", append([]string{verb}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo, "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
