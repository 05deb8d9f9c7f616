package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestChatNamesTests: the tests that chat.md names exist in the packages that it names.
func TestChatNamesTests(t *testing.T) {
	text, err := os.ReadFile("chat.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("`([a-z/]+)`: ((?:Test\\w+)(?:, Test\\w+)*)")
	found := row.FindAllStringSubmatch(string(text), -1)
	if len(found) < 15 {
		t.Errorf("chat.md names %d packages with tests", len(found))
	}
	for _, m := range found {
		files, err := filepath.Glob("../" + m[1] + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		var code strings.Builder
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
		}
		for _, name := range strings.Split(m[2], ", ") {
			if !strings.Contains(code.String(), "\nfunc "+name+"(t *testing.T)") {
				t.Errorf("%s has no test %s", m[1], name)
			}
		}
	}
}
