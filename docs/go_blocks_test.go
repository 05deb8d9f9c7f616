package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goFence = regexp.MustCompile("(?ms)^```go\n(.*?)^```")

// given are the names that the Go blocks of the documents use and do not declare.
const given = `
	ctx context.Context
	handler http.Handler
	dir string
	p []byte
	s *socket.Socket
	conn net.Conn
	l net.Listener
	cfg *sealsock.Config
	m *acme.Manager
`

// imports are the packages that the blocks may use, beside those of this module.
var imports = []string{
	"context", "crypto/tls", "fmt", "io", "log/slog", "net", "net/http", "net/smtp", "os", "time",
}

// exports maps the path of each package that a block may need to the file with
// its export data.
func exports(t *testing.T) map[string]string {
	t.Helper()
	args := append([]string{"list", "-deps", "-export", "-json=ImportPath,Export"}, imports...)
	cmd := exec.Command("go", append(args, "./...")...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		files[p.ImportPath] = p.Export
	}
}

// pathOf returns the import path of the package that a block calls name.
func pathOf(name string, files map[string]string) (string, bool) {
	for _, p := range imports {
		if path.Base(p) == name {
			return p, true
		}
	}
	const module = "github.com/sealsock/sealsock"
	for _, p := range []string{
		module, module + "/" + name, module + "/socket/" + name, module + "/identity/" + name,
	} {
		if _, ok := files[p]; ok && path.Base(p) == name {
			return p, true
		}
	}
	return "", false
}

// program makes a file of a block: its statements in a function, with the
// imports that it needs and the names of given as parameters.
func program(block string, files map[string]string) (string, error) {
	if strings.HasPrefix(block, "import ") {
		return "package p\n" + block, nil // imports alone
	}
	parameters := strings.ReplaceAll(strings.TrimSpace(given), "\n", ",")
	body := "func _(" + parameters + ") {\n" + block + "\n}\n"
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "block.go", "package p\n"+body, 0)
	if err != nil {
		return "", err
	}
	needed := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				if p, ok := pathOf(id.Name, files); ok {
					needed[p] = true
				}
			}
		}
		return true
	})
	text := "package p\n"
	for p := range needed {
		text += fmt.Sprintf("import %q\n", p)
	}
	return text + body, nil
}

// harmless are the complaints about a block that a reader completes: results
// that it leaves unused, and err that it declares more than once.
var harmless = regexp.MustCompile(
	`^declared and not used|^no new variables on left side of :=|is not used$`)

// compile returns the errors of a block that are not harmless.
func compile(block string, files map[string]string) []error {
	text, err := program(block, files)
	if err != nil {
		return []error{err}
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "block.go", text, 0)
	if err != nil {
		return []error{err}
	}
	var found []error
	conf := types.Config{
		Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
			return os.Open(files[path])
		}),
		Error: func(err error) {
			if !harmless.MatchString(err.(types.Error).Msg) {
				found = append(found, err)
			}
		},
	}
	_, _ = conf.Check("p", fset, []*ast.File{f}, nil) // each error went to conf.Error
	return found
}

// adapters finds the libraries of others.
var adapters = regexp.MustCompile(`log\.Fatal|\b(fasthttp|pgx|coder)\.`)

// TestGoBlocksCompile compiles the Go blocks of README.md and docs.
func TestGoBlocksCompile(t *testing.T) {
	docs, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	files := exports(t)
	blocks := 0
	for _, doc := range append(docs, "../README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range goFence.FindAllStringSubmatch(string(text), -1) {
			blocks++
			if doc == "adopting.md" && adapters.MatchString(m[1]) {
				continue // TestAdopting compares it with the example of a module
			}
			for _, err := range compile(m[1], files) {
				t.Errorf("%s: %v in\n%s", doc, err, m[1])
			}
		}
	}
	if blocks < 5 {
		t.Errorf("only %d blocks were found", blocks)
	}
	bad := "conn, err := sealsock.Dail(ctx, \"a:1\", nil)"
	if len(compile(bad, files)) == 0 {
		t.Errorf("%s compiles", bad)
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)

// TestLinksLeadSomewhere looks for the file and the heading of each link of
// README.md and docs to another document of the repository.
func TestLinksLeadSomewhere(t *testing.T) {
	docs, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range append(docs, "../README.md") {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target, err := os.ReadFile(filepath.Join(filepath.Dir(doc), m[1]))
			if err != nil {
				t.Errorf("%s: %v", doc, err)
			} else if m[2] != "" && !headings(string(target))[m[2]] {
				t.Errorf("%s: %s has no heading %s", doc, m[1], m[2])
			}
		}
	}
}

// headings returns the anchors of a document's headings.
func headings(text string) map[string]bool {
	anchors := map[string]bool{}
	for line := range strings.Lines(text) {
		title, ok := strings.CutPrefix(strings.TrimLeft(strings.TrimSpace(line), "#"), " ")
		if !ok || line[0] != '#' {
			continue
		}
		anchor := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(title), "")
		anchors["#"+strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return anchors
}
