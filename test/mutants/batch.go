package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Building a test binary takes seconds and running one test takes much less. So the
// mutants of one folder's tests are built into one binary: each function that is changed
// gets the changed bodies in front of its own, and an environment variable picks one.
// A change outside of a function, such as one of a table or of assembly, is built alone.

// chosen is the environment variable that picks a mutant by its number.
const chosen = "SEALSOCK_MUTANT"

// chooser is the file that each changed package gets.
const chooser = `package %s

import "os"

var sealsockMutant = os.Getenv(%q)
`

// A batch is the mutants that share a test binary.
type batch struct {
	dir    string // of the tests
	binary string
	err    error        // why there is no binary
	out    map[int]bool // the numbers of the mutants that are not in it
}

// A body is the place of a mutant in a generated file.
type body struct {
	id, first, last int // the number of the mutant, lines
}

// newBatch builds the binary of the mutants of one folder. Mutants that do not compile
// are left out.
func (l *lab) newBatch(dir string, rows map[int]*row) *batch {
	b := &batch{dir: dir, out: map[int]bool{}}
	work := filepath.Join(l.temp, "batch-"+strings.ReplaceAll(dir, "/", "_"))
	b.binary = filepath.Join(work, "test.exe")
	for range len(rows) + 1 {
		places, err := l.writeBatch(work, b, rows)
		if err != nil {
			b.err = err
			return b
		}
		b.err = l.build(dir, b.binary, "-overlay="+filepath.Join(work, "overlay.json"))
		if b.err == nil || !b.leaveOut(b.err.Error(), places) {
			return b
		}
	}
	return b
}

// compileError matches the file and the line of an error of the compiler.
var compileError = regexp.MustCompile(`([\w.-]+\.go):(\d+):\d+: `)

// leaveOut takes the mutants out of the batch whose bodies the compiler has refused. It
// reports whether there were any.
func (b *batch) leaveOut(text string, places map[string][]body) bool {
	found := false
	for _, m := range compileError.FindAllStringSubmatch(text, -1) {
		line, _ := strconv.Atoi(m[2])
		for _, p := range places[m[1]] {
			if line >= p.first && line <= p.last && !b.out[p.id] {
				b.out[p.id], found = true, true
			}
		}
	}
	return found
}

// byFile sorts the mutants that are in the batch by the file that they change.
func (b *batch) byFile(rows map[int]*row) map[string]map[int]*row {
	files := map[string]map[int]*row{}
	for id, r := range rows {
		if b.out[id] {
			continue
		}
		if files[r.file] == nil {
			files[r.file] = map[int]*row{}
		}
		files[r.file][id] = r
	}
	return files
}

// writeBatch writes the generated files and the overlay. It returns where the mutants
// stand, by the name of the generated file.
func (l *lab) writeBatch(work string, b *batch, rows map[int]*row) (map[string][]body, error) {
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	byFile := b.byFile(rows)
	replace, places := map[string]string{}, map[string][]body{}
	for file, list := range byFile {
		g, err := generate(l.root, file, list, b.out)
		if err != nil {
			return nil, err
		}
		if len(g.bodies) == 0 {
			continue
		}
		places[strings.ReplaceAll(file, "/", "_")] = g.bodies
		dir, _ := splitPath(file)
		for target, content := range map[string][]byte{
			file:                        g.text.Bytes(),
			dir + "/sealsock_mutant.go": fmt.Appendf(nil, chooser, g.pkg, chosen),
		} {
			with := filepath.Join(work, strings.ReplaceAll(target, "/", "_"))
			if err := os.WriteFile(with, content, 0o600); err != nil {
				return nil, err
			}
			replace[filepath.Join(l.root, filepath.FromSlash(target))] = with
		}
	}
	return places, writeOverlay(filepath.Join(work, "overlay.json"), replace)
}

// A generated is a source file with the bodies of mutants in it.
type generated struct {
	text   bytes.Buffer
	pkg    string // its package
	bodies []body
}

// generate makes a generated file of a source file. The mutants that stand in no
// function are put into out.
func generate(root, file string, rows map[int]*row, out map[int]bool) (*generated, error) {
	g := new(generated)
	left := maps.Clone(rows)
	if strings.HasSuffix(file, ".go") {
		source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		g.pkg = parsed.Name.Name
		done := 0
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || hasLabel(f.Body) {
				continue
			}
			start, end := set.Position(f.Body.Lbrace).Offset+1, set.Position(f.Body.Rbrace).Offset
			g.text.Write(source[done:start])
			done = start
			g.insert(string(source), start, end, f.Type.Results == nil, left)
		}
		g.text.Write(source[done:])
	}
	for id := range left {
		out[id] = true
	}
	return g, nil
}

// insert adds the bodies of the mutants that stand between start and end of the source, a
// function's body, and takes them out of left.
func (g *generated) insert(source string, start, end int, noResult bool, left map[int]*row) {
	for id, r := range left {
		at := r.place(source)
		if at < start || at+len(r.old) > end {
			continue
		}
		delete(left, id)
		first := g.line()
		fmt.Fprintf(&g.text, "\nif sealsockMutant == \"%d\" {\n%s%s%s\n",
			id, source[start:at], r.new, source[at+len(r.old):end])
		if noResult {
			g.text.WriteString("return\n")
		}
		g.text.WriteString("}\n")
		g.bodies = append(g.bodies, body{id, first, g.line()})
	}
}

// line is the number of the line that is written.
func (g *generated) line() int { return 1 + bytes.Count(g.text.Bytes(), []byte("\n")) }

// hasLabel reports whether a body has labels, which cannot be there twice.
func hasLabel(b *ast.BlockStmt) bool {
	found := false
	ast.Inspect(b, func(n ast.Node) bool {
		_, label := n.(*ast.LabeledStmt)
		found = found || label
		return !found
	})
	return found
}
