package suffix

import (
	"encoding/binary"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

var update = flag.Bool("update", false, "write the tables again")

// A list is what golang.org/x/net/publicsuffix has, by its files.
type list struct{ text, nodes, children string }

// libraryList reads the list of the module that go.mod requires. The layout of its
// files is described in its table.go.
func libraryList(t *testing.T) list {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/net/publicsuffix").Output()
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "data", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return list{read("text"), read("nodes"), read("children")}
}

// each calls f with each name of the list, and whether a rule for all of its children
// exists. lo and hi are the nodes below parent.
func (l list) each(parent string, lo, hi uint32, f func(name string, wild bool)) {
	for i := lo; i < hi; i++ {
		node := binary.BigEndian.Uint64(append([]byte{0, 0, 0}, l.nodes[5*i:5*i+5]...))
		length, offset := node&(1<<6-1), node>>6&(1<<16-1)
		name := l.text[offset : offset+length]
		if parent != "" {
			name += "." + parent
		}
		child := node >> 23 & (1<<10 - 1)
		below := binary.BigEndian.Uint32([]byte(l.children[4*child : 4*child+4]))
		f(name, below>>30&1 == 1)
		l.each(name, below&(1<<14-1), below>>14&(1<<14-1), f)
	}
}

// topLevel is the number of top-level domains: as many nodes as no other is the parent of.
func (l list) topLevel() uint32 {
	first := uint32(len(l.nodes) / 5)
	for i := 0; i < len(l.children); i += 4 {
		below := binary.BigEndian.Uint32([]byte(l.children[i : i+4]))
		if lo, hi := below&(1<<14-1), below>>14&(1<<14-1); lo < hi {
			first = min(first, lo)
		}
	}
	return first
}

func managed(name string) bool {
	suffix, icann := publicsuffix.PublicSuffix(name)
	return icann && suffix == name
}

// tables makes the tables of a list.
func (l list) tables() (suffixes, wild, except []string) {
	all := map[string]bool{}
	l.each("", 0, l.topLevel(), func(name string, children bool) {
		all[name] = true
		if managed(name) {
			suffixes = append(suffixes, name)
		}
		if children && managed("any-label."+name) {
			wild = append(wild, name)
		}
	})
	for name := range all {
		_, parent, _ := strings.Cut(name, ".")
		if slices.Contains(wild, parent) && !managed(name) {
			except = append(except, name)
		}
	}
	return suffixes, wild, except
}

func packed(names []string) table {
	var hashes []uint64
	for _, name := range names {
		hashes = append(hashes, hash(name))
	}
	slices.Sort(hashes)
	var out []byte
	for _, h := range hashes {
		out = append(out, binary.BigEndian.AppendUint64(nil, h)[2:]...)
	}
	return table(out)
}

// TestTables compares the tables with the list of golang.org/x/net. It fails if go.mod
// requires a version with a newer list: then run it with -update.
func TestTables(t *testing.T) {
	suffixes, wild, except := libraryList(t).tables()
	if len(suffixes) < 5000 || len(wild) < 5 || len(except) < 5 {
		t.Fatalf("the list has %d names, %d wildcards and %d exceptions",
			len(suffixes), len(wild), len(except))
	}
	for _, f := range []struct {
		name      string
		got, want table
	}{
		{"names.bin", names, packed(suffixes)},
		{"parents.bin", parents, packed(wild)},
		{"exceptions.bin", exceptions, packed(except)},
	} {
		if *update {
			if err := os.WriteFile(f.name, []byte(f.want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if f.got != f.want {
			t.Errorf("%s differs from the list: run go test ./internal/suffix -update", f.name)
		}
	}
}

// TestPublic asks for each name of the list, one below it, and one beside it.
func TestPublic(t *testing.T) {
	l := libraryList(t)
	asked := 0
	l.each("", 0, l.topLevel(), func(name string, _ bool) {
		for _, n := range []string{name, "a." + name, "a.b." + name, "a-" + name, name + "x"} {
			asked++
			if got, want := Public(n), managed(n); got != want {
				t.Errorf("Public(%q) = %v, want %v", n, got, want)
			}
		}
	})
	if asked < 40000 {
		t.Errorf("asked for %d names only", asked)
	}
}
