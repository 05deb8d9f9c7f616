package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A capability is a feature of a connection. It is tested with each program
// that supports it, in each role that the program supports.
type capability struct {
	name           string
	client, server trials
	// gaps list the programs without it and the evidence.
	gaps []string
	// alone names tests, as package.Test, with the library on both sides: no
	// program has the capability, or not in both roles.
	alone []string
}

// trials define how to test a capability with a program.
type trials map[*program]func(*testing.T, *program)

// with returns the same trial for several programs.
func with(run func(*testing.T, *program), programs ...*program) trials {
	all := trials{}
	for _, p := range programs {
		all[p] = run
	}
	return all
}

// and adds another trial.
func (all trials) and(run func(*testing.T, *program), programs ...*program) trials {
	for _, p := range programs {
		all[p] = run
	}
	return all
}

// A chapter is a table of capabilities in docs/interop.md.
type chapter struct {
	title, intro string
	rows         []*capability
}

// chapters follow the table of conversations.
var chapters = []*chapter{chapter13}

func TestCapabilities(t *testing.T) {
	for _, ch := range chapters {
		t.Run(ch.title, func(t *testing.T) {
			for _, row := range ch.rows {
				t.Run(row.name, func(t *testing.T) {
					t.Parallel()
					row.try(t, "client", row.client)
					row.try(t, "server", row.server)
				})
			}
		})
	}
}

func (c *capability) try(t *testing.T, role string, all trials) {
	for p, run := range all {
		t.Run(p.name+" "+role, func(t *testing.T) {
			t.Parallel()
			need(t, p)
			run(t, p)
		})
	}
}

// text returns the chapter for docs/interop.md. Each test that it names must
// exist.
func (ch *chapter) text() (string, error) {
	var columns []*program
	for _, p := range programs {
		if slices.ContainsFunc(ch.rows, func(c *capability) bool { return c.mark(p) != "–" }) {
			columns = append(columns, p)
		}
	}
	var b, gaps, alone strings.Builder
	fmt.Fprintf(&b, "\n## %s\n\n%s\n| |", ch.title, ch.intro)
	for _, p := range columns {
		fmt.Fprintf(&b, " %s |", p.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, row := range ch.rows {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, p := range columns {
			fmt.Fprintf(&b, " %s |", row.mark(p))
		}
		b.WriteString("\n")
		for _, gap := range row.gaps {
			fmt.Fprintf(&gaps, "- %s: %s\n", row.name, gap)
		}
		for _, name := range row.alone {
			if err := testExists(name); err != nil {
				return "", err
			}
			fmt.Fprintf(&alone, "- %s: `%s`\n", row.name, name)
		}
	}
	if gaps.Len() > 0 {
		b.WriteString("\nMissing programs and the reasons:\n\n" + gaps.String())
	}
	if alone.Len() > 0 {
		b.WriteString("\nFeatures that no other program supports in both roles are tested with the library on\nboth sides, or with Go's crypto/tls:\n\n" + alone.String())
	}
	return b.String(), nil
}

// mark returns the roles in which a program is tested.
func (c *capability) mark(p *program) string {
	switch client, server := c.client[p] != nil, c.server[p] != nil; {
	case client && server:
		return "both"
	case client:
		return "client"
	case server:
		return "server"
	}
	return "–"
}

// testExists looks for a test by package and name, such as engine.TestName; the
// root package is sealsock.
func testExists(name string) error {
	folder, test, _ := strings.Cut(name, ".")
	if folder == "sealsock" {
		folder = "."
	}
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), "\nfunc "+test+"(t *testing.T)") {
			return nil
		}
	}
	return fmt.Errorf("there is no test %s", name)
}
