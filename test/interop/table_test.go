package interop

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
)

// results are the contents of docs/interop.md.
var results = &table{cells: map[cell]string{}}

type cell struct {
	program  *program
	role     string
	scenario *scenario
}

// A table records why a scenario was not run, or "" if it was. It is written
// only after a run without failures.
type table struct {
	sync.Mutex
	cells map[cell]string
}

func (r *table) set(p *program, role string, s *scenario, why string) {
	r.Lock()
	defer r.Unlock()
	r.cells[cell{p, role, s}] = why
}

// write writes the table, which must hold a result for every program.
func (r *table) write(path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, tableIntro, today())
	for _, p := range everyProgram() {
		version, err := p.look()
		if err != nil {
			return fmt.Errorf("%s is not written: %s: %w", path, p.name, err)
		}
		fmt.Fprintf(&b, "- **%s**: %s\n", p.name, version)
	}
	b.WriteString(r.grid(programs, scenarios))
	for _, ch := range chapters {
		text, err := ch.text()
		if err != nil {
			return fmt.Errorf("%s is not written: %w", path, err)
		}
		b.WriteString(text)
	}
	b.WriteString(r.text12())
	b.WriteString(textDatagrams)
	b.WriteString(textDatagrams13())
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// grid is one table, and why it has gaps.
func (r *table) grid(programs []*program, scenarios []*scenario) string {
	var b strings.Builder
	b.WriteString("\n| |")
	for _, p := range programs {
		fmt.Fprintf(&b, " %s |", p.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(programs)) + "\n")
	for _, s := range scenarios {
		fmt.Fprintf(&b, "| %s |", s.name)
		for _, p := range programs {
			fmt.Fprintf(&b, " %s |", r.mark(p, s))
		}
		b.WriteString("\n")
	}
	return b.String() + r.reasons(programs, scenarios)
}

// mark returns the roles in which a program ran a scenario.
func (r *table) mark(p *program, s *scenario) string {
	client, okC := r.cells[cell{p, "client", s}]
	server, okS := r.cells[cell{p, "server", s}]
	switch client, server := okC && client == "", okS && server == ""; {
	case client && server:
		return "both"
	case client:
		return "client"
	case server:
		return "server"
	}
	return "–"
}

// reasons lists why there are gaps.
func (r *table) reasons(programs []*program, scenarios []*scenario) string {
	gaps := map[string][]string{} // program and reason to scenarios
	for _, s := range scenarios {
		for _, p := range programs {
			for _, role := range []string{"client", "server"} {
				why := r.cells[cell{p, role, s}]
				if why == "" || why == noRole {
					continue
				}
				key := p.name + ": " + why
				name := s.name
				if other := map[string]string{"client": "server", "server": "client"}[role]; r.cells[cell{p, other, s}] == "" {
					name += " as " + role
				}
				if !slices.Contains(gaps[key], name) {
					gaps[key] = append(gaps[key], name)
				}
			}
		}
	}
	var b strings.Builder
	b.WriteString("\nGaps and their reasons in the other programs:\n\n")
	for _, key := range slices.Sorted(maps.Keys(gaps)) {
		fmt.Fprintf(&b, "- %s (%s)\n", key, strings.Join(gaps[key], ", "))
	}
	return b.String()
}

const tableIntro = `# Interoperability with other TLS programs

Written by ` + "`go test ./test/interop -update`" + ` on %s, after a run without failures.
Each entry stands for a connection over TLS 1.3 in which the other program was
the client, the server, or each in turn (both). A side that received a
certificate verified it and its name. The suite, group, signature and protocol
were those of the row. A line was sent and echoed, and both sides ended the
connection with close_notify.

`
