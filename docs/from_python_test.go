// Package docs holds tests of the documents beside it.
package docs

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A pythonName is a row of testdata/python.tsv: a name of Python's modules, and
// for a group of constants its members.
type pythonName struct {
	module, kind, name string
	members            []string
}

func pythonNames(t *testing.T) []pythonName {
	t.Helper()
	f, err := os.Open("testdata/python.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []pythonName
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 4 {
			t.Fatalf("a line with %d fields: %q", len(fields), lines.Text())
		}
		all = append(all, pythonName{fields[0], fields[1], fields[2], strings.Fields(fields[3])})
	}
	return all[1:] // without the title
}

// A row is one of the document's tables.
type row struct{ module, name, here string }

var title = regexp.MustCompile(`^## Module (\w+)`)

func rows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile("from-python.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	module := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if m := title.FindStringSubmatch(line); m != nil {
			module = m[1]
		}
		inner, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		name, here, ok := strings.Cut(strings.TrimSuffix(inner, "|"), "` | ")
		if !ok {
			t.Fatalf("a row without a second column: %q", line)
		}
		all = append(all, row{module, strings.ReplaceAll(name, `\|`, "|"), strings.TrimSpace(here)})
	}
	return all
}

func TestEveryPythonNameHasARow(t *testing.T) {
	have := map[string]bool{}
	for _, r := range rows(t) {
		key := r.module + " " + r.name
		if have[key] {
			t.Errorf("%s has two rows", key)
		}
		have[key] = true
		if len(r.here) < 2 {
			t.Errorf("%s says nothing", key)
		}
	}
	want := pythonNames(t)
	if len(want) != 412 {
		t.Errorf("%d names in testdata, want 412", len(want))
	}
	for _, p := range want {
		key := p.module + " " + p.name
		if !have[key] {
			t.Errorf("%s has no row", key)
		}
		delete(have, key)
	}
	for key := range have {
		t.Errorf("%s is no name of Python's", key)
	}
}

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	goName = regexp.MustCompile(`^[a-z][a-z0-9]*(\.[A-Z]\w*){1,2}$`)
)

func TestEveryNameExists(t *testing.T) {
	declared := declarations(t)
	text, err := os.ReadFile("from-python.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
		if !goName.MatchString(m[1]) {
			continue // a name of Python's, or a command
		}
		checked++
		if !declared[m[1]] {
			t.Errorf("%s is not in this module", m[1])
		}
	}
	if checked < 400 {
		t.Errorf("only %d names were found to check", checked)
	}
}

// declarations returns what this module's packages export: "package.Name", and
// "package.Type.Member" for methods and fields.
func declarations(t *testing.T) map[string]bool {
	t.Helper()
	all, embedded := map[string]bool{}, map[string][]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case !d.IsDir():
		case d.Name() == "testdata", d.Name() == "cmd", d.Name() == "internal", // not for others
			strings.HasPrefix(d.Name(), ".git"):
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			declare(all, file.Name.Name+".", decl)
			embeds(embedded, file.Name.Name+".", decl)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range maps.Clone(all) {
		typ, member := name[:strings.LastIndex(name, ".")], name[strings.LastIndex(name, "."):]
		for _, outer := range embedded[typ] {
			all[outer+member] = true
		}
	}
	return all
}

// embeds adds to the types that the structs of decl embed the names of those structs.
func embeds(outer map[string][]string, pkg string, decl ast.Decl) {
	gen, ok := decl.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, spec := range gen.Specs {
		typ, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		str, ok := typ.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range str.Fields.List {
			if len(f.Names) > 0 {
				continue
			}
			inner := pkg + receiver(f.Type)
			if sel, ok := f.Type.(*ast.SelectorExpr); ok {
				inner = receiver(sel.X) + "." + sel.Sel.Name
			}
			outer[inner] = append(outer[inner], pkg+typ.Name.Name)
		}
	}
}

func declare(all map[string]bool, pkg string, decl ast.Decl) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		name := decl.Name.Name
		if decl.Recv != nil {
			name = receiver(decl.Recv.List[0].Type) + "." + name
		}
		all[pkg+name] = true
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					all[pkg+n.Name] = true
				}
			case *ast.TypeSpec:
				all[pkg+spec.Name.Name] = true
				for _, m := range members(spec.Type) {
					all[pkg+spec.Name.Name+"."+m] = true
				}
			}
		}
	}
}

func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

func members(x ast.Expr) []string {
	var list *ast.FieldList
	switch x := x.(type) {
	case *ast.StructType:
		list = x.Fields
	case *ast.InterfaceType:
		list = x.Methods
	default:
		return nil
	}
	var names []string
	for _, f := range list.List {
		for _, n := range f.Names {
			names = append(names, n.Name)
		}
	}
	return names
}

// notOptions are members of the groups of options that are not options.
var notOptions = []string{
	"IP_DEFAULT_MULTICAST_LOOP", "IP_DEFAULT_MULTICAST_TTL", "IP_MAX_MEMBERSHIPS", "IPV6_RTHDR_TYPE_0", // values
	"IP_RETOPTS", "IP_RECVRETOPTS", // IP_OPTIONS and IP_RECVOPTS by other names
	"IPV6_PKTINFO", "IPV6_HOPLIMIT", // ancillary data
	"IP_ADD_SOURCE_MEMBERSHIP", "IP_BLOCK_SOURCE", "IP_DROP_SOURCE_MEMBERSHIP", "IP_UNBLOCK_SOURCE", // inet.JoinSource and its siblings
	"IP_PKTINFO", // inet.ReceivePacketInfo takes IP_RECVPKTINFO where there is one
	"SO_ORIGINAL_DST", "SO_BTH_ENCRYPT", "SO_BTH_MTU", "SO_BTH_MTU_MAX", "SO_BTH_MTU_MIN",
	"TCP_KEEPALIVE", // inet.KeepAliveIdle
}

// TestEveryOptionHasAType holds the options of this module against Python's
// constants: each is a typed option.
func TestEveryOptionHasAType(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"../socket/*.go", "../socket/inet/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	text := source.String()
	checked := 0
	for _, p := range pythonNames(t) {
		switch p.name {
		case "SO_*", "IP_*", "IPV6_*", "TCP_*":
		default:
			continue
		}
		for _, member := range p.members {
			if slices.Contains(notOptions, member) {
				continue
			}
			checked++
			if !strings.Contains(text, `("`+member+`"`) {
				t.Errorf("no typed option for %s", member)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d options were found to check", checked)
	}
}
