package sealsock_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// adoptingImports are the packages that the blocks of docs/adopting.md may use.
var adoptingImports = []string{
	"context", "crypto/tls", "io", "log/slog", "net", "net/http", "net/smtp",
	"github.com/sealsock/sealsock",
	"github.com/sealsock/sealsock/engine", "github.com/sealsock/sealsock/httptransport",
	"github.com/sealsock/sealsock/iana", "github.com/sealsock/sealsock/identity",
	"github.com/sealsock/sealsock/starttls", "github.com/sealsock/sealsock/trust",
}

var (
	goBlocks = regexp.MustCompile("(?s)```go\n(.*?)```")
	declared = regexp.MustCompile(`(?m)^([\w, ]+) :=`)
)

// TestAdopting compiles each block of docs/adopting.md.
func TestAdopting(t *testing.T) {
	page, err := os.ReadFile("docs/adopting.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(".", "_adopting-") // an underscore hides it from ./...
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	blocks := goBlocks.FindAllSubmatch(page, -1)
	if len(blocks) < 10 {
		t.Errorf("docs/adopting.md has %d blocks", len(blocks))
	}
	of := examples(t)
	for i, block := range blocks {
		if of[string(block[1])] {
			continue // its module compiles it
		}
		file := filepath.Join(dir, fmt.Sprintf("block%d.go", i))
		if err := os.WriteFile(file, []byte(program(i, string(block[1]))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("go", "build", "./"+dir).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// program makes a file of a block: a function whose parameters are what blocks take as given.
func program(i int, block string) string {
	var b strings.Builder
	b.WriteString("package adopting\n\n")
	if strings.HasPrefix(block, "import ") {
		return b.String() + block
	}
	for _, path := range adoptingImports {
		used := regexp.MustCompile(`\b` + filepath.Base(path) + `\.`)
		if used.MatchString(block + " context. net. http. sealsock.") {
			fmt.Fprintf(&b, "import %q\n", path)
		}
	}
	fmt.Fprintf(&b, "\nfunc block%d(ctx context.Context, conn net.Conn, handler http.Handler, p []byte, "+
		"cfg *sealsock.Config) error {\n\t{\n%s\n", i, block)
	var names []string
	for _, m := range declared.FindAllStringSubmatch(block, -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			if name != "_" && !slices.Contains(names, name) {
				names = append(names, name)
				fmt.Fprintf(&b, "_ = %s\n", name)
			}
		}
	}
	b.WriteString("\t}\n\treturn nil\n}\n")
	return b.String()
}

// longestExample is how many lines the example of an adapter may have.
const longestExample = 10

// examples returns the bodies of the examples of the modules below contrib, which "make contrib"
// compiles. Those with this package are short.
func examples(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("contrib/*/example_test.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("there are %d files of examples: %v", len(files), err)
	}
	bodies := map[string]bool{}
	function := regexp.MustCompile(`(?ms)^func (Example\w*)\(\) \{\n(.*?)^\}`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllSubmatch(text, -1) {
			body := regexp.MustCompile(`(?m)^\t`).ReplaceAllString(string(m[2]), "")
			bodies[body] = true
			lines := strings.Count(body, "\n")
			if lines > longestExample && !strings.HasSuffix(string(m[1]), "_cryptoTLS") {
				t.Errorf("%s: %s has %d lines, more than %d", name, m[1], lines, longestExample)
			}
		}
	}
	return bodies
}
