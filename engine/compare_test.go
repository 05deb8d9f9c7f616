package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// public lists the comparisons of bytes that are no secrets, with the reason. Every other
// comparison of bytes must take constant time.
var public = map[string]string{
	"answers.go: bytes.Equal(c.Raw, der)":                        "certificates",
	"certificates.go: string(cert.Context) != string(a.context)": "both sides sent it",
	"client12.go: bytes.Equal(sh.SessionID, s.hello.SessionID)":  "sent in the clear",
	"connection_ids.go: bytes.Equal(own, id)":                    "sent in the clear",
	"ech.go: bytes.Equal(key.PublicKey().Bytes(), c.PublicKey)":  "a public key",
	"late13.go: bytes.Equal(q.Context, cert.Context)":            "both sides sent it",
	"client13_psk.go: bytes.Equal(p.Identity, identity)":         "sent in the clear",
	"server13_retry.go: bytes.Equal(h.Cookie, s.cookie)":         "sent in the clear",
	"server13_retry.go: bytes.Equal(old.Identity, id.Identity)":  "sent in the clear",
	"session.go: bytes.Equal(p.Identity, x.Identity)":            "sent in the clear",
	"sniff.go: bytes.Equal(in[:n], []byte(g.start[:n]))":         "the start of a protocol",
	"tickets.go: [16]byte(ticket[:16]) != *name":                 "sent in the clear",
}

// TestSecretsCompareInConstantTime type-checks the packages that hold secrets and finds each
// comparison of bytes whose time depends on the bytes: bytes.Equal and its relatives, == of
// byte arrays, of single bytes from two slices, and of strings made from bytes. Each must
// be in the list of public values, so a new one fails until a reader has decided on it.
//
// It proves that these packages compare other bytes with crypto/subtle or inside of an
// AEAD. It does not see lookups in maps, the code of the standard library or assembly, nor
// branches on a secret that are no comparison. TestTimingFinished and TestTimingEqual
// measure the comparisons that a peer can try.
func TestSecretsCompareInConstantTime(t *testing.T) {
	packages := listPackages(t, ".", "../internal/keys", "../internal/record",
		"../internal/ccm", "../internal/gcm", "..")
	fset := token.NewFileSet()
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(packages[path].Export) }
	from := importer.ForCompiler(fset, "gc", lookup)
	used, checked := map[string]bool{}, 0
	for path, p := range packages {
		if p.DepOnly {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
		if _, err := (&types.Config{Importer: from}).Check(path, fset, files, info); err != nil {
			t.Fatal(err)
		}
		checked++
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				e, ok := n.(ast.Expr)
				if !ok || !variableTime(info, e) {
					return true
				}
				name := filepath.Base(fset.Position(e.Pos()).Filename) + ": " + types.ExprString(e)
				used[name] = true
				if public[name] == "" {
					t.Errorf("%v: %s takes a time that depends on the bytes: use keys.Equal, "+
						"or list it in public with the reason", fset.Position(e.Pos()), name)
				}
				return true
			})
		}
	}
	if checked != 6 {
		t.Errorf("%d packages were checked, want 6", checked)
	}
	for name := range public {
		if !used[name] {
			t.Errorf("%s is listed and is not in the code", name)
		}
	}
}

// TestVariableTimeIsFound: the search finds each careless way of comparing.
func TestVariableTimeIsFound(t *testing.T) {
	const head = "package p\nfunc eq(a, b []byte, c, d [4]byte, s string) bool { return "
	for code, want := range map[string]bool{
		"string(a) == string(b)": true, "string(a) != s": true, "c == d": true, "a[0] == b[0]": true,
		"c[1] != d[1]": true, "len(a) == len(b)": false, "a[0] == 3": false, "s == \"x\"": false,
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "p.go", head+code+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
		if _, err := new(types.Config).Check("p", fset, []*ast.File{f}, info); err != nil {
			t.Fatal(err)
		}
		found := false
		ast.Inspect(f, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			found = found || ok && variableTime(info, e)
			return true
		})
		if found != want {
			t.Errorf("%s: found %v, want %v", code, found, want)
		}
	}
}

// A listedPackage is what go list prints about a package.
type listedPackage struct {
	Dir, ImportPath, Export string
	GoFiles                 []string
	DepOnly                 bool
}

// listPackages returns packages and what they import, with export data.
func listPackages(t *testing.T, patterns ...string) map[string]listedPackage {
	t.Helper()
	args := []string{"list", "-deps", "-export", "-json=Dir,ImportPath,Export,GoFiles,DepOnly"}
	out, err := exec.Command("go", append(args, patterns...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]listedPackage{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

// variableTime reports whether e compares bytes in a time that depends on them.
func variableTime(info *types.Info, e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CallExpr:
		fun := ast.Unparen(e.Fun)
		if index, ok := fun.(*ast.IndexExpr); ok {
			fun = index.X
		}
		sel, ok := fun.(*ast.SelectorExpr)
		if !ok || len(e.Args) < 2 {
			return false
		}
		f, ok := info.Uses[sel.Sel].(*types.Func)
		return ok && slices.Contains(comparers, f.FullName()) && ofBytes(info.TypeOf(e.Args[0]))
	case *ast.BinaryExpr:
		if e.Op != token.EQL && e.Op != token.NEQ && e.Op != token.LSS && e.Op != token.GTR {
			return false
		}
		if info.Types[e.X].Value != nil || info.Types[e.Y].Value != nil {
			return false // with a constant
		}
		if _, ok := info.TypeOf(e.X).Underlying().(*types.Array); ok {
			return ofBytes(info.TypeOf(e.X))
		}
		return fromBytes(info, e.X) || fromBytes(info, e.Y)
	}
	return false
}

// comparers are functions that stop at the first difference.
var comparers = []string{
	"bytes.Equal", "bytes.Compare", "bytes.HasPrefix", "bytes.HasSuffix", "bytes.Contains",
	"bytes.Index", "bytes.EqualFold", "slices.Equal", "slices.Compare", "reflect.DeepEqual",
}

// ofBytes reports whether typ is a slice or an array of bytes.
func ofBytes(typ types.Type) bool {
	var elem types.Type
	switch u := typ.Underlying().(type) {
	case *types.Slice:
		elem = u.Elem()
	case *types.Array:
		elem = u.Elem()
	default:
		return false
	}
	b, ok := elem.Underlying().(*types.Basic)
	return ok && b.Kind() == types.Uint8
}

// fromBytes reports whether e is an element of bytes, or a string made from bytes.
func fromBytes(info *types.Info, e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.IndexExpr:
		typ := info.TypeOf(e.X)
		if p, ok := typ.Underlying().(*types.Pointer); ok {
			typ = p.Elem()
		}
		return ofBytes(typ)
	case *ast.CallExpr:
		return info.Types[e.Fun].IsType() && len(e.Args) == 1 && ofBytes(info.TypeOf(e.Args[0])) &&
			types.Identical(info.TypeOf(e).Underlying(), types.Typ[types.String])
	}
	return false
}
