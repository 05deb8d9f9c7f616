package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const requirementsFile = "docs/requirements.md"

const introduction = `# Requirements

What the RFCs demand of an implementation of this kind with MUST and MUST NOT, where it is
kept, and which test shows it. This page is written from the tables in test/mutants by
` + "`go run ./test/mutants -requirements`" + `; a test compares them.

A requirement is proved by mutation where a change to the code that breaks it makes the
test beside it fail: ` + "`make mutants`" + ` tries every one. Others are shown by a test of
BoringSSL's suite, which is run as docs/conformance.md describes, or by a test that no
mutant has tried, or by none; the last column gives the reason.
`

// aboutMusts explains the column of that name.
const aboutMusts = `The column MUST is how often MUST and MUST NOT stand in the
document, without the paragraph that defines them; 0 means that they were not counted. A row
covers one sentence or several, and many sentences are for others; the last section of this
page says for which documents each sentence was looked at, and what it found. Sections of RFC
9846 have the numbers of RFC 8446.`

// A requirement is what the rows of one document, section and text make together.
type requirement struct {
	*row
	mutants int
	files   []string
	tests   []string
}

// proof tells how a requirement is shown.
func (r *requirement) proof() string {
	switch {
	case r.mutants == 1:
		return "1 mutant"
	case r.mutants > 1:
		return fmt.Sprintf("%d mutants", r.mutants)
	}
	return r.why
}

// kind sorts a requirement into one of the columns of the totals.
func (r *requirement) kind() int {
	switch {
	case r.mutants > 0:
		return 0
	case r.bogo != "":
		return 1
	case r.test != "":
		return 2
	}
	return 3
}

// requirements returns the text of docs/requirements.md.
func requirements() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(introduction)
	byDocument := map[string][]*requirement{}
	for _, r := range merged() {
		byDocument[r.doc] = append(byDocument[r.doc], r)
	}
	writeTotals(&b, byDocument)
	for _, d := range documents {
		list := byDocument[d.name]
		if len(list) == 0 {
			continue
		}
		slices.SortStableFunc(list, func(a, b *requirement) int {
			return compareSections(a.section, b.section)
		})
		fmt.Fprintf(&b, "\n## %s\n\n", d.heading())
		b.WriteString("| section | requirement | kept in | shown by | proof |\n|---|---|---|---|---|\n")
		for _, r := range list {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.section, r.must,
				strings.Join(r.files, ", "), strings.Join(r.tests, ", "), r.proof())
		}
	}
	err := writeSentences(&b)
	return b.Bytes(), err
}

func (d *document) heading() string {
	if d.name == own {
		return d.title
	}
	return d.name + " (" + d.title + ")"
}

// merged puts the rows of one requirement together, in the order of the tables.
func merged() []*requirement {
	var list []*requirement
	known := map[string]*requirement{}
	for _, r := range rows() {
		key := r.doc + "\x00" + r.section + "\x00" + r.must
		q := known[key]
		if q == nil {
			q = &requirement{row: r}
			known[key] = q
			list = append(list, q)
		}
		if r.old != "" {
			q.mutants++
		}
		add(&q.files, r.file)
		add(&q.tests, r.test)
		if r.bogo != "" {
			add(&q.tests, "BoGo "+r.bogo)
		}
	}
	return list
}

func add(list *[]string, s string) {
	if s != "" && !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// writeTotals writes the table of counts.
func writeTotals(b *bytes.Buffer, byDocument map[string][]*requirement) {
	b.WriteString("\n| document | MUST | rows | proved by mutation | BoGo | a test alone |")
	b.WriteString(" none, with a reason |\n")
	b.WriteString("|---|---|---|---|---|---|---|\n")
	var sum [6]int
	for _, d := range documents {
		n := [6]int{d.musts}
		for _, r := range byDocument[d.name] {
			n[1]++
			n[2+r.kind()]++
		}
		if n[1] == 0 {
			continue
		}
		for i := range n {
			sum[i] += n[i]
		}
		writeCounts(b, d.heading(), n)
	}
	writeCounts(b, "together", sum)
	fmt.Fprintf(b, "\nThere are %d mutants. %s\n", len(mutants()), aboutMusts)
}

func writeCounts(b *bytes.Buffer, name string, n [6]int) {
	fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d |\n", name, n[0], n[1], n[2], n[3], n[4], n[5])
}

// compareSections compares section numbers part by part; what does not begin
// with a number, an appendix, comes last.
func compareSections(a, b string) int {
	split := func(s string) []string {
		return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("., ()", r) })
	}
	return slices.CompareFunc(split(a), split(b), func(a, b string) int {
		x, errX := strconv.Atoi(a)
		y, errY := strconv.Atoi(b)
		switch {
		case errX == nil && errY == nil:
			return cmp.Compare(x, y)
		case errX == nil:
			return -1
		case errY == nil:
			return 1
		}
		return cmp.Compare(a, b)
	})
}
