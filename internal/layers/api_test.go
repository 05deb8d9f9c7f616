package layers

import (
	"go/ast"
	"os/exec"
	"path"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/sealsock/sealsock"
)

// TestPublicNamesAreComplete: what a public package exports mentions no internal package,
// whose documentation its users cannot read.
func TestPublicNamesAreComplete(t *testing.T) {
	for _, s := range sources(t) {
		dir := s.dir() + "/"
		if s.isTest() || s.file.Name.Name == "main" || strings.Contains("/"+dir, "/internal/") ||
			strings.HasPrefix(dir, "test/") || strings.HasPrefix(dir, "bench/") {
			continue
		}
		for _, m := range internalMentions(s) {
			t.Errorf("%s: %s", s.name, m)
		}
	}
}

// mostScreen is how many lines go doc may print of the root package: two screens.
const mostScreen = 100

// TestRootPackageFitsTwoScreens: the root package is where a user begins.
func TestRootPackageFitsTwoScreens(t *testing.T) {
	if n := strings.Count(goDoc(t), "\n"); n > mostScreen {
		t.Errorf("go doc prints %d lines of the root package, more than %d", n, mostScreen)
	}
}

// TestConnShowsItsMethods: go doc lists each method of Conn. It lists none of an embedded
// type.
func TestConnShowsItsMethods(t *testing.T) {
	text := goDoc(t, "Conn")
	for m := range reflect.TypeFor[*sealsock.Conn]().Methods() {
		if !strings.Contains(text, "\nfunc (c *Conn) "+m.Name+"(") {
			t.Errorf("go doc Conn does not show %s", m.Name)
		}
	}
}

// goDoc returns what go doc prints of the root package.
func goDoc(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"doc", "."}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go doc: %v", err)
	}
	return string(out)
}

// TestInternalMentions: each kind of mention is found, and nothing else.
func TestInternalMentions(t *testing.T) {
	s, err := parse("p.go", []byte(`package p
import ("m/internal/a"; b "m/internal/x")
type Alias = a.T
type Embeds struct { *a.T }
type Holds struct { Field a.T; hidden a.T }
type hidden struct { Field a.T }
func (h Holds) Method(b.T) {}
func (h hidden) Method(b.T) {}
func F() (x a.T) { return b.X() }
func g() a.T { return b.X() }
func H() { a.X() }
var V = a.V
var v = a.V
`))
	if err != nil {
		t.Fatal(err)
	}
	want := "a.T in Alias, a.T in Embeds, a.T in Holds, b.T in Method, a.T in F, a.V in V"
	if got := strings.Join(internalMentions(s), ", "); got != want {
		t.Errorf("found %s\nwant  %s", got, want)
	}
}

// internalMentions returns the names of internal packages in the exported declarations of a
// file, without the bodies of functions and unexported fields.
func internalMentions(s source) (found []string) {
	m := mentions{internal: internalImports(s.file)}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d)) {
				m.look(d.Name, d.Type)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				m.lookSpec(spec)
			}
		}
	}
	return m.found
}

// internalImports returns the names under which a file imports internal packages.
func internalImports(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, imp := range file.Imports {
		from, _ := strconv.Unquote(imp.Path.Value)
		switch {
		case !strings.Contains(from, "/internal/"):
		case imp.Name != nil:
			names[imp.Name.Name] = true
		default:
			names[path.Base(from)] = true
		}
	}
	return names
}

// mentions collects the names of internal packages.
type mentions struct {
	internal map[string]bool
	found    []string
}

// look searches nodes that belong to the declaration of name.
func (m *mentions) look(name *ast.Ident, nodes ...ast.Node) {
	for _, n := range nodes {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.StructType:
				for _, f := range n.Fields.List {
					if len(f.Names) == 0 || f.Names[0].IsExported() {
						m.look(name, f.Type)
					}
				}
				return false
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && m.internal[x.Name] {
					m.found = append(m.found, x.Name+"."+n.Sel.Name+" in "+name.Name)
				}
			}
			return true
		})
	}
}

// lookSpec searches a type, a constant or a variable.
func (m *mentions) lookSpec(spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() {
			m.look(spec.Name, spec.Type)
		}
	case *ast.ValueSpec:
		if name := spec.Names[0]; name.IsExported() {
			if spec.Type != nil {
				m.look(name, spec.Type)
			}
			for _, v := range spec.Values {
				m.look(name, v)
			}
		}
	}
}
