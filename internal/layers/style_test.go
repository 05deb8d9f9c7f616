package layers

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/fzipp/gocyclo"
)

// The limits of CONTRIBUTING.md.
const (
	mostBranches = 12  // cyclomatic complexity of a function outside of tests
	mostLines    = 60  // lines of a function outside of tests, its comment not counted
	mostFile     = 500 // lines of a file
	mostColumns  = 100 // columns of a line; a tab counts as one
)

// A source is a Go file of this module.
type source struct {
	name string // relative to the module's root
	text []byte
	file *ast.File
	fset *token.FileSet
}

func (s source) dir() string { return path.Dir(s.name) }

func (s source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

var parseTree = sync.OnceValues(parseSources)

// sources returns each Go file that git tracks or would add, parsed once.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := parseTree()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 300 {
		t.Fatalf("git lists %d Go files", len(all))
	}
	return all
}

func parseSources() ([]source, error) {
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.go")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var all []source
	for _, name := range strings.Fields(string(out)) {
		text, err := os.ReadFile("../../" + name)
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		} else if err != nil {
			return nil, err
		}
		s, err := parse(name, text)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func parse(name string, text []byte) (source, error) {
	s := source{name: name, text: text, fset: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments)
	return s, err
}

// largeFunctions returns the functions of s that exceed a limit, with the
// number by which they do: "dir name branches" and "dir name lines".
func largeFunctions(s source) map[string]int {
	large := map[string]int{}
	for _, f := range gocyclo.AnalyzeASTFile(s.file, s.fset, nil) {
		if f.Complexity > mostBranches {
			large[s.dir()+" "+f.FuncName+" branches"] = f.Complexity
		}
	}
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
		if n > mostLines {
			large[s.dir()+" "+nameOf(f)+" lines"] = n
		}
	}
	return large
}

// nameOf names a function as gocyclo does: Name or (*Type).Name.
func nameOf(f *ast.FuncDecl) string {
	file := &ast.File{Name: ast.NewIdent("p"), Decls: []ast.Decl{f}}
	stats := gocyclo.AnalyzeASTFile(file, token.NewFileSet(), nil)
	if len(stats) == 0 {
		return f.Name.Name
	}
	return stats[0].FuncName
}

// wideLines counts the lines of more than mostColumns columns.
func wideLines(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		if utf8.RuneCount(bytes.TrimSuffix(line, []byte("\n"))) > mostColumns {
			n++
		}
	}
	return n
}

// TestFunctionsAreSmall holds functions to mostBranches and mostLines.
// testdata/functions.txt lists the exceptions: a function that meets the
// limits must not be listed, and a listed one must not grow.
func TestFunctionsAreSmall(t *testing.T) {
	large := map[string]int{}
	for _, s := range sources(t) {
		if !s.isTest() {
			maps.Copy(large, largeFunctions(s))
		}
	}
	if *update {
		lowerLimits(t, "functions.txt", 0, large)
	}
	limits := readLimits(t, "functions.txt")
	for _, key := range slices.Sorted(maps.Keys(large)) {
		if n, most := large[key], limits[key].max; most == 0 {
			t.Errorf("%s: %d, at most %d branches and %d lines are allowed", key, n, mostBranches,
				mostLines)
		} else if n > most {
			t.Errorf("%s: %d, more than the %d of testdata/functions.txt", key, n, most)
		}
	}
	for key, l := range limits {
		if large[key] == 0 {
			t.Errorf("%s: meets the limits now; remove its line from testdata/functions.txt", key)
		}
		if l.reason == "" {
			t.Errorf("%s: testdata/functions.txt gives no reason", key)
		}
	}
}

// Nothing but the list may excuse a function.
func TestNoComplexityDirectives(t *testing.T) {
	for _, s := range sources(t) {
		for _, c := range s.file.Comments {
			for _, line := range c.List {
				if strings.HasPrefix(line.Text, "//gocyclo:") {
					t.Errorf("%s: use internal/layers/testdata/functions.txt instead of %s", s.name, line.Text)
				}
			}
		}
	}
}

// TestFilesAreSmall holds files to mostFile lines.
func TestFilesAreSmall(t *testing.T) {
	counts := map[string]int{}
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > mostFile {
			counts[s.name] = n
		}
	}
	ratchet{list: "files.txt", what: "lines", slack: 1 << 20}.check(t, counts)
}

// TestLinesAreNarrow holds new lines to mostColumns: the number of longer
// lines of each package may only shrink.
func TestLinesAreNarrow(t *testing.T) {
	counts := map[string]int{}
	for _, s := range sources(t) {
		counts[s.dir()] += wideLines(s.text)
	}
	r := ratchet{list: "wide.txt", what: "lines of more than 100 columns", slack: 40}
	r.find = `^\+.{101}`
	r.check(t, counts)
}

// TestExportedNamesAreDocumented looks for exported functions, methods, types,
// constants and variables without a comment, outside of commands and tests.
// A method Error needs none: its interface documents it.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s has no comment", s.name, name)
			}
		}
	}
}

// undocumented returns the exported names of a declaration that have no comment.
func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc != nil || !d.Name.IsExported() || d.Recv != nil && !exportedReceiver(d) {
			return nil
		}
		if d.Recv == nil || d.Name.Name != "Error" {
			return []string{nameOf(d)}
		}
	case *ast.GenDecl:
		if d.Doc == nil {
			return undocumentedSpecs(d.Specs)
		}
	}
	return nil
}

func undocumentedSpecs(specs []ast.Spec) []string {
	var bare []string
	for _, spec := range specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Doc == nil && spec.Comment == nil && spec.Name.IsExported() {
				bare = append(bare, spec.Name.Name)
			}
		case *ast.ValueSpec:
			if spec.Doc == nil && spec.Comment == nil && spec.Names[0].IsExported() {
				bare = append(bare, spec.Names[0].Name)
			}
		}
	}
	return bare
}

func exportedReceiver(f *ast.FuncDecl) bool {
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// TestCheckers gives each checker of this package a file that breaks its rule.
func TestCheckers(t *testing.T) {
	branches := strings.Repeat("\tif n > 0 {\n\t\tn++\n\t}\n", 21)
	wide := "// " + strings.Repeat("x", 98) + "\n"
	text := "package p\n\n" + wide + "type t struct{}\n\nfunc (t) Good(n int) {\n}\n\n" +
		"func Bad(n int) {\n" + branches + "}\n\n// Doc goes on.\nfunc Copy(n int) {\n" + branches + "}\n"
	s, err := parse("dir/p.go", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	large := largeFunctions(s)
	if large["dir Bad branches"] != 22 || large["dir Copy lines"] != 65 || len(large) != 4 {
		t.Errorf("large functions: %v", large)
	}
	if n := wideLines(s.text); n != 1 {
		t.Errorf("%d wide lines", n)
	}
	var bare []string
	for _, d := range s.file.Decls {
		bare = append(bare, undocumented(d)...)
	}
	if !slices.Equal(bare, []string{"Bad"}) {
		t.Errorf("undocumented: %v", bare)
	}
	if b := blocks([]source{s}); len(b) == 0 || b[0].key() != "dir/p.go dir/p.go" {
		t.Errorf("duplicated blocks: %v", b)
	}
	if n := playfulWords(s.file); n != 1 {
		t.Errorf("%d words", n)
	}
}
