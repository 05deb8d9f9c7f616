package layers

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each row of docs/requirements.md names a file and a test that exist.
func TestRequirementsNameWhatExists(t *testing.T) {
	text, err := os.ReadFile("../../docs/requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := allTests(t)
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[3]) == "kept in" {
			continue
		}
		rows++
		file, test := strings.TrimSpace(cells[3]), strings.TrimSpace(cells[4])
		if _, err := os.Stat("../../" + file); err != nil {
			t.Errorf("%s: there is no file %s", strings.TrimSpace(cells[2]), file)
		}
		if !tests[test] && !strings.HasPrefix(test, "BoGo ") {
			t.Errorf("%s: there is no test %s", strings.TrimSpace(cells[2]), test)
		}
	}
	if rows < 90 {
		t.Errorf("%d rows were read", rows)
	}
}

// allTests returns the names of the module's tests and fuzz targets.
func allTests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	name := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, p := range list(t, "./...") {
		dir := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		entries, err := os.ReadDir("../../" + dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			text, err := os.ReadFile("../../" + dir + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range name.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = true
			}
		}
	}
	return found
}
